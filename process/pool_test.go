//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"weak"

	"github.com/trawl-go/trawl/future"
	"github.com/trawl-go/trawl/process"
)

var square = process.Register("square", func(_ context.Context, n int) (int, error) { return n * n, nil })

// picky fails for 7 and its multiples.
var picky = process.Register("picky", func(_ context.Context, n int) (int, error) {
	if n > 0 && n%7 == 0 {
		return 0, fmt.Errorf("%d: %w", n, errTest)
	}
	return n, nil
})

var pid = process.Register("pid", func(context.Context, none) (int, error) { return os.Getpid(), nil })

// does is a task that does what it is told.
var does = process.Register("does", func(ctx context.Context, what string) (string, error) {
	switch what {
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "exit":
		os.Exit(3)
	case "exit 0":
		os.Exit(0)
	case "panic":
		panic(errTest)
	case "goexit":
		runtime.Goexit()
	case "loop":
		busy()
	case "wait":
		<-ctx.Done()
		return "", ctx.Err()
	case "hang":
		select {}
	}
	return what, nil
})

func ints(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func squares(n int) []int {
	s := ints(n)
	for i := range s {
		s[i] *= s[i]
	}
	return s
}

func TestItem203_Forms(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 3})
	n, err := square.Apply(soon(t), p, 12)
	wantErr(t, "Apply()", err, nil)
	want(t, "Apply()", n, 144)
	f, err := square.Submit(t.Context(), p, 13)
	wantErr(t, "Submit()", err, nil)
	n, err = f.Result(soon(t))
	wantErr(t, "Result()", err, nil)
	want(t, "Result()", n, 169)
	for _, chunk := range []int{0, 1, 20, 1000} {
		got, err := square.Map(soon(t), p, ints(100), chunk)
		wantErr(t, "Map()", err, nil)
		want(t, "Map()", got, squares(100))
	}
	for _, chunk := range []int{0, 7} {
		var all []int
		for n, err := range square.Imap(soon(t), p, slices.Values(ints(1000)), chunk) {
			wantErr(t, "Imap()", err, nil)
			all = append(all, n)
		}
		want(t, "Imap()", all, squares(1000))
	}
}

func TestItem204_Callbacks(t *testing.T) {
	p := newPool(t, nil)
	called := make(chan int, 10)
	f := must(square.Submit(t.Context(), p, 3))
	f.OnDone(func() {
		n, _ := f.TryResult()
		called <- n
	})
	want(t, "callback", <-called, 9)
	// A callback may use the pool.
	f = must(square.Submit(t.Context(), p, 4))
	f.OnDone(func() {
		g := must(square.Submit(t.Context(), p, must(f.TryResult())))
		g.OnDone(func() { called <- must(g.TryResult()) })
	})
	want(t, "callback of the callback's task", <-called, 256)
}

func TestItem205_MapWaitsForAll(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2})
	for _, chunk := range []int{1, 4} {
		got, err := picky.Map(soon(t), p, ints(30), chunk)
		var item *process.ItemError
		if !errors.As(err, &item) {
			t.Fatalf("Map() = %v, want an ItemError", err)
		}
		want(t, "index", item.Index, 7)
		wantErr(t, "cause", err, errTest)
		for i, n := range got {
			if i > 0 && i%7 == 0 {
				i = 0
			}
			want(t, "element", n, i)
		}
	}
	want(t, "waiting", p.Stats().Waiting, 0)
}

var takesAny = process.Register("takesAny", func(_ context.Context, x any) (any, error) { return x, nil })

