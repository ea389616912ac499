// Process-semaphore lets ten processes do something of which only three may
// be at it at a time.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/trawl-go/trawl/process"
)

// job is what a process gets.
type job struct {
	N      int
	Sema   *process.Semaphore
	Inside *process.Value[int32]
}

var worker = process.Register("worker", func(ctx context.Context, j job) (struct{}, error) {
	if err := j.Sema.Acquire(ctx); err != nil {
		return struct{}{}, err
	}
	defer j.Sema.Release(1)
	fmt.Printf("process %d is in, with %d\n", j.N, j.Inside.Add(1))
	j.Inside.Add(-1)
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
	// Bounded: a process that is killed inside gives its permit back.
	sema, err := process.NewBoundedSemaphore(3)
	if err != nil {
		return err
	}
	inside, err := process.NewValue[int32](0)
	if err != nil {
		return err
	}
	for i := range 10 {
		if _, err := worker.Start(ctx, job{i, sema, inside}, &process.Options{Stdout: out}); err != nil {
			return err
		}
	}
	return process.Shutdown(ctx)
}
