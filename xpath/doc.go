// Package xpath evaluates XPath 1.0 on pages parsed by golang.org/x/net/html.
//
// Start with [NewDoc], which indexes a parsed page, and [Compile]. An [Expr]
// is compiled once and used by any number of goroutines on any number of
// documents; [Doc], [Node] and [Value] are safe for concurrent use, too.
//
//	root, err := html.ParseWithOptions(r, html.ParseOptionEnableScripting(false))
//	…
//	doc := xpath.NewDoc(root)
//	titles := xpath.MustCompile(`//li/span[@class="title"][1]`, nil)
//	nodes, err := titles.Nodes(ctx, doc.Root(), nil)
//
// Parse with scripting off, as above, or what is inside noscript, often the
// only real pictures of a page, is text and not elements.
//
// # What it does
//
// It is all of XPath 1.0: every axis, predicates with their positions, the
// whole function library, variables, unions; results are in document order
// without duplicates. Its answers are compared with those of libxml2 on
// identical trees, about 900 expressions by hand and more by a generator, and
// with an evaluator written down from the recommendation without any thought
// of speed. It accepts the expressions that libxml2 accepts. The few
// differences are listed in the tests, each with the paragraph it rests on;
// those one might notice:
//
//   - Numbers are written as section 4.2 asks, never with an exponent and with
//     the digits that tell them apart: 0.1 + 0.2 is 0.30000000000000004.
//   - An unknown function, a wrong number of arguments, or something else where
//     nodes are needed is an error of Compile, even where the evaluation would
//     not get to it.
//   - .//. includes the context node.
//
// White space is space, tab, newline and carriage return, in normalize-space
// as elsewhere. A no-break space (&nbsp;) is not, here as in libxml2.
//
// # Rules for HTML
//
//   - Names are matched as the tree has them. The parser puts names of elements
//     and attributes in lower case, so //DIV finds nothing. Inside svg and math
//     it restores the case that those have: //foreignObject, @viewBox.
//   - There are no namespaces: elements of svg and math are found by their plain
//     names, namespace-uri() is "", the namespace axis is empty. A name with a
//     prefix is matched as written: @xlink:href, //fb:like, //@xml:lang.
//   - An attribute written without a value has the value "": ask whether it is
//     there, [@checked], not what it says. Of an attribute written twice the
//     first counts.
//   - The contents of template are below the template element, as other
//     contents are.
//   - The parser adds the elements that HTML implies: html, head, body, and the
//     tbody around the rows of a table. //table/tr finds nothing, //table//tr
//     and //table/tbody/tr do.
//   - id() looks at the id attribute, and the first element in the document
//     wins. lang() looks at xml:lang and lang.
//   - The doctype is not a node; there are no processing instructions.
//
// [Expr.Hint] tells in a sentence which of these may be behind an expression
// that found nothing.
//
// # Extras
//
// Options.Extras adds functions that XPath 1.0 does not have. Without it they
// are errors.
//
//	matches(string, pattern[, flags])               of XPath 2.0
//	replace(string, pattern, replacement[, flags])  of XPath 2.0: $1, \$ and \\ in the replacement
//	lower-case(string)                              of XPath 2.0
//	ends-with(string, suffix)                       of XPath 2.0
//	string-join(nodes, separator)                   of XPath 2.0
//	has-class(name, …)                              the context node has all these classes
//
// Patterns are those of package regexp, which take linear time; flags are i, m
// and s. A literal pattern is compiled with the expression. A computed one is
// compiled when it is met, and the last 16 are remembered for the evaluation.
//
// # Strangers' expressions and pages
//
// No expression and no page makes this package panic, overflow the stack, or
// run for long: Compile bounds length and nesting, and every evaluation has a
// budget of work (EvalOptions.Budget) and looks at its context.
//
// # Speed
//
// A Doc costs a walk over the tree, a few percent of parsing the page, and 24
// bytes a node. An index of names and a table of attributes, 30 bytes a node or
// so, are added once a page has been searched enough to pay for them. //a/@href, //div[@class="x"]//img, .//span[1], //li[last()] and
// their like take one pass over the nodes with the last name, or a part of it;
// asking for one node or for a boolean stops at the first. No step takes more
// than linear time for a whole node-set, apart from its predicates, unless they
// count positions.
//
// Package bench/xpath of this repository measures it beside antchfx/xpath
// 1.3.9, cascadia 1.3.5 and libxml2 2.9.14 through lxml, and its TestWrong
// shows the answers in this table:
//
//	expression                         here and libxml2    antchfx/xpath 1.3.9
//	//li/span[@class="t"][1]           s1 s3               s1          position after another predicate
//	//span[@class="t"][last()]         s2 s3               s3
//	(//span)[position()<=2]            s1 s2               s1 s2 s3    position in a group
//	//h2/following::p[1]               p1 p3               p1 p2 p3 p3
//	//div//a                           a1 a2               a1 a2 a1    duplicates
//	.//a[1]                            a1 a2 a3            a3 a2 a1    order, so string(.//a[1]) is a3
//	//a/@href | //img/@src             /1 /2 i1 /3 i2      /1 /2 /3 i1 i2
//	normalize-space(//title)           "T\u00a0x"          "T x"
//	sum(//img/@width) with "abc"       NaN                 10
//	id("d2"), lang("en"), $v           work                errors
//	(//a).[position()<=3]              error               accepted
//	contains(1, 2)                     false               panic
//
// Cascadia answers rightly, and is about as fast for a single attribute or
// class; it has no positions, parents, texts or attributes as results.
package xpath
