// Package xpath evaluates XPath 1.0 on pages parsed by golang.org/x/net/html.
//
// Start with NewDoc, which indexes a parsed page, and Compile. An Expr is
// compiled once and may be used by any number of goroutines on any number of
// documents.
package xpath
