package spider

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl/internal/extract"
)

// TestPanicIsAnError looks inside, as no panic is known that could be brought
// about from without.
func TestPanicIsAnError(t *testing.T) {
	s, err := Load("x.star", []byte("def parse(page): pass\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = s.call(context.Background(), "test", nil, func(*starlark.Thread) error { panic("boom") })
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("call = %v, want an Error", err)
	}
	if e.Place != "x.star" || e.Msg != "internal error: boom" || !strings.Contains(e.Stack, "inside_test.go") {
		t.Errorf("error %#v, want the place, the panic and our stack", e)
	}
	if strings.Contains(e.Error(), ".go") {
		t.Errorf("message %q shows our stack", e)
	}
}

// TestWatchIsBounded looks inside: what a watch holds cannot be seen from
// without.
func TestWatchIsBounded(t *testing.T) {
	var w watch
	var once onceEach
	judge := NewJudge("x")
	for i := range 3 * maxWatched {
		query := "#x" + strconv.Itoa(i)
		w.selected(site{1, 1}, "css", query, extract.Selection{}, false)
		w.lost(site{int32(i), 1}, query)
		once.first(selectorAt{site{1, 1}, "css", query})
		judge.Warnings([]Sighting{{Line: 1, Col: 1, Kind: "css", Query: query}})
	}
	held, told := 0, 0
	judge.stats.Range(func(any, any) bool { held++; return true })
	once.seen.Range(func(any, any) bool { told++; return true })
	if len(w.selectors) > maxWatched || len(w.losses) > maxWatched || held > maxWatched || told > maxWatched {
		t.Errorf("%d selectors, %d losses, %d and %d over all pages; want at most %d each", len(w.selectors), len(w.losses), held, told, maxWatched)
	}
}
