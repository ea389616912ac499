package sqlite

import (
	"context"
	"fmt"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// TestCache sees the cache grow with the number of requests, at once and in a
// store that has them already.
func TestCache(t *testing.T) {
	dir := t.TempDir()
	open := func() *Store {
		s, err := Open(t.Context(), dir, &Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	size := func(s *Store) int64 {
		c := <-s.writer
		defer func() { s.writer <- c }()
		r, err := c.first(context.Background(), "PRAGMA cache_size")
		if err != nil {
			t.Fatal(err)
		}
		return r.int(0)
	}
	s := open()
	if got := size(s); got != -16384 {
		t.Errorf("a new store has a cache of %d", got)
	}
	for n := 0; n < manyRequests; {
		var entries []store.Entry
		for range 10_000 {
			n++
			r := trawl.Request{URL: fmt.Sprintf("https://a.test/%d", n), Kind: trawl.KindPage, Spider: "s"}
			entries = append(entries, store.Entry{Request: r, Key: r.Key(), Host: 1, HostName: "a.test"})
		}
		if _, err := s.Add(t.Context(), entries, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if got := size(s); got != -65536 {
			t.Errorf("a store of %d requests has a cache of %d", manyRequests, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open()
	}
	s.Close()
}