func TestItem206_UnencodableArgument(t *testing.T) {
	p := newPool(t, nil)
	var enc *process.EncodeError
	_, err := takesAny.Apply(soon(t), p, func() {})
	want(t, "Apply() is an EncodeError", errors.As(err, &enc), true)
	_, err = takesAny.Map(soon(t), p, []any{1, func() {}, 3}, 1)
	want(t, "Map() is an EncodeError", errors.As(err, &enc), true)
	var got []string
	for x, err := range takesAny.Imap(soon(t), p, slices.Values([]any{1, func() {}, "3"}), 1) {
		got = append(got, fmt.Sprintf("%v %v", x, errors.As(err, &enc)))
	}
	want(t, "Imap()", got, []string{"1 false", "<nil> true", "3 false"})
}

var returnsBad = process.Register("returnsBad", func(_ context.Context, n int) (any, error) {
	switch n {
	case 0:
		return func() {}, nil
	case 1:
		return badMarshal{}, nil
	}
	return n, nil
})

// badMarshal panics when it is encoded.
type badMarshal struct{}

func (badMarshal) GobEncode() ([]byte, error) { panic("bad marshal") }
func (*badMarshal) GobDecode([]byte) error    { return nil }

// worseMarshal panics when it is decoded; in the parent, if it is a result.
type worseMarshal struct{ N int }

func (worseMarshal) MarshalBinary() ([]byte, error)  { return []byte{1}, nil }
func (*worseMarshal) UnmarshalBinary(b []byte) error { panic("worse") }

var returnsWorse = process.Register("returnsWorse", func(context.Context, none) (worseMarshal, error) {
	return worseMarshal{}, nil
})

func TestItem207_UnencodableResult(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 1})
	before := must(pid.Apply(soon(t), p, none{}))
	var enc *process.EncodeError
	for i := range 20 {
		_, err := returnsBad.Apply(soon(t), p, i%2)
		want(t, "Apply() is an EncodeError", errors.As(err, &enc), true)
	}
	x, err := returnsBad.Apply(soon(t), p, 5)
	wantErr(t, "Apply()", err, nil)
	want(t, "Apply()", x, any(5))
	want(t, "the worker is the same", must(pid.Apply(soon(t), p, none{})), before)
}

// Δ 208: an input sequence cannot fail here, but it can end early, and panic.
func TestItem208_InputPanics(t *testing.T) {
	p := newPool(t, nil)
	for range 2 {
		var got []int
		func() {
			defer func() { want(t, "panic", recover(), any("input")) }()
			for n := range square.Imap(soon(t), p, func(yield func(int) bool) {
				for i := range 3 {
					yield(i)
				}
				panic("input")
			}, 1) {
				got = append(got, n)
			}
		}()
		if !slices.Equal(got, squares(3)[:len(got)]) {
			t.Errorf("results before the panic: %v", got)
		}
	}
}

func TestItem209_Imap(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2})
	// The errors are in their places.
	i := 0
	for n, err := range picky.Imap(soon(t), p, slices.Values(ints(50)), 3) {
		if i > 0 && i%7 == 0 {
			var item *process.ItemError
			want(t, "is an ItemError", errors.As(err, &item), true)
			want(t, "index", item.Index, i)
			wantErr(t, "cause", err, errTest)
		} else {
			wantErr(t, "error", err, nil)
			want(t, "result", n, i)
		}
		i++
	}
	want(t, "results", i, 50)

	// An endless input, and leaving early.
	endless := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
	i = 0
	for n, err := range square.Imap(soon(t), p, endless, 0) {
		wantErr(t, "error", err, nil)
		want(t, "result", n, i*i)
		if i++; i == 500 {
			break
		}
	}
	for _, err := range square.ImapUnordered(soon(t), p, endless, 0) {
		wantErr(t, "error", err, nil)
		if i++; i == 1000 {
			break
		}
	}
	eventually(t, "what was under way is withdrawn or done", func() bool {
		s := p.Stats()
		return s.Waiting == 0 && s.Running == 0
	})

	// The end of the context.
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var last error
	for _, err := range does.Imap(ctx, p, slices.Values([]string{"a", "wait", "b"}), 0) {
		if last = err; err == nil {
			cancel()
		}
	}
	wantErr(t, "last error", last, context.Canceled)
}

