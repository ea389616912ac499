package isolate

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/trawl-go/trawl/process"
)

// TestStartError looks inside, as a system without processes cannot be had.
func TestStartError(t *testing.T) {
	s := newSpider(Source{Name: "test.star"}, nil, 1)
	broken := fmt.Errorf("%w: %w", process.ErrPoolBroken, errors.New("fork: no memory"))
	err := s.failure(t.Context(), "parsing the page", broken)
	var e *StartError
	if !errors.As(err, &e) || !e.Fatal() || !errors.Is(err, process.ErrPoolBroken) {
		t.Fatalf("failure = %#v, want a StartError", err)
	}
	if got, want := err.Error(), "test.star: worker processes cannot be started: process: pool is broken: fork: no memory"; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.failure(ctx, "parsing the page", broken); err != context.Canceled {
		t.Errorf("failure = %v, want %v", err, context.Canceled)
	}
}
