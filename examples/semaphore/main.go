// Semaphore lets ten threads work on something that only three may use at a
// time.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	sema := thread.NewSemaphore(3)
	var printing thread.Lock // lines of several threads must not mix
	say := func(format string, args ...any) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}
	worker := func(ctx context.Context) error {
		if err := sema.Acquire(ctx); err != nil {
			return err
		}
		defer sema.Release(1)
		name := thread.Current(ctx).Name()
		say("%s is in", name)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
		say("%s is out", name)
		return nil
	}
	return thread.Scope(ctx, func(ctx context.Context) error {
		for i := range 10 {
			thread.Go(ctx, fmt.Sprintf("worker-%d", i), worker)
		}
		return nil // Scope waits for them
	}, nil)
}
