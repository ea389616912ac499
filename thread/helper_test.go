package thread_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func yield() { runtime.Gosched() }

// scope runs fn in a Scope, and fails the test if threads are left behind.
func scope(t *testing.T, opts *thread.ScopeOptions, fn func(ctx context.Context)) {
	t.Helper()
	err := thread.Scope(t.Context(), func(ctx context.Context) error {
		fn(ctx)
		return nil
	}, opts)
	if err != nil {
		t.Error(err)
	}
	if n := thread.ActiveCount(); n != 1 {
		t.Errorf("%d threads left behind: %v", n-1, thread.Enumerate()[1:])
	}
}

// bubble is scope under virtual time: synctest.Wait waits until everybody
// else is blocked, and time passes only when everybody is.
func bubble(t *testing.T, fn func(t *testing.T, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		scope(t, nil, func(ctx context.Context) { fn(t, ctx) })
	})
}

// within returns a context that ends after d.
func within(t *testing.T, ctx context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(ctx, d)
	t.Cleanup(cancel)
	return ctx
}

// ended returns a context that has ended.
func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// wantErr checks err with errors.Is; nil wants nil.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

// said is what happened, in order.
type said struct {
	mu    sync.Mutex
	words []string
}

func (s *said) say(word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words = append(s.words, word)
}

func (s *said) want(t *testing.T, words ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.words, words) {
		t.Errorf("happened: %q, want %q", s.words, words)
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
