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

// warnings returns what is worth telling about the page, in the order of the
// source.
func (w *watch) warnings(ctx context.Context, s *Spider) []string {
	type warning struct {
		at   site
		text string
	}
	var list []warning
	for key, t := range w.selectors {
		stat, text := s.sites.seen(key, t.matched > 0, t.asked)
		if t.matched == 0 && t.tried >= triedEnough {
			text = fmt.Sprintf("matched 0 of %d", t.tried)
		}
		// A reason is worth telling at once, and once.
		if t.matched == 0 && stat != nil && (text != "" || !stat.hinted.Swap(true)) {
			if why := emptyReason(ctx, key, t); why != "" {
				text = cmp.Or(text, "matched nothing") + "; " + why
			}
		}
		if text != "" {
			list = append(list, warning{key.site, fmt.Sprintf("%s %q %s", key.kind, key.query, text)})
		}
	}
	for at, t := range w.follows {
		if t.matched == 0 && t.tried >= triedEnough {
			list = append(list, warning{at, fmt.Sprintf("page.follow got no address, %d times", t.tried)})
		}
	}
	for key := range w.losses {
		list = append(list, warning{key.site, key.what})
	}
	slices.SortFunc(list, func(a, b warning) int {
		return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.col, b.at.col), cmp.Compare(a.text, b.text))
	})
	var texts []string
	for _, wn := range list {
		texts = append(texts, fmt.Sprintf("%s:%d: %s", s.file, wn.at.line, wn.text))
	}
	return texts
}

// siteStats remembers over all pages of a spider which selectors match. It is
// safe for concurrent use.
type siteStats struct {
	stats sync.Map // selectorAt → *siteStat
	n     atomic.Int64
}

type siteStat struct {
	matched atomic.Int64 // pages on which it matched
	empty   atomic.Int64 // pages in a row on which it did not
	hinted  atomic.Bool  // a reason was looked for
}

// seen records one page and returns what to say about the selector, once it
// has not matched on pagesEnough pages in a row. The siteStat is nil if there
// are too many selectors to remember.
func (s *siteStats) seen(key selectorAt, matched, asked bool) (*siteStat, string) {
	v, ok := s.stats.Load(key)
	if !ok {
		if s.n.Load() >= maxWatched {
			return nil, ""
		}
		var loaded bool
		if v, loaded = s.stats.LoadOrStore(key, new(siteStat)); !loaded {
			s.n.Add(1)
		}
	}
	st := v.(*siteStat)
	if matched {
		st.matched.Add(1)
		st.empty.Store(0)
		return st, ""
	}
	if st.empty.Add(1) != pagesEnough {
		return st, ""
	}
	if before := st.matched.Load(); before > 0 {
		return st, fmt.Sprintf("matched nothing on the last %d pages, after matching on %d", pagesEnough, before)
	}
	if asked {
		return st, ""
	}
	return st, fmt.Sprintf("matched nothing on the first %d pages", pagesEnough)
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
