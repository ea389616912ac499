package future_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/future"
)

type (
	promise = future.Promise[int]
	fut     = future.Future[int]
)

// states gives a promise in each state it can be in.
func states() map[string]*promise {
	ps := map[string]*promise{}
	for _, name := range []string{"pending", "running", "cancelled", "finished", "failed"} {
		ps[name] = new(promise)
	}
	ps["running"].Start()
	ps["cancelled"].Future().Cancel()
	ps["finished"].Start()
	ps["finished"].Set(42, nil)
	ps["failed"].Start()
	ps["failed"].Set(0, io.EOF)
	return ps
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestItem113_Cancel(t *testing.T) {
	for name, p := range states() {
		can := name == "pending" || name == "cancelled"
		for range 2 {
			want(t, name+": Cancel()", p.Future().Cancel(), can)
		}
	}
}

func TestItem114_States(t *testing.T) {
	for name, p := range states() {
		f := p.Future()
		wantState := map[string]future.State{"pending": future.Pending, "running": future.Running, "cancelled": future.Cancelled, "finished": future.Finished, "failed": future.Finished}[name]
		want(t, name+": State()", f.State(), wantState)
		closed := false
		select {
		case <-f.Done():
			closed = true
		default:
		}
		want(t, name+": Done() is closed", closed, wantState >= future.Cancelled)
		if name != "failed" {
			want(t, "State().String()", f.State().String(), name)
		}
	}
}

func TestItem115_ResultNow(t *testing.T) {
	for name, p := range states() {
		want := map[string]error{"pending": future.ErrPending, "running": future.ErrPending, "cancelled": future.ErrCancelled, "failed": io.EOF}[name]
		v, err := p.Future().TryResult()
		if err != want || err == nil && v != 42 {
			t.Errorf("%s: TryResult() = %v, %v, want error %v", name, v, err, want)
		}
		if want == future.ErrPending {
			want = context.DeadlineExceeded
		}
		for _, d := range []time.Duration{0, -1} {
			if _, err := p.Future().Result(within(t, d)); err != want {
				t.Errorf("%s: Result() with an ended context: %v, want %v", name, err, want)
			}
		}
	}
}

func TestItem116_ResultBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set, cancelled promise
		go func() {
			<-time.After(time.Second)
			set.Set(42, nil)
			cancelled.Future().Cancel()
		}()
		start := time.Now()
		v, err := set.Future().Result(t.Context())
		want(t, "Result()", v, 42)
		want(t, "Result()", err, nil)
		want(t, "took", time.Since(start), time.Second)
		_, err = cancelled.Future().Result(t.Context())
		want(t, "Result() of a cancelled one", err, future.ErrCancelled)
		var never promise
		_, err = never.Future().Result(within(t, time.Minute))
		want(t, "Result()", err, context.DeadlineExceeded)
	})
}

func TestItem117_SecondSet(t *testing.T) {
	for name, p := range states() {
		var err error
		if name == "cancelled" || name == "finished" || name == "failed" {
			err = future.ErrDone
		}
		_, before := p.Future().TryResult()
		want(t, name+": Set()", p.Set(7, nil), err)
		if v, after := p.Future().TryResult(); err != nil && (after != before || v == 7) {
			t.Errorf("%s: Set() changed the result to %v, %v", name, v, after)
		}
	}
}

func TestItem118_Callbacks(t *testing.T) {
	for name, end := range map[string]func(p *promise){
		"result": func(p *promise) { p.Set(1, nil) },
		"error":  func(p *promise) { p.Set(0, io.EOF) },
		"cancel": func(p *promise) { p.Future().Cancel() },
	} {
		var p promise
		var calls []int
		for i := range 4 {
			p.Future().OnDone(func() {
				if p.Future().State() < future.Cancelled {
					t.Errorf("%s: the future is not done in its callback", name)
				}
				calls = append(calls, i)
			})
		}
		want(t, name+": calls before", len(calls), 0)
		end(&p)
		end(&p)
		if !slices.Equal(calls, []int{0, 1, 2, 3}) {
			t.Errorf("%s: callbacks ran in order %v", name, calls)
		}
	}
}

func TestItem119_CallbackAfterDone(t *testing.T) {
	for name, p := range states() {
		called := false
		p.Future().OnDone(func() { called = true })
		want(t, name+": called at once", called, p.Future().State() >= future.Cancelled)
	}
}

func TestItem120_FailingCallback(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	var p promise
	var calls []string
	p.Future().OnDone(func() { calls = append(calls, "a") })
	p.Future().OnDone(func() { panic("bad callback") })
	p.Future().OnDone(func() { calls = append(calls, "b") })
	p.Set(1, nil)
	p.Future().OnDone(func() { panic("worse callback") })
	if !slices.Equal(calls, []string{"a", "b"}) {
		t.Errorf("called %v, want a and b", calls)
	}
	for _, text := range []string{"bad callback", "worse callback", "TestItem120_FailingCallback"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("the log lacks %q:\n%s", text, log.String())
		}
	}
}

