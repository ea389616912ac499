// Lostupdate lets threads add to one number, first without and then with a
// lock. Without it additions get lost: two threads read the same number, and
// each writes back its own sum.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/trawl-go/trawl/thread"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const threads, additions = 8, 10_000

func run(ctx context.Context, out io.Writer) error {
	// The number is read and written in two steps, as n = n + 1 is in any
	// language; each step is atomic so that the program has no data race and
	// what it shows is the lost update alone.
	var n atomic.Int64
	add := func() {
		read := n.Load()
		if read%100 == 0 {
			runtime.Gosched() // another thread's turn, at a bad moment
		}
		n.Store(read + 1)
	}
	all := func(step func()) error {
		n.Store(0)
		return thread.Scope(ctx, func(ctx context.Context) error {
			for range threads {
				thread.Go(ctx, "", func(context.Context) error {
					for range additions {
						step()
					}
					return nil
				})
			}
			return nil
		}, nil)
	}

	if err := all(add); err != nil {
		return err
	}
	without := n.Load()

	var lock thread.Lock
	err := all(func() {
		lock.Lock()
		defer lock.Unlock()
		add()
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "wanted       %d\nwithout lock %d\nwith a lock  %d\n", threads*additions, without, n.Load())
	return err
}
