package crawl

import (
	"runtime"
	"testing"

	"github.com/trawl-go/trawl"
)

// TestProducers looks inside: the number of workers is seen from without only
// as speed.
func TestProducers(t *testing.T) {
	for _, c := range []struct {
		set  trawl.Settings
		want int
	}{
		{trawl.Settings{}, 0},
		{trawl.Settings{Producers: 3}, 3},
		{trawl.Settings{Workers: trawl.Threads(5)}, 5},
		{trawl.Settings{Producers: 3, Workers: trawl.Threads(5)}, 3},
		{trawl.Settings{Workers: trawl.Processes(2)}, 8},
		{trawl.Settings{Workers: trawl.Processes(20)}, 20},
		{trawl.Settings{Workers: trawl.Processes(0)}, max(8, runtime.NumCPU())},
		{trawl.Settings{Producers: 3, Workers: trawl.Processes(20)}, 3},
	} {
		if got := (&spider{set: c.set}).producers(); got != c.want {
			t.Errorf("%d producers, workers %q: %d page workers, want %d", c.set.Producers, c.set.Workers, got, c.want)
		}
	}
}
