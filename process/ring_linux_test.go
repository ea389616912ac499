//go:build amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x

package process_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/trawl-go/trawl/process"
)

// Messages to one who does not wait wake nobody: no system call is made.
func TestRingIsQuiet(t *testing.T) {
	r, w, _ := process.Pipe[int]()
	defer r.Close()
	defer w.Close()
	for i := range 1000 {
		wantErr(t, "Send()", w.Send(t.Context(), i), nil)
	}
	want(t, "bytes that wake the receiver", process.Rung(r), 0)
	for i := range 1000 {
		n, err := r.Recv(t.Context())
		wantErr(t, "Recv()", err, nil)
		want(t, "message", n, i)
	}
	want(t, "bytes that wake the receiver", process.Rung(r), 0)

	// One who waits is woken, once.
	got := make(chan int)
	go func() {
		n, _ := r.Recv(soon(t))
		got <- n
	}()
	_, _, awaited, _ := process.Words(w)
	eventually(t, "it waits", func() bool { return awaited.Load() == 1 })
	for i := range 1000 {
		wantErr(t, "Send()", w.Send(t.Context(), 7+i), nil)
	}
	want(t, "message", <-got, 7)
	if n := process.Rung(r); n > 1 {
		t.Errorf("the receiver was woken with %d bytes, want 1", n)
	}
}

// One side goes to sleep while the other writes: the one has seen what was
// written, or the other that somebody sleeps.
func TestRingLosesNoWaking(t *testing.T) {
	r, w, _ := process.Pipe[int]()
	defer r.Close()
	defer w.Close()
	tail, _, awaited, _ := process.Words(r)
	var round, done atomic.Int64
	var ready atomic.Bool
	const rounds = 200_000
	until := func(x *atomic.Int64, i int64) {
		for n := 0; x.Load() < i; n++ {
			if n > 1000 { // the other may have no processor
				runtime.Gosched()
			}
		}
	}
	go func() {
		for i := int64(1); i <= rounds; i++ {
			until(&round, i)
			ready.Store(process.Ready(r))
			done.Store(i)
		}
	}()
	for i := int64(1); i <= rounds; i++ {
		tail.Store(0) // nothing was ever written
		awaited.Store(0)
		round.Store(i)
		for range i % 1000 { // to meet it at all moments
			awaited.Load()
		}
		tail.Swap(1) // as write does
		seen := awaited.Load() != 0
		until(&done, i)
		if !seen && !ready.Load() {
			t.Fatalf("round %d: the receiver sleeps and the sender does not know", i)
		}
	}
}

// rings tells how many rings this process has in its memory.
func rings() int {
	b := must(os.ReadFile("/proc/self/maps"))
	return bytes.Count(b, []byte("memfd:pipe"))
}

// The memory is taken when it is used, and given back.
func TestRingMemory(t *testing.T) {
	eventually(t, "rings of other tests are gone", func() bool {
		runtime.GC()
		return rings() == 0
	})
	for name, end := range map[string]func(r, w *process.Conn[int]){
		"closed": func(r, w *process.Conn[int]) {
			r.Close()
			w.Close()
			want(t, "rings when closed", rings(), 0)
		},
		"forgotten": func(r, w *process.Conn[int]) {},
		"given away": func(r, w *process.Conn[int]) {
			start(t, closes, closerArg{r, must(process.NewEvent())}, nil)
			want(t, "rings when one end is given away", rings(), 1)
			w.Send(t.Context(), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w, _ := process.Pipe[int]()
			want(t, "rings before use", rings(), 0)
			w.Send(t.Context(), 1)
			r.Recv(t.Context())
			want(t, "rings in use", rings(), 2)
			end(r, w)
			eventually(t, "they are gone", func() bool {
				runtime.GC()
				return rings() == 0
			})
		})
	}
}

// What the other side may have made of the memory is not believed.
func TestRingDamaged(t *testing.T) {
	for name, far := range map[string]uint64{
		"beyond the ring": 64<<10 + 1, "backwards": ^uint64(0), "far": 1 << 40, "halfway round": 1 << 63,
	} {
		t.Run(name, func(t *testing.T) {
			r, w, _ := process.Pipe[int]()
			defer r.Close()
			defer w.Close()
			wantErr(t, "Send()", w.Send(t.Context(), 1), nil)
			_, err := r.Recv(soon(t))
			wantErr(t, "Recv()", err, nil)

			tail, head, _, _ := process.Words(r)
			at := tail.Load()
			tail.Store(at + far)
			for range 2 {
				_, err = r.Recv(soon(t))
				wantErr(t, "Recv()", err, process.ErrDamaged)
			}
			tail.Store(at)
			head.Store(at - far)
			wantErr(t, "Send()", w.Send(soon(t), 1), process.ErrDamaged)
		})
	}
}

// However mad the other side is, there are errors and wrong messages, and no
// more.
func TestRingMadness(t *testing.T) {
	for range 300 {
		r, w, _ := process.Pipe[[]byte]()
		tail, head, awaited, wanted := process.Words(r)
		done := make(chan struct{})
		ends := make(chan struct{}, 3)
		go func() {
			defer func() { ends <- struct{}{} }()
			for range 200 {
				x := rand.Uint64() >> rand.IntN(64)
				switch rand.IntN(4) {
				case 0:
					tail.Store(x)
				case 1:
					head.Store(x)
				case 2:
					awaited.Store(uint32(x))
				case 3:
					wanted.Store(uint32(x))
				}
			}
		}()
		go func() {
			defer func() { ends <- struct{}{} }()
			for {
				select {
				case <-done:
					return
				default:
					w.Send(t.Context(), make([]byte, rand.IntN(1000)))
				}
			}
		}()
		go func() {
			defer func() { ends <- struct{}{} }()
			for {
				select {
				case <-done:
					return
				default:
					r.TryRecv()
				}
			}
		}()
		<-ends // the first to end is the one that damages
		close(done)
		w.Close()
		r.Close()
		<-ends
		<-ends
	}
}
