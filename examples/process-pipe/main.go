// Process-pipe talks to processes over pipes: one that only sends, and one
// that answers.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/trawl-go/trawl/process"
)

var count = process.Register("count", func(ctx context.Context, w *process.Conn[int]) (struct{}, error) {
	for i := range 3 {
		if err := w.Send(ctx, i); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
})

var answer = process.Register("answer", func(ctx context.Context, c *process.Conn[string]) (struct{}, error) {
	for {
		s, err := c.Recv(ctx)
		if err == io.EOF { // the other side is gone
			return struct{}{}, nil
		}
		if err == nil {
			err = c.Send(ctx, s+"，你好")
		}
		if err != nil {
			return struct{}{}, err
		}
	}
})

func main() {
	process.Init()
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out *os.File) error {
	r, w, err := process.Pipe[int]()
	if err != nil {
		return err
	}
	if _, err := count.Start(ctx, w, nil); err != nil { // w is that process's now
		return err
	}
	for {
		n, err := r.Recv(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "received", n)
	}

	here, there, err := process.Duplex[string]()
	if err != nil {
		return err
	}
	if _, err := answer.Start(ctx, there, nil); err != nil {
		return err
	}
	for _, s := range []string{"小明", "小红"} {
		if err := here.Send(ctx, s); err != nil {
			return err
		}
		s, err := here.Recv(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, s)
	}
	here.Close() // so that the other side comes to its end
	return process.Shutdown(ctx)
}
