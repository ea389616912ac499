package spider

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
)

// A Sighting is how one thing in a spider fared on one page: a selector, or
// a call that got no address.
type Sighting struct {
	Line, Col int32 // of the call

	// Kind and Query are "css" or "xpath" and what is written there. Without
	// Kind it is no selector, and Text is to be told.
	Kind, Query string

	Tried, Matched int
	Asked          bool // the spider tests for a match itself

	// Text of a selector is why it may have found nothing, if that is known.
	Text string
}

// A Judge makes warnings of the sightings of all pages of a spider, wherever
// they were parsed. It is safe for concurrent use.
type Judge struct {
	file  string
	stats sync.Map // selectorAt → *siteStat
	n     atomic.Int64
}

// NewJudge returns a judge for a spider; the name is that given to [Load].
func NewJudge(name string) *Judge { return &Judge{file: fileName(name)} }

// File returns how places name the spider's file.
func (j *Judge) File() string { return j.file }

// fileName is how places name the file of a spider.
func fileName(name string) string {
	file := path.Base(strings.ReplaceAll(name, `\`, "/"))
	if !strings.HasSuffix(file, ".star") {
		file += ".star"
	}
	return file
}

// siteStat is how a selector fared on all pages.
type siteStat struct {
	matched atomic.Int64           // pages on which it matched
	empty   atomic.Int64           // pages in a row on which it did not
	reason  atomic.Pointer[string] // why it may not have
	told    atomic.Bool            // the reason was told
}

// Warnings returns what is worth telling about a page, given its sightings,
// in their order.
func (j *Judge) Warnings(page []Sighting) []string {
	var texts []string
	for i := range page {
		sg := &page[i]
		text := sg.Text
		if sg.Kind != "" {
			if text = j.selector(sg); text != "" {
				text = fmt.Sprintf("%s %q %s", sg.Kind, sg.Query, text)
			}
		}
		if text != "" {
			texts = append(texts, fmt.Sprintf("%s:%d: %s", j.file, sg.Line, text))
		}
	}
	return texts
}

// selector records one page and returns what to say about a selector, "" for
// nothing.
func (j *Judge) selector(sg *Sighting) string {
	st := j.stat(selectorAt{site{sg.Line, sg.Col}, sg.Kind, sg.Query})
	text := ""
	if st != nil {
		text = st.seen(sg.Matched > 0, sg.Asked)
	}
	if sg.Matched > 0 {
		return text
	}
	if sg.Tried >= triedEnough {
		text = fmt.Sprintf("matched 0 of %d", sg.Tried)
	}
	if st == nil {
		return text
	}
	if sg.Text != "" {
		st.reason.Store(&sg.Text)
	}
	// A reason is worth telling at once, and once.
	if why := st.reason.Load(); why != nil && (text != "" || !st.told.Swap(true)) {
		text = cmp.Or(text, "matched nothing") + "; " + *why
	}
	return text
}

// stat returns the record of a selector, nil if there are too many.
func (j *Judge) stat(key selectorAt) *siteStat {
	v, ok := j.stats.Load(key)
	if !ok {
		if j.n.Load() >= maxWatched {
			return nil
		}
		var loaded bool
		if v, loaded = j.stats.LoadOrStore(key, new(siteStat)); !loaded {
			j.n.Add(1)
		}
	}
	return v.(*siteStat)
}

// seen records one page. It returns what to say once the selector has not
// matched on pagesEnough pages in a row.
func (st *siteStat) seen(matched, asked bool) string {
	if matched {
		st.matched.Add(1)
		st.empty.Store(0)
		return ""
	}
	if st.empty.Add(1) != pagesEnough {
		return ""
	}
	if before := st.matched.Load(); before > 0 {
		return fmt.Sprintf("matched nothing on the last %d pages, after matching on %d", pagesEnough, before)
	}
	if asked {
		return ""
	}
	return fmt.Sprintf("matched nothing on the first %d pages", pagesEnough)
}
