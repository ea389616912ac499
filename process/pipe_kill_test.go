//go:build unix

package process_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/trawl-go/trawl/process"
)

// letter is the n-th message of a stream, whose length and content only depend
// on its number, and on how long messages may be.
func letter(n uint64, longest int) []byte {
	r := rand.New(rand.NewPCG(n, uint64(longest)))
	size := r.IntN(200)
	if r.IntN(20) == 0 {
		size = r.IntN(longest)
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, size+16), n)
	for len(b) < size {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b
}

type streamArg struct {
	W       *process.Conn[[]byte]
	Longest int
}

var streams = process.Register("streams", func(ctx context.Context, a streamArg) (none, error) {
	for n := uint64(0); ; n++ {
		if err := a.W.Send(ctx, letter(n, a.Longest)); err != nil {
			return none{}, err
		}
	}
})

// A sender is killed at a random moment. What arrives is what it sent, each
// message whole and none left out, and then the end.
func TestSenderIsKilled(t *testing.T) {
	for name, longest := range map[string]int{"short": 20_000, "long": 200_000} {
		most := uint64(20_000_000 / longest)
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T) {
				// A message that is longer than the ring, or than what a pipe
				// of the system takes at once, may be cut short.
				mayBeCut := longest > 60_000 || !process.IsRing()
				total, cut := uint64(0), 0
				for range 25 {
					r, w, err := process.Pipe[[]byte]()
					wantErr(t, "Pipe()", err, nil)
					p := start(t, streams, streamArg{w, longest}, nil)
					after := rand.Uint64N(most)
					got := uint64(0)
					for {
						if got == after {
							go p.Kill()
						}
						b, err := r.Recv(soon(t))
						if err == io.EOF {
							break
						}
						if err == io.ErrUnexpectedEOF && mayBeCut {
							cut++
							break
						}
						if err != nil {
							t.Fatalf("Recv() after %d messages = %v", got, err)
						}
						if !bytes.Equal(b, letter(got, longest)) {
							t.Fatalf("message %d is not what was sent", got)
						}
						got++
					}
					if got < after {
						t.Errorf("%d messages before the kill, want %d", got, after)
					}
					total += got
					want(t, "exit code", join(t, p), -9)
					r.Close()
				}
				t.Logf("%d messages, %d ends within one", total, cut)
			})
		})
	}
}

type fewArg struct {
	R *process.Conn[[]byte]
	N int
}

var takesAFew = process.Register("takesAFew", func(ctx context.Context, a fewArg) (none, error) {
	for range a.N {
		if _, err := a.R.Recv(ctx); err != nil {
			return none{}, err
		}
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	return none{}, nil
})

// A receiver is killed: who sends finds out, at the latest when it would wait.
func TestReceiverIsKilled(t *testing.T) {
	both(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 100, 1000} {
			r, w, _ := process.Pipe[[]byte]()
			p := start(t, takesAFew, fewArg{r, n}, nil)
			var err error
			for err == nil {
				err = w.Send(soon(t), make([]byte, rand.IntN(5000)))
			}
			wantErr(t, "Send() to one that died", err, io.ErrClosedPipe)
			wantErr(t, "Send() again", w.Send(soon(t), nil), io.ErrClosedPipe)
			want(t, "exit code", join(t, p), -9)
			w.Close()
		}
	})
}

type closerArg struct {
	R      *process.Conn[int]
	Closed *process.Event
}

var closes = process.Register("closes", func(ctx context.Context, a closerArg) (none, error) {
	if _, err := a.R.Recv(ctx); err != nil {
		return none{}, err
	}
	a.R.Close()
	a.Closed.Set()
	<-ctx.Done() // alive, but deaf
	return none{}, nil
})

// A receiver closes its end: the next Send tells, though there is room.
func TestReceiverCloses(t *testing.T) {
	both(t, func(t *testing.T) {
		closed := must(process.NewEvent())
		r, w, _ := process.Pipe[int]()
		defer w.Close()
		start(t, closes, closerArg{r, closed}, nil)
		wantErr(t, "Send()", w.Send(soon(t), 1), nil)
		wantErr(t, "Wait()", closed.Wait(soon(t)), nil)
		wantErr(t, "Send() after the close", w.Send(soon(t), 2), io.ErrClosedPipe)
	})
}

// Who sends waits for room, and the receiver closes its end.
func TestReceiverClosesWhileSenderWaits(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[[]byte]()
		defer w.Close()
		sent := make(chan error)
		go func() { sent <- w.Send(soon(t), make([]byte, 1<<20)) }()
		eventually(t, "the pipe is full", func() bool { return process.InPipe(r) >= 64<<10 })
		r.Close()
		wantErr(t, "Send() that waited", <-sent, io.ErrClosedPipe)
		wantErr(t, "Send() again", w.Send(soon(t), nil), io.ErrClosedPipe)
	})
}

// Both sides keep falling asleep and waking each other: none is forgotten.
func TestPipeBursts(t *testing.T) {
	both(t, func(t *testing.T) {
		here, there, _ := process.Duplex[[]byte]()
		start(t, echo, there, nil)
		const longest = 30_000
		next := uint64(0)
		for range 3000 {
			burst := 1 + rand.Uint64N(5)
			sent := make(chan error, 1)
			go func() {
				for n := next; n < next+burst; n++ {
					if err := here.Send(soon(t), letter(n, longest)); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			for n := next; n < next+burst; n++ {
				b, err := here.Recv(soon(t))
				if err != nil {
					t.Fatalf("Recv() of message %d = %v", n, err)
				}
				if !bytes.Equal(b, letter(n, longest)) {
					t.Fatalf("message %d is not what was sent", n)
				}
			}
			wantErr(t, "Send()", <-sent, nil)
			next += burst
		}
		here.Close()
	})
}

// A length that no message has is not believed.
func TestPipeDamagedLength(t *testing.T) {
	both(t, func(t *testing.T) {
		r, w, _ := process.Pipe[[]byte]()
		defer r.Close()
		defer w.Close()
		process.SendRaw(w, []byte{0xff, 0xff, 0xff, 0xff, 1})
		for range 2 {
			_, err := r.Recv(soon(t))
			var enc *process.EncodeError
			wantAs(t, "Recv()", err, &enc)
		}
	})
}