func TestItem210_ImapUnordered(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 3})
	for _, chunk := range []int{0, 10} {
		var got []int
		for n, err := range square.ImapUnordered(soon(t), p, slices.Values(ints(1000)), chunk) {
			wantErr(t, "error", err, nil)
			got = append(got, n)
		}
		slices.Sort(got)
		want(t, "results", got, squares(1000))
	}
	// A slow one does not hold up the others.
	p = newPool(t, &process.PoolOptions{Workers: 2})
	g := newGate(t)
	var order []string
	for s, err := range gated.ImapUnordered(soon(t), p, slices.Values([]gateTask{{"slow", &g}, {"a", nil}, {"b", nil}}), 0) {
		wantErr(t, "error", err, nil)
		if order = append(order, s); len(order) == 2 {
			g.Go.Set()
		}
	}
	want(t, "last", order[2], "slow")
}

// gateTask is a task that waits at a gate, if it has one.
type gateTask struct {
	Name string
	G    *gate
}

var gated = process.Register("gated", func(ctx context.Context, a gateTask) (string, error) {
	if a.G != nil {
		if err := a.G.pass(ctx); err != nil {
			return "", err
		}
	}
	return a.Name, nil
})

func TestItem211_EmptyInput(t *testing.T) {
	p := newPool(t, nil)
	got, err := square.Map(ended(t.Context()), p, nil, 0)
	wantErr(t, "Map()", err, nil)
	want(t, "Map()", got, []int{})
	for range square.Imap(t.Context(), p, slices.Values([]int{}), 0) {
		t.Error("Imap() of nothing gave something")
	}
	for range square.ImapUnordered(t.Context(), p, slices.Values([]int{}), 0) {
		t.Error("ImapUnordered() of nothing gave something")
	}
	want(t, "workers", p.Stats().Started, 0)
}

func TestItem212_ResultGivesUp(t *testing.T) {
	p := newPool(t, nil)
	g := newGate(t)
	f := must(gated.Submit(t.Context(), p, gateTask{"x", &g}))
	g.arrived(t)
	_, err := f.Result(ended(t.Context()))
	wantErr(t, "Result()", err, context.Canceled)
	_, err = f.TryResult()
	wantErr(t, "TryResult()", err, future.ErrPending)
	want(t, "state", f.State(), future.Running)
	g.Go.Set()
	s, err := f.Result(soon(t))
	wantErr(t, "Result()", err, nil)
	want(t, "Result()", s, "x")
}

func TestItem213_BadOptions(t *testing.T) {
	for _, o := range []process.PoolOptions{{Workers: -1}, {MaxTasks: -1}, {Memory: -1}, {TaskTimeout: -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewPool(%+v) did not panic", o)
				}
			}()
			process.NewPool(&o)
		}()
	}
	_, err := square.Apply(soon(t), newPool(t, &process.PoolOptions{Init: takesAny.With(func() {})}), 1)
	wantErr(t, "with an Init that cannot cross", err, process.ErrPoolBroken)
}

var initialised = ""

var initialise = process.Register("initialise", func(_ context.Context, s string) (none, error) {
	initialised += s
	return none{}, nil
})

var tellInitialised = process.Register("tellInitialised", func(context.Context, none) (string, error) {
	return fmt.Sprint(initialised, " ", process.Current().Name), nil
})

func TestItem214_Init(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2, Name: "工人", MaxTasks: 3, Init: initialise.With("once")})
	names := make(map[string]bool)
	for range 12 {
		s := must(tellInitialised.Apply(soon(t), p, none{}))
		wantText(t, "initialised", s, "once 工人-")
		names[s] = true
	}
	if len(names) < 4 {
		t.Errorf("12 tasks of at most 3 a worker were done by %d workers", len(names))
	}
}

