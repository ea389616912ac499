// Process-queue shares data between processes with queues: five consumers take
// page numbers and put what they made of them.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/trawl-go/trawl/process"
)

// queues is what a consumer gets.
type queues struct {
	Pages   *process.Queue[int]
	Results *process.Queue[string]
}

var consume = process.Register("consume", func(ctx context.Context, q queues) (struct{}, error) {
	for page := range q.Pages.All(ctx) { // until it is shut down
		if err := q.Results.Put(ctx, fmt.Sprintf("page %d", page)); err != nil {
			return struct{}{}, err
		}
		if err := q.Pages.TaskDone(); err != nil {
			return struct{}{}, err
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
	pages, err := process.NewQueue[int](100)
	if err != nil {
		return err
	}
	results, err := process.NewQueue[string](0)
	if err != nil {
		return err
	}
	for range 5 {
		if _, err := consume.Start(ctx, queues{pages, results}, nil); err != nil {
			return err
		}
	}
	for page := 1; page < 10; page++ {
		if err := pages.Put(ctx, page); err != nil {
			return err
		}
	}
	if err := pages.Join(ctx); err != nil { // all are worked off
		return err
	}
	pages.Shutdown()
	results.Shutdown()
	for _, s := range slices.Sorted(results.All(ctx)) {
		fmt.Fprintln(out, s)
	}
	return process.Shutdown(ctx)
}
