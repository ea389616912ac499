package trawl

import (
	"context"
	"iter"
)

// A Spider says what to collect from a site.
//
// Starlark spiders, Go functions and spiders in worker processes satisfy it.
// Its methods are called from many goroutines at once.
type Spider interface {
	// Settings returns what the spider says of itself; always the same.
	Settings() Settings

	// Start yields the first requests in an order that does not change from
	// run to run. It ends with a non-nil error if it cannot go on.
	Start(ctx context.Context) iter.Seq2[Request, error]

	// Parse reads one page. The Page belongs to the call; the Result to the
	// caller. An error means that the page could not be parsed at all and
	// counts as a failed page; an item that fails is in Result.Failed. The
	// page is counted under the reason "spider", or the one that a method
	// Reason() string of the error gives: a word such as "memory". A
	// method Fatal() bool that gives true ends the job: no page would fare
	// better, and this one is not to blame.
	Parse(ctx context.Context, p *Page) (*Result, error)
}