func TestItem215_MaxTasks(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2, MaxTasks: 10})
	pids := make(map[int]int)
	for n, err := range pid.ImapUnordered(soon(t), p, slices.Values(make([]none, 100)), 0) {
		wantErr(t, "error", err, nil)
		pids[n]++
	}
	for n, tasks := range pids {
		if tasks > 10 {
			t.Errorf("worker %d did %d tasks", n, tasks)
		}
	}
	if len(pids) < 10 {
		t.Errorf("%d workers for 100 tasks of 10 each", len(pids))
	}
	want(t, "crashed", p.Stats().Crashed, 0)
}

func TestItem216_CloseEarly(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2, MaxTasks: 1})
	var fs []*future.Future[int]
	for i := range 12 {
		fs = append(fs, must(square.Submit(t.Context(), p, i)))
	}
	p.Close()
	p.Close()
	wantErr(t, "Join()", p.Join(soon(t)), nil)
	for i, f := range fs {
		n, err := f.TryResult()
		wantErr(t, "result", err, nil)
		want(t, "result", n, i*i)
	}
	want(t, "started", p.Stats().Started >= 12, true)
}

func TestItem217_TerminateManyPending(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2})
	var fs []*future.Future[string]
	for range 10_000 {
		fs = append(fs, must(does.Submit(t.Context(), p, "hang")))
	}
	eventually(t, "two run", func() bool { return p.Stats().Running >= 2 })
	begin := time.Now()
	p.Terminate()
	p.Terminate()
	for _, f := range fs {
		_, err := f.TryResult()
		if err != process.ErrTerminated {
			t.Fatalf("result = %v, want ErrTerminated", err)
		}
	}
	wantErr(t, "Join()", p.Join(soon(t)), nil)
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	want(t, "stats", p.Stats().Done, 10_000)
}

func TestItem218_Misuse(t *testing.T) {
	p := newPool(t, nil)
	wantErr(t, "Join() of an open pool", p.Join(t.Context()), process.ErrPoolOpen)
	p.Close()
	_, err := square.Submit(t.Context(), p, 1)
	wantErr(t, "Submit() to a closed pool", err, process.ErrPoolClosed)
	_, err = square.Map(t.Context(), p, ints(3), 0)
	wantErr(t, "Map() on a closed pool", err, process.ErrPoolClosed)
	var got []error
	for _, err := range square.Imap(t.Context(), p, slices.Values(ints(3)), 0) {
		got = append(got, err)
	}
	want(t, "errors of Imap()", len(got), 1)
	wantErr(t, "Imap() on a closed pool", got[0], process.ErrPoolClosed)
	wantErr(t, "Join() of a pool that did nothing", p.Join(t.Context()), nil)
	p.Terminate()
	_, err = square.Apply(t.Context(), p, 1)
	wantErr(t, "Apply() on a terminated pool", err, process.ErrTerminated)
	_, err = square.Submit(ended(t.Context()), newPool(t, nil), 1)
	wantErr(t, "Submit() with an ended context", err, context.Canceled)
}

func TestItem220_RemoteError(t *testing.T) {
	p := newPool(t, nil)
	_, err := does.Apply(soon(t), p, "panic")
	var r *process.RemoteError
	if !errors.As(err, &r) {
		t.Fatalf("Apply() = %v, want a RemoteError", err)
	}
	want(t, "message", r.Message, "panic: test: it went wrong")
	want(t, "panic", r.Panic, true)
	wantText(t, "stack", string(r.Stack), "pool_test.go")
	wantErr(t, "identity", err, errTest)
	_, err = does.Apply(soon(t), p, "goexit")
	want(t, "Goexit is a RemoteError", errors.As(err, &r), true)
	wantText(t, "message", r.Message, "runtime.Goexit")
	s, err := does.Apply(soon(t), p, "fine")
	wantErr(t, "Apply() after that", err, nil)
	want(t, "Apply() after that", s, "fine")
	want(t, "workers", p.Stats().Started, 1)
}

var takesAndReturns = process.Register("takesAndReturns", func(_ context.Context, b *big) (*big, error) { return b, nil })