func TestItem121_Start(t *testing.T) {
	for name, p := range states() {
		want(t, name+": Start()", p.Start(), name == "pending")
	}
}

type emptyError struct{}

func (emptyError) Error() string { return "" }

func TestItem122_EmptyLookingError(t *testing.T) {
	var p promise
	p.Set(1, emptyError{})
	if _, err := p.Future().Result(t.Context()); err != (emptyError{}) {
		t.Errorf("Result() = %v, want the error", err)
	}
	done, pending, err := future.Wait(t.Context(), future.FirstError, p.Future(), new(promise).Future())
	if len(done) != 1 || len(pending) != 1 || err != nil {
		t.Errorf("Wait() = %d done, %d pending, %v", len(done), len(pending), err)
	}
}

func futures(ps ...*promise) (fs []*fut) {
	for _, p := range ps {
		fs = append(fs, p.Future())
	}
	return fs
}

func TestItem123_Duplicates(t *testing.T) {
	var p, q promise
	p.Set(1, nil)
	done, pending, err := future.Wait(t.Context(), future.First, futures(&p, &q, &p, &q)...)
	if !slices.Equal(done, futures(&p)) || !slices.Equal(pending, futures(&q)) || err != nil {
		t.Errorf("Wait() = %v, %v, %v, want each once", done, pending, err)
	}
	n := 0
	for range future.AsCompleted(t.Context(), futures(&p, &p)...) {
		n++
	}
	want(t, "AsCompleted() of the same twice gives", n, 1)
}

func TestItem124_First(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := states()
		done, pending, err := future.Wait(t.Context(), future.First, futures(ps["pending"], ps["finished"], ps["running"], ps["failed"], ps["cancelled"])...)
		if !slices.Equal(done, futures(ps["finished"], ps["failed"], ps["cancelled"])) || !slices.Equal(pending, futures(ps["pending"], ps["running"])) || err != nil {
			t.Errorf("Wait() = %v, %v, %v, want all that are done", done, pending, err)
		}
		start := time.Now()
		go func() { <-time.After(time.Second); ps["running"].Set(1, nil) }()
		done, _, _ = future.Wait(t.Context(), future.First, futures(ps["pending"], ps["running"])...)
		want(t, "took", time.Since(start), time.Second)
		want(t, "done", len(done), 1)
	})
}

// A future is done as soon as it is cancelled, whether or not anyone who
// could run it has noticed.
func TestItem125_CancelledIsDone(t *testing.T) {
	var p, q promise
	p.Future().Cancel()
	done, pending, err := future.Wait(t.Context(), future.First, futures(&p, &q)...)
	if !slices.Equal(done, futures(&p)) || !slices.Equal(pending, futures(&q)) || err != nil {
		t.Errorf("Wait() = %v, %v, %v", done, pending, err)
	}
}

func TestItem126_FirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One fails on the way; being cancelled or finished is no failure.
		ps := states()
		go func() {
			<-time.After(time.Second)
			ps["pending"].Future().Cancel()
			<-time.After(time.Second)
			ps["running"].Set(0, io.EOF)
		}()
		var never promise
		start := time.Now()
		done, pending, err := future.Wait(t.Context(), future.FirstError, futures(ps["pending"], ps["running"], ps["cancelled"], ps["finished"], &never)...)
		if len(done) != 4 || !slices.Equal(pending, futures(&never)) || err != nil {
			t.Errorf("Wait() = %v, %v, %v", done, pending, err)
		}
		want(t, "took", time.Since(start), 2*time.Second)

		_, pending, _ = future.Wait(t.Context(), future.FirstError, futures(&never, ps["failed"])...)
		want(t, "pending beside one that has failed", len(pending), 1)

		ps = states()
		go func() { <-time.After(time.Second); ps["running"].Set(1, nil) }()
		start = time.Now()
		done, pending, _ = future.Wait(t.Context(), future.FirstError, futures(ps["finished"], ps["running"])...)
		want(t, "took when none fails", time.Since(start), time.Second)
		want(t, "done", len(done), 2)
		want(t, "pending", len(pending), 0)
	})
}

