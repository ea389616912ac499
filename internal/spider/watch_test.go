package spider

import (
	"strconv"
	"testing"

	"github.com/trawl-go/trawl/internal/extract"
)

// TestWatchIsBounded looks inside: what a watch holds cannot be seen from
// without.
func TestWatchIsBounded(t *testing.T) {
	var w watch
	var stats siteStats
	for i := range 3 * maxWatched {
		query := "#x" + strconv.Itoa(i)
		w.selected(site{1, 1}, "css", query, extract.Selection{}, false)
		w.lost(site{int32(i), 1}, query)
		stats.seen(selectorAt{site{1, 1}, "css", query}, false, false)
	}
	held := 0
	stats.stats.Range(func(any, any) bool { held++; return true })
	if len(w.selectors) > maxWatched || len(w.losses) > maxWatched || held > maxWatched {
		t.Errorf("%d selectors, %d losses, %d over all pages; want at most %d each", len(w.selectors), len(w.losses), held, maxWatched)
	}
}