func TestItem221_Released(t *testing.T) {
	p := newPool(t, nil)
	arg := new(big)
	w := weak.Make(arg)
	f := must(takesAndReturns.Submit(t.Context(), p, arg))
	arg = nil
	r, err := f.Result(soon(t))
	wantErr(t, "Result()", err, nil)
	v := weak.Make(r)
	r, f = nil, nil
	runtime.GC()
	want(t, "argument is gone", w.Value() == nil, true)
	eventually(t, "the result is gone", func() bool {
		runtime.GC()
		return v.Value() == nil
	})
}

func TestItem224_ManyWorkers(t *testing.T) {
	n := 100
	if raceEnabled {
		n = 20 // each has the race detector's memory
	}
	p := newPool(t, &process.PoolOptions{Workers: n})
	b := must(process.NewSemaphore(0))
	g := must(process.NewEvent())
	var fs []*future.Future[none]
	for range n {
		fs = append(fs, must(meet.Submit(t.Context(), p, meetArg{b, g})))
	}
	for range n {
		wantErr(t, "all come", b.Acquire(soon(t)), nil)
	}
	want(t, "workers", p.Stats().Workers, n)
	g.Set()
	for _, f := range fs {
		_, err := f.Result(soon(t))
		wantErr(t, "Result()", err, nil)
	}
}

type meetArg struct {
	Come *process.Semaphore
	Go   *process.Event
}

var meet = process.Register("meet", func(ctx context.Context, a meetArg) (none, error) {
	a.Come.Release(1)
	return none{}, a.Go.Wait(ctx)
})

func TestItem237_OnDemand(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 5})
	want(t, "workers of a new pool", p.Stats().Workers, 0)
	for i := range 20 {
		square.Apply(soon(t), p, i)
	}
	want(t, "workers for one task at a time", p.Stats().Started, 1)
}

func TestItem238_Saturation(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2, MaxTasks: 2})
	got, err := square.Map(soon(t), p, ints(30), 0)
	wantErr(t, "Map()", err, nil)
	want(t, "Map()", got, squares(30))
	if n := p.Stats().Workers; n > 2 {
		t.Errorf("%d workers", n)
	}
}

// A task that waits for one behind it must not keep it waiting, even if both
// were given to the same worker.
func TestTasksBehindALongOneAreTakenBack(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2})
	square.Map(soon(t), p, ints(1000), 0) // short ones: workers get several at a time
	g := newGate(t)
	first := must(gated.Submit(t.Context(), p, gateTask{"first", &g}))
	var rest []*future.Future[string]
	for range 100 {
		rest = append(rest, must(gated.Submit(t.Context(), p, gateTask{"rest", nil})))
	}
	for _, f := range rest {
		_, err := f.Result(soon(t))
		wantErr(t, "Result() of one behind", err, nil)
	}
	want(t, "the first one", first.State(), future.Running)
	g.Go.Set()
	_, err := first.Result(soon(t))
	wantErr(t, "Result()", err, nil)
}

func TestCancelPending(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 1})
	g := newGate(t)
	first := must(gated.Submit(t.Context(), p, gateTask{"first", &g}))
	g.arrived(t)
	ctx, cancel := context.WithCancel(t.Context())
	second := must(does.Submit(ctx, p, "kill"))
	third := must(does.Submit(t.Context(), p, "kill"))
	cancel()
	_, err := second.Result(soon(t))
	wantErr(t, "Result() of one whose context ended", err, context.Canceled)
	want(t, "Cancel()", third.Cancel(), true)
	g.Go.Set()
	_, err = first.Result(soon(t))
	wantErr(t, "Result()", err, nil)
	s, err := does.Apply(soon(t), p, "fine")
	wantErr(t, "Apply()", err, nil)
	want(t, "Apply()", s, "fine")
	want(t, "crashed", p.Stats().Crashed, 0)
}
