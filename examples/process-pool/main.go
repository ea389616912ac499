// Process-pool gives tasks to a pool of three processes, one of which dies at
// its work, and maps a function over numbers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/trawl-go/trawl/future"
	"github.com/trawl-go/trawl/process"
)

var function = process.Register("function", func(_ context.Context, index int) (string, error) {
	if index == 2 {
		os.Exit(9) // a crash, for the pool
	}
	return fmt.Sprintf("process %d is done", index), nil
})

var square = process.Register("square", func(_ context.Context, x int) (int, error) { return x * x, nil })

func main() {
	process.Init()
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out *os.File) error {
	pool := process.NewPool(&process.PoolOptions{Workers: 3})
	defer pool.Terminate()

	var results []*future.Future[string]
	for i := range 4 {
		f, err := function.Submit(ctx, pool, i) // does not wait
		if err != nil {
			return err
		}
		results = append(results, f)
	}
	for i, f := range results {
		s, err := f.Result(ctx)
		var crash *process.CrashError
		switch {
		case errors.As(err, &crash):
			fmt.Fprintf(out, "process %d crashed: exit code %d\n", i, crash.ExitCode)
		case err != nil:
			return err
		default:
			fmt.Fprintln(out, s)
		}
	}

	squares, err := square.Map(ctx, pool, []int{1, 2, 3, 4, 5}, 0)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, squares)

	pool.Close()          // no more tasks
	return pool.Join(ctx) // until those that it has are done
}
