//go:build unix

package process_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/trawl-go/trawl/process"
)

var echo = process.Register("echo", func(ctx context.Context, c *process.Conn[[]byte]) (none, error) {
	for {
		b, err := c.Recv(ctx)
		if err == io.EOF {
			return none{}, nil
		}
		if err == nil {
			err = c.Send(ctx, b)
		}
		if err != nil {
			return none{}, err
		}
	}
})

func TestItem172_Echo(t *testing.T) {
	both(t, func(t *testing.T) {
		here, there, err := process.Duplex[[]byte]()
		wantErr(t, "Duplex()", err, nil)
		p := start(t, echo, there, nil)
		for _, s := range []string{"a", "", "中文", strings.Repeat("x", 100_000)} {
			wantErr(t, "Send()", here.Send(soon(t), []byte(s)), nil)
			b, err := here.Recv(soon(t))
			wantErr(t, "Recv()", err, nil)
			want(t, "echo", string(b), s)
		}
		wantErr(t, "Close()", here.Close(), nil)
		want(t, "exit code after EOF", join(t, p), 0)
	})
}

func TestItem173_Direction(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, err := process.Pipe[int]()
		wantErr(t, "Pipe()", err, nil)
		defer r.Close()
		defer w.Close()
		_, err = w.Recv(t.Context())
		wantErr(t, "Recv() at the sending end", err, process.ErrDirection)
		wantErr(t, "Poll() at the sending end", w.Poll(t.Context()), process.ErrDirection)
		wantErr(t, "Send() at the receiving end", r.Send(t.Context(), 1), process.ErrDirection)
		wantErr(t, "Send()", w.Send(t.Context(), 1), nil)
		n, err := r.Recv(t.Context())
		wantErr(t, "Recv()", err, nil)
		want(t, "Recv()", n, 1)
	})
}

// Δ 174, 175 and 185 are about offsets, buffers and lengths that the caller
// gives; here messages have none.

func TestItem176_Boundaries(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[string]()
		defer r.Close()
		sent := []string{"a", "b", "", "cd"}
		for _, s := range sent {
			wantErr(t, "Send()", w.Send(t.Context(), s), nil)
		}
		for _, s := range sent {
			wantErr(t, "Poll()", r.Poll(soon(t)), nil)
			got, err := r.TryRecv()
			wantErr(t, "TryRecv()", err, nil)
			want(t, "message", got, s)
		}
		_, err := r.TryRecv()
		wantErr(t, "TryRecv() of nothing", err, process.ErrEmpty)
		w.Close()
		_, err = r.TryRecv()
		wantErr(t, "TryRecv() at the end", err, io.EOF)
	})
}

func TestItem177_Poll(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[int]()
		defer r.Close()
		wantErr(t, "Poll() with an ended context", r.Poll(ended(t.Context())), context.Canceled)
		polled := make(chan error)
		go func() { polled <- r.Poll(soon(t)) }()
		w.Send(t.Context(), 1)
		wantErr(t, "Poll()", <-polled, nil)
		wantErr(t, "Poll() with an ended context and a message", r.Poll(ended(t.Context())), nil)
		_, err := r.Recv(ended(t.Context()))
		wantErr(t, "Recv() with an ended context", err, context.Canceled)
		n, err := r.Recv(t.Context())
		wantErr(t, "Recv()", err, nil)
		want(t, "nothing was lost", n, 1)
		w.Close()
		wantErr(t, "Poll() at the end", r.Poll(soon(t)), nil)
	})
}

func TestItem178_LargeMessage(t *testing.T) {
	both(t, func(t *testing.T) {
		here, there, _ := process.Duplex[[]byte]()
		start(t, echo, there, nil)
		big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		sent := make(chan error)
		go func() { sent <- here.Send(soon(t), big) }()
		got, err := here.Recv(soon(t))
		wantErr(t, "Recv()", err, nil)
		wantErr(t, "Send()", <-sent, nil)
		want(t, "the same", bytes.Equal(got, big), true)
		here.Close()
	})
}

var sendsAndDies = process.Register("sendsAndDies", func(ctx context.Context, w *process.Conn[string]) (none, error) {
	w.Send(ctx, "last words")
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	return none{}, nil
})

func TestItem179_PeerGone(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[string]()
		defer r.Close()
		start(t, sendsAndDies, w, nil)
		s, err := r.Recv(soon(t))
		wantErr(t, "Recv()", err, nil)
		want(t, "message", s, "last words")
		_, err = r.Recv(soon(t))
		wantErr(t, "Recv() from one that died", err, io.EOF)

		r, w, _ = process.Pipe[string]()
		r.Close()
		wantErr(t, "Send() to nobody", w.Send(t.Context(), "x"), io.ErrClosedPipe)
		w.Close()
	})
}

// sendsABigOne sends a short message and one that no pipe holds.
var sendsABigOne = process.Register("sendsABigOne", func(ctx context.Context, w *process.Conn[[]byte]) (none, error) {
	if err := w.Send(ctx, []byte("short")); err != nil {
		return none{}, err
	}
	return none{}, w.Send(ctx, make([]byte, 1<<20))
})

func TestItem179_EndWithinAMessage(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[[]byte]()
		defer r.Close()
		p := start(t, sendsABigOne, w, nil)
		eventually(t, "a part of it is there", func() bool { return process.InPipe(r) >= 32<<10 })
		p.Kill()
		b, err := r.Recv(soon(t))
		wantErr(t, "Recv()", err, nil)
		want(t, "message", string(b), "short")
		_, err = r.Recv(soon(t))
		wantErr(t, "Recv() of a part of a message", err, io.ErrUnexpectedEOF)
		_, err = r.Recv(soon(t))
		wantErr(t, "Recv() again", err, io.ErrUnexpectedEOF)
	})
}

