// Package xpath compares the package xpath with what a Go or Python program
// would use instead: antchfx/xpath, cascadia where a CSS selector asks for the
// same, and libxml2 through lxml.
//
//	go test -run '^$' -bench . ./xpath
//	go test -run Targets ./xpath -targets
//
// The second form measures all engines in turns, so that a noisy machine slows
// each of them, and prints the ratios. Lxml's side needs a python3 with lxml.
// The pages are generated ones, and those below TRAWL_CAPTURES if it is set.
package xpath
