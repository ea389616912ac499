package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

func open(t testing.TB, dir string, opts *sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

// t0 is when things happen in the tests.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestConformance(t *testing.T) {
	// Waiting for the disk tells the race detector nothing.
	t.Run("default", func(t *testing.T) { conformance(t, &sqlite.Options{NoSync: sampled}) })
	for _, n := range []int{1, 7} { // few tests would fill the backlog
		t.Run(fmt.Sprintf("backlog=%d", n), func(t *testing.T) {
			opts := sqlite.WithBacklog(n)
			opts.NoSync = true
			conformance(t, opts)
		})
	}
}

func conformance(t *testing.T, opts *sqlite.Options) {
	dirs := map[store.Store]string{}
	storetest.Test(t, storetest.Driver{
		Open: func(t testing.TB) store.Store {
			dir := t.TempDir()
			s := open(t, dir, opts)
			dirs[s] = dir
			return s
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			r := open(t, dirs[s], opts)
			dirs[r] = dirs[s]
			return r
		},
		Waits: true,
	})
}