func TestItem180_GivenAway(t *testing.T) {
	both(t, func(t *testing.T) {
		here, there, _ := process.Duplex[[]byte]()
		p := start(t, echo, there, nil)
		wantErr(t, "Close() of what was given away", there.Close(), nil)
		wantErr(t, "Send() there", there.Send(t.Context(), nil), process.ErrClosed)
		_, err := there.Recv(t.Context())
		wantErr(t, "Recv() there", err, process.ErrClosed)
		here.Send(t.Context(), []byte("still works"))
		b, err := here.Recv(soon(t))
		wantErr(t, "Recv()", err, nil)
		want(t, "echo", string(b), "still works")
		here.Close()
		want(t, "exit code", join(t, p), 0)

		// To give it away twice is a mistake.
		_, err = echo.Start(t.Context(), there, nil)
		var enc *process.EncodeError
		if !errors.As(err, &enc) {
			t.Errorf("Start() with an end that was given away = %v, want an EncodeError", err)
		}
		// Tasks and items cannot take one along.
		a, b2, _ := process.Duplex[[]byte]()
		defer a.Close()
		_, err = echo.Submit(t.Context(), newPool(t, nil), b2)
		if !errors.As(err, &enc) {
			t.Errorf("Submit() with an end of a pipe = %v, want an EncodeError", err)
		}
	})
}

// What this process has received and not asked for goes along.
func TestItem180_GivenAwayWithMessages(t *testing.T) {
	both(t, func(t *testing.T) {
		here, there, _ := process.Duplex[[]byte]()
		here.Send(t.Context(), []byte("1"))
		here.Send(t.Context(), []byte("2"))
		there.Poll(soon(t))
		start(t, echo, there, nil)
		for _, s := range []string{"1", "2"} {
			b, err := here.Recv(soon(t))
			wantErr(t, "Recv()", err, nil)
			want(t, "echo", string(b), s)
		}
		here.Close()
	})
}

// Δ 181: to wait for many is a select over goroutines and Process.Done.

func TestItem182_CancelledRecvLosesNothing(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[int]()
		defer r.Close()
		for i := range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			n, err := r.Recv(ctx)
			if err == nil {
				t.Fatalf("Recv() = %v of nothing", n)
			}
			wantErr(t, "Recv()", err, context.Canceled)
			w.Send(t.Context(), i)
			n, err = r.Recv(soon(t))
			wantErr(t, "Recv()", err, nil)
			want(t, "message", n, i)
		}
		w.Close()
	})
}

func TestItem182_CancelledSend(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[[]byte]()
		defer r.Close()
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan error)
		go func() { sent <- w.Send(ctx, make([]byte, 1<<20)) }()
		eventually(t, "the pipe is full", func() bool { return process.InPipe(r) >= 64<<10 })
		cancel()
		wantErr(t, "Send() cut short", <-sent, context.Canceled)
		wantErr(t, "Send() after that", w.Send(t.Context(), nil), process.ErrClosed)
		w.Close()
		_, err := r.Recv(soon(t))
		wantErr(t, "Recv()", err, io.ErrUnexpectedEOF)
	})
}

var reads = process.Register("reads", func(_ context.Context, f *os.File) (none, error) {
	defer f.Close()
	b, err := io.ReadAll(f)
	if err == nil && string(b) != "hello" {
		err = errors.New("read " + string(b))
	}
	return none{}, err
})

func TestItem183_PassAFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	wantErr(t, "CreateTemp()", err, nil)
	defer f.Close()
	f.WriteString("hello")
	f.Seek(0, io.SeekStart)
	p := start(t, reads, f, nil)
	want(t, "exit code", join(t, p), 0)
	wantErr(t, "Err()", p.Err(), nil)
	_, err = reads.Submit(t.Context(), newPool(t, nil), f)
	var enc *process.EncodeError
	want(t, "a task with a file is an EncodeError", errors.As(err, &enc), true)
}

func TestItem184_Closed(t *testing.T) {
	both(t, func(t *testing.T) {
		a, b, _ := process.Duplex[int]()
		defer b.Close()
		waiting := make(chan error)
		go func() {
			_, err := a.Recv(soon(t))
			waiting <- err
		}()
		wantErr(t, "Close()", a.Close(), nil)
		wantErr(t, "Close() again", a.Close(), nil)
		wantErr(t, "Recv() that waited", <-waiting, process.ErrClosed)
		_, err := a.Recv(t.Context())
		wantErr(t, "Recv()", err, process.ErrClosed)
		wantErr(t, "Send()", a.Send(t.Context(), 1), process.ErrClosed)
	})
}

// 186: several receivers in one process each get whole messages, once.
func TestItem186_ManyReceivers(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[int]()
		defer r.Close()
		const n = 2000
		got := make(chan int, n)
		for range 4 {
			go func() {
				for {
					r.Poll(t.Context())
					v, err := r.Recv(t.Context())
					if err != nil {
						return
					}
					got <- v
				}
			}()
		}
		for i := range n {
			w.Send(t.Context(), i)
		}
		seen := make(map[int]bool)
		for range n {
			seen[<-got] = true
		}
		want(t, "different messages", len(seen), n)
	})
}
