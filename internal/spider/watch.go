package spider

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/trawl-go/trawl/internal/extract"
)

// A site is a place in the spider from where something is called.
type site struct{ line, col int32 }

func (at site) place(s *Spider) string {
	if at.line == 0 {
		return s.file
	}
	return fmt.Sprintf("%s:%d:%d", s.file, at.line, at.col)
}

// A selector as it is called from one place.
type selectorAt struct {
	site
	kind  string // "css" or "xpath"
	query string
}

// A watch counts, for one page, how often each selector was tried and matched,
// and the addresses that were missing.
type watch struct {
	selectors map[selectorAt]*tally
	follows   map[site]*tally // as many as there are calls in the source
	losses    map[lossAt]bool
}

type tally struct {
	tried, matched int
	asked          bool              // the spider tests for a match itself
	first          extract.Selection // what it was tried on first
}

type lossAt struct {
	site
	what string
}

// maxWatched bounds what a watch remembers: selectors that a spider makes up
// as it goes are not worth more.
const maxWatched = 500

// selected counts one use of a selector. It returns nil if there are too many
// to count.
func (w *watch) selected(at site, kind, query string, on extract.Selection, matched bool) *tally {
	key := selectorAt{at, kind, query}
	t := w.selectors[key]
	if t == nil {
		if len(w.selectors) >= maxWatched {
			return nil
		}
		if w.selectors == nil {
			w.selectors = make(map[selectorAt]*tally)
		}
		t = &tally{first: on}
		w.selectors[key] = t
	}
	t.tried++
	if matched {
		t.matched++
	}
	return t
}

// addressed counts one use of page.follow or page.save, with an address or
// without. A file without one is missed; a page without one is how a list
// ends, unless there never is one.
func (w *watch) addressed(at site, what string, ok bool) {
	if what != "page.follow" {
		if !ok {
			w.lost(at, what+" got no address")
		}
		return
	}
	t := w.follows[at]
	if t == nil {
		if w.follows == nil {
			w.follows = make(map[site]*tally)
		}
		t = new(tally)
		w.follows[at] = t
	}
	t.tried++
	if ok {
		t.matched++
	}
}

func (w *watch) lost(at site, what string) {
	if w.losses == nil {
		w.losses = make(map[lossAt]bool)
	}
	if len(w.losses) < maxWatched {
		w.losses[lossAt{at, what}] = true
	}
}

const (
	// A selector that is tried this often on a page and never matches is
	// worth a warning; less often, there may be nothing to match.
	triedEnough = 5

	// So is one that did not match on this many pages in a row.
	pagesEnough = 10
)

// sightings returns how the selectors fared, and what else is worth telling,
// in the order of the source.
func (w *watch) sightings(ctx context.Context, s *Spider) []Sighting {
	var list []Sighting
	for key, t := range w.selectors {
		sg := Sighting{Line: key.line, Col: key.col, Kind: key.kind, Query: key.query, Tried: t.tried, Matched: t.matched, Asked: t.asked}
		// A reason takes time to find, and once is mostly enough.
		if t.matched == 0 && (t.tried >= triedEnough || s.explained.first(key)) {
			sg.Text = emptyReason(ctx, key, t)
		}
		list = append(list, sg)
	}
	for at, t := range w.follows {
		if t.matched == 0 && t.tried >= triedEnough {
			list = append(list, Sighting{Line: at.line, Col: at.col, Text: fmt.Sprintf("page.follow got no address, %d times", t.tried)})
		}
	}
	for key := range w.losses {
		list = append(list, Sighting{Line: key.line, Col: key.col, Text: key.what})
	}
	slices.SortFunc(list, func(a, b Sighting) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Query, b.Query), cmp.Compare(a.Text, b.Text))
	})
	return list
}

// onceEach remembers selectors, up to maxWatched. It is safe for concurrent
// use.
type onceEach struct {
	seen sync.Map // of selectorAt
	n    atomic.Int64
}

// first tells whether it is asked for a selector for the first time. Of
// selectors that are too many to remember it says false.
func (o *onceEach) first(key selectorAt) bool {
	if _, ok := o.seen.Load(key); ok || o.n.Load() >= maxWatched {
		return false
	}
	if _, ok := o.seen.LoadOrStore(key, true); ok {
		return false
	}
	o.n.Add(1)
	return true
}

// childRow finds the selectors that lxml's parser allows and HTML's does not.
var childRow = regexp.MustCompile(`\btable[^,]*>\s*tr\b`)

// emptyReason says why a selector may have found nothing; "" if no reason is
// known.
func emptyReason(ctx context.Context, key selectorAt, t *tally) string {
	if key.kind == "xpath" {
		return t.first.XPathHint(ctx, key.query)
	}
	if childRow.MatchString(key.query) && !strings.Contains(key.query, "tbody") {
		return "the rows of a table are in its tbody; write \"table tr\""
	}
	return ""
}
