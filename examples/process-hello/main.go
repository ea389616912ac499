// Process-hello starts a process that calls a function, and joins it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/trawl-go/trawl/process"
)

var f = process.Register("f", func(_ context.Context, name string) (struct{}, error) {
	fmt.Println("hello", name)
	return struct{}{}, nil
})

func main() {
	process.Init() // in the child it calls f, and does not return
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out *os.File) error {
	p, err := f.Start(ctx, "xiaoshuaib", &process.Options{Stdout: out})
	if err != nil {
		return err
	}
	if err := p.Join(ctx); err != nil {
		return err
	}
	return p.Err()
}
