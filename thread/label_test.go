package thread_test

import (
	"context"
	"fmt"
	"runtime/pprof"
	"testing"

	"github.com/trawl-go/trawl/thread"
)

// A thread's profiler labels are its name and those of whoever started it,
// however many threads there are and whatever they were called before.
func TestLabels(t *testing.T) {
	plain := t.Context()
	request := pprof.WithLabels(plain, pprof.Labels("request", "42"))
	label := func(ctx context.Context, key string) string {
		v, _ := pprof.Label(ctx, key)
		return v
	}
	check := func(ctx context.Context, name, other string) {
		if got := label(ctx, "thread"); got != name {
			t.Errorf("the label of thread %q is %q", name, got)
		}
		if got := label(ctx, "request"); got != other {
			t.Errorf("thread %q has request %q, want %q", name, got, other)
		}
	}
	for range 2 {
		for n := range 500 {
			name := fmt.Sprint("worker ", n)
			for ctx, other := range map[context.Context]string{plain: "", request: "42"} {
				err := thread.Go(ctx, name, func(ctx context.Context) error {
					check(ctx, name, other)
					return thread.Go(ctx, name+" inner", func(ctx context.Context) error {
						check(ctx, name+" inner", other)
						return nil
					}).Join(ctx)
				}).Join(t.Context())
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