func TestItem127_WaitTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := states()
		start := time.Now()
		done, pending, err := future.Wait(within(t, time.Second), future.All, futures(ps["finished"], ps["pending"], ps["cancelled"])...)
		want(t, "took", time.Since(start), time.Second)
		want(t, "done", len(done), 2)
		want(t, "pending", len(pending), 1)
		want(t, "error", err, context.DeadlineExceeded)
		_, _, err = future.Wait(within(t, 0), future.All, futures(ps["finished"])...)
		want(t, "error when all are done", err, nil)
		done, pending, err = future.Wait[int](t.Context(), future.All)
		if done != nil || pending != nil || err != nil {
			t.Errorf("Wait() for nothing = %v, %v, %v", done, pending, err)
		}
	})
}

func TestItem128_NoLostWakeUp(t *testing.T) {
	for range 50 {
		var ps [100]promise
		var fs []*fut
		for i := range ps {
			fs = append(fs, ps[i].Future())
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := g; i < len(ps); i += 4 {
					ps[i].Set(i, nil)
				}
			})
		}
		done, pending, err := future.Wait(t.Context(), future.All, fs...)
		if len(done) != 100 || len(pending) != 0 || err != nil {
			t.Fatalf("Wait() = %d done, %d pending, %v", len(done), len(pending), err)
		}
		wg.Wait()
	}
}

func TestItem129_AsCompletedOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := states()
		go func() {
			<-time.After(time.Second)
			ps["running"].Set(1, nil)
			<-time.After(time.Second)
			ps["pending"].Set(2, nil)
		}()
		var got []*fut
		for f, err := range future.AsCompleted(t.Context(), futures(ps["pending"], ps["finished"], ps["running"], ps["cancelled"])...) {
			want(t, "error", err, nil)
			got = append(got, f)
		}
		if !slices.Equal(got, futures(ps["finished"], ps["cancelled"], ps["running"], ps["pending"])) {
			t.Errorf("AsCompleted() gave %v, want those done first, and then as they came", got)
		}
	})
}

func TestItem130_AsCompletedTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{0, 100 * time.Millisecond} {
			ps := states()
			n := 0
			var last error
			start := time.Now()
			for f, err := range future.AsCompleted(within(t, d), futures(ps["pending"], ps["finished"], ps["running"], ps["failed"])...) {
				if last = err; err == nil {
					n++
				} else if f != nil {
					t.Error("a future comes with the error")
				}
			}
			want(t, "futures", n, 2)
			want(t, "took", time.Since(start), d)
			want(t, "error", fmt.Sprint(last), "2 (of 4) futures unfinished: context deadline exceeded")
			want(t, "wraps", errors.Is(last, context.DeadlineExceeded), true)
		}
	})
}

func TestItem131_NotKeptAlive(t *testing.T) {
	type big = [1 << 16]byte
	var gone atomic.Int32
	var never future.Promise[*big]
	next := func() *future.Future[*big] {
		v := new(big)
		runtime.AddCleanup(v, func(gone *atomic.Int32) { gone.Add(1) }, &gone)
		var p future.Promise[*big]
		p.Set(v, nil)
		return p.Future()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range future.AsCompleted(ctx, next(), next(), never.Future()) {
		if err != nil {
			break
		}
		if n++; n < 2 {
			continue
		}
		for i := 0; gone.Load() < 1 && i < 100; i++ {
			runtime.GC()
			runtime.Gosched()
		}
		if gone.Load() < 1 {
			t.Error("a future that was given is kept alive")
		}
		cancel()
	}
	runtime.KeepAlive(&never)
}

// Waiting for a future again and again does not disturb its callbacks.
func TestWaitKeepsCallbacks(t *testing.T) {
	var p promise
	var calls []int
	for i := range 3 {
		p.Future().OnDone(func() { calls = append(calls, i) })
		future.Wait(within(t, 0), future.All, p.Future())
	}
	p.Set(1, nil)
	if !slices.Equal(calls, []int{0, 1, 2}) {
		t.Errorf("callbacks ran in order %v", calls)
	}
}

// Cancel, Start, Set, Result and callbacks by many goroutines: one outcome,
// which everybody sees.
func TestHammer(t *testing.T) {
	for range 500 {
		var p promise
		var ran, callbacks, cancelled atomic.Int32
		var wg sync.WaitGroup
		results := make([]error, 4)
		for i := range results {
			wg.Go(func() {
				p.Future().OnDone(func() { callbacks.Add(1) })
				_, results[i] = p.Future().Result(t.Context())
			})
		}
		for range 2 {
			wg.Go(func() {
				if p.Start() {
					ran.Add(1)
					if err := p.Set(1, nil); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				if p.Future().Cancel() {
					cancelled.Store(1)
				}
			})
		}
		wg.Wait()
		want(t, "ran + cancelled", ran.Load()+cancelled.Load(), 1)
		want(t, "callbacks", callbacks.Load(), 4)
		for _, err := range results {
			want(t, "cancelled result", err == future.ErrCancelled, cancelled.Load() == 1)
		}
	}
}
