// Process-lock lets processes write verses to the same output, first without
// and then with a lock. Without it the verses get mixed up.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/trawl-go/trawl/process"
)

// turn is what a process gets.
type turn struct {
	Name string
	Lock *process.Lock // nil: no turns are taken
}

var recite = process.Register("recite", func(ctx context.Context, t turn) (struct{}, error) {
	for range 5 {
		if t.Lock != nil {
			if err := t.Lock.Acquire(ctx); err != nil {
				return struct{}{}, err
			}
		}
		for _, line := range []string{"床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"} {
			fmt.Println(t.Name, line)
		}
		if t.Lock != nil {
			t.Lock.Release()
		}
	}
	return struct{}{}, nil
})

func main() {
	process.Init()
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out *os.File) error {
	lock, err := process.NewLock()
	if err != nil {
		return err
	}
	for _, l := range []*process.Lock{nil, lock} {
		if l == nil {
			fmt.Fprintln(out, "without a lock:")
		} else {
			fmt.Fprintln(out, "with a lock:")
		}
		for _, name := range []string{"甲", "乙", "丙"} {
			// The file itself, so that what is written is there when the
			// lock is released.
			if _, err := recite.Start(ctx, turn{name, l}, &process.Options{Stdout: out}); err != nil {
				return err
			}
		}
		if err := process.Shutdown(ctx); err != nil { // joins them
			return err
		}
	}
	return nil
}
