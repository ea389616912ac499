package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A countedContext ends when its Done is asked for the nth time.
type countedContext struct {
	context.Context
	cancel context.CancelFunc
	n      atomic.Int32
}

func (c *countedContext) Done() <-chan struct{} {
	if c.n.Add(-1) == 0 {
		c.cancel()
		for range 1000 { // so that who waits for it takes note
			runtime.Gosched()
		}
	}
	return c.Context.Done()
}

// Wherever in a write its context ends, the next write works: none leaves a
// transaction open.
func TestCanceledWriteLeavesNothingOpen(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	add := func(ctx context.Context, n int) error {
		r := trawl.Request{URL: fmt.Sprintf("https://example.test/%d", n), Spider: "s"}
		key, host, err := trawl.Identify(r.Kind, r.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Add(ctx, []store.Entry{{Key: key, Host: store.HostOf(host), HostName: host, Due: t0, Request: r}}, nil)
		return err
	}
	canceled := 0
	for n := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		c := &countedContext{Context: ctx, cancel: cancel}
		c.n.Store(int32(n % 8))
		switch err := add(c, 2*n); {
		case errors.Is(err, context.Canceled):
			canceled++
		case err != nil:
			t.Fatalf("Add() = %v, want nil or %v", err, context.Canceled)
		}
		cancel()
		if err := add(t.Context(), 2*n+1); err != nil {
			t.Fatalf("Add() after one that was canceled = %v", err)
		}
	}
	if canceled < 25 {
		t.Errorf("%d writes were canceled, too few to show anything", canceled)
	}
}
