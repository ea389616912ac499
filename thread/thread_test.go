package thread_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func nop(context.Context) error { return nil }

func TestItem001_Name(t *testing.T) {
	ctx := t.Context()
	if got := thread.New("", nop).Name(); !regexp.MustCompile(`^Thread-[1-9]\d* \(thread_test\.nop\)$`).MatchString(got) {
		t.Errorf("name of an unnamed thread is %q, want Thread-N (thread_test.nop)", got)
	}
	if got := thread.New("", nil).Name(); !regexp.MustCompile(`^Thread-[1-9]\d*$`).MatchString(got) {
		t.Errorf("name of an unnamed thread without a function is %q, want Thread-N", got)
	}
	if a, b := thread.New("", nop), thread.New("", nop); a.Name() == b.Name() {
		t.Errorf("two unnamed threads are both called %q", a.Name())
	}
	th := thread.Go(ctx, "生产线程-0", nop)
	want(t, "Name()", th.Name(), "生产线程-0")
	wantErr(t, "Join()", th.Join(ctx), nil)
}

func TestItem002_ID(t *testing.T) {
	ctx := t.Context()
	th := thread.New("x", nop)
	want(t, "ID() before Start", th.ID(), 0)
	th.Start(ctx)
	id := th.ID()
	th.Join(ctx)
	if id == 0 || th.ID() != id {
		t.Errorf("ID() = %d after Start and %d after the end, want the same number, not 0", id, th.ID())
	}
	other := thread.Go(ctx, "y", nop)
	other.Join(ctx)
	if other.ID() == id {
		t.Errorf("two threads have the ID %d", id)
	}
}

func TestItem003_StartRegisters(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		for range 100 {
			var stop thread.Event
			th := thread.New("x", stop.Wait)
			wantErr(t, "Start()", th.Start(ctx), nil)
			if th.ID() == 0 || !th.Alive() || !slices.Contains(thread.Enumerate(), th) {
				t.Fatalf("after Start %v is not alive and listed", th)
			}
			stop.Set()
			th.Join(ctx)
		}
	})
}

func TestItem004_Alive(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		th := thread.New("x", func(context.Context) error { <-time.After(time.Second); return nil })
		want(t, "Alive() before Start", th.Alive(), false)
		th.Start(ctx)
		synctest.Wait()
		want(t, "Alive() while it sleeps", th.Alive(), true)
		th.Join(ctx)
		want(t, "Alive() after Join", th.Alive(), false)
	})
}

func TestItem005_StateText(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		th := thread.New("x", func(context.Context) error { <-time.After(time.Second); return nil })
		th.SetDaemon(true)
		want(t, "String()", th.String(), "Thread(x, initial daemon)")
		th.Start(ctx)
		want(t, "String()", th.String(), fmt.Sprintf("Thread(x, started daemon %d)", th.ID()))
		<-time.After(2 * time.Second) // nobody joins
		want(t, "String()", th.String(), fmt.Sprintf("Thread(x, stopped daemon %d)", th.ID()))
	})
}

func TestItem006_StartTwice(t *testing.T) {
	ctx := t.Context()
	var stop thread.Event
	th := thread.Go(ctx, "x", stop.Wait)
	wantErr(t, "Start() while it runs", th.Start(ctx), thread.ErrStarted)
	wantErr(t, "Run() while it runs", th.Run(ctx), thread.ErrStarted)
	stop.Set()
	wantErr(t, "Join()", th.Join(ctx), nil)
	wantErr(t, "Start() after the end", th.Start(ctx), thread.ErrStarted)
}

func TestItem007_JoinBeforeStart(t *testing.T) {
	th := thread.New("x", nop)
	wantErr(t, "Join()", th.Join(t.Context()), thread.ErrNotStarted)
}

func TestItem008_JoinSelf(t *testing.T) {
	th := thread.Go(t.Context(), "x", func(ctx context.Context) error {
		return thread.Current(ctx).Join(ctx)
	})
	wantErr(t, "Join() of the current thread", th.Join(t.Context()), thread.ErrJoinSelf)
	wantErr(t, "Join() of the main thread by itself", thread.Main().Join(t.Context()), thread.ErrJoinSelf)
}

func TestItem009_ManyJoin(t *testing.T) {
	for n := 2; n < 20; n++ {
		bubble(t, func(t *testing.T, ctx context.Context) {
			fail := errors.New("fail")
			th := thread.Go(ctx, "x", func(context.Context) error { <-time.After(time.Second); return fail })
			var joined atomic.Int32
			for range n {
				thread.Go(ctx, "joiner", func(ctx context.Context) error {
					for range 2 {
						wantErr(t, "Join()", th.Join(ctx), fail)
					}
					joined.Add(1)
					return nil
				})
			}
			<-time.After(2 * time.Second)
			synctest.Wait()
			want(t, "joined", joined.Load(), int32(n))
		})
	}
}

func TestItem010_JoinTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		th := thread.Go(ctx, "slow", func(context.Context) error { <-time.After(time.Hour); return nil })
		start := time.Now()
		err := th.Join(within(t, ctx, time.Minute))
		wantErr(t, "Join()", err, context.DeadlineExceeded)
		want(t, "waited", time.Since(start), time.Minute)
		want(t, "Alive()", th.Alive(), true)
		if !strings.Contains(err.Error(), "slow") {
			t.Errorf("error %q does not tell which thread", err)
		}
	})
}

func TestItem011_JoinAtOnce(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		var stop thread.Event
		th := thread.Go(ctx, "x", stop.Wait)
		for _, d := range []time.Duration{0, -1} {
			wantErr(t, "Join() of one that runs", th.Join(within(t, ctx, d)), context.DeadlineExceeded)
		}
		stop.Set()
		wantErr(t, "Join()", th.Join(ctx), nil)
		wantErr(t, "Join() of one that ended, with an ended context", th.Join(ended(ctx)), nil)
	})
}

func TestItem012_DaemonAfterStart(t *testing.T) {
	th := thread.Go(t.Context(), "x", nop)
	wantErr(t, "SetDaemon()", th.SetDaemon(true), thread.ErrStarted)
	th.Join(t.Context())
	wantErr(t, "SetDaemon()", th.SetDaemon(true), thread.ErrStarted)
	want(t, "Daemon()", th.Daemon(), false)
}

func TestItem013_DaemonInherited(t *testing.T) {
	ctx := t.Context()
	parent := thread.New("parent", func(ctx context.Context) error {
		child := thread.Go(ctx, "child", nop)
		want(t, "Daemon() of a daemon's child", child.Daemon(), true)
		other := thread.New("other", nop)
		other.SetDaemon(false)
		other.Start(ctx)
		want(t, "Daemon() of a child that was told otherwise", other.Daemon(), false)
		return errors.Join(child.Join(ctx), other.Join(ctx))
	})
	parent.SetDaemon(true)
	parent.Start(ctx)
	wantErr(t, "Join()", parent.Join(ctx), nil)
	th := thread.Go(ctx, "x", nop)
	want(t, "Daemon() of the main thread's child", th.Daemon(), false)
	th.Join(ctx)
}

func TestItem014_JoinedIsUnlisted(t *testing.T) {
	ctx := t.Context()
	for range 1000 {
		th := thread.Go(ctx, "x", nop)
		th.Join(ctx)
		if slices.Contains(thread.Enumerate(), th) {
			t.Fatal("Enumerate() lists a thread that was joined")
		}
	}
}

func TestItem015_ActiveCount(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		var stop thread.Event
		a := thread.Go(ctx, "a", stop.Wait)
		d := thread.New("d", stop.Wait)
		d.SetDaemon(true)
		d.Start(ctx)
		unstarted := thread.New("u", nop)
		finished := thread.Go(ctx, "f", nop)
		finished.Join(ctx)
		if got, want := thread.Enumerate(), []*thread.Thread{thread.Main(), a, d}; !slices.Equal(got, want) {
			t.Errorf("Enumerate() = %v, want %v, without %v and %v", got, want, unstarted, finished)
		}
		want(t, "ActiveCount()", thread.ActiveCount(), 3)
		stop.Set()
		a.Join(ctx)
		d.Join(ctx)
		want(t, "ActiveCount()", thread.ActiveCount(), 1)
	})
}

func TestItem016_Main(t *testing.T) {
	ctx := t.Context()
	want(t, "name", thread.Main().Name(), "MainThread")
	want(t, "Current() in main", thread.Current(ctx), thread.Main())
	want(t, "Alive()", thread.Main().Alive(), true)
	th := thread.Go(ctx, "x", func(ctx context.Context) error {
		if thread.Current(ctx) == thread.Main() {
			t.Error("Current() in a thread is the main thread")
		}
		return nil
	})
	th.Join(ctx)
}

// A goroutine that is no thread counts as the one whose context it was given.
func TestItem017_ForeignGoroutine(t *testing.T) {
	done := make(chan *thread.Thread, 2)
	go func() { done <- thread.Current(context.Background()) }()
	want(t, "Current() of a bare context", <-done, thread.Main())
	th := thread.Go(t.Context(), "x", func(ctx context.Context) error {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(ctx, key{}, 1))
		defer cancel()
		go func() { done <- thread.Current(ctx) }()
		want(t, "Current() of a thread's context in another goroutine", <-done, thread.Current(ctx))
		return nil
	})
	th.Join(t.Context())
}

func TestItem018_FailureToStart(t *testing.T) {
	var ctx context.Context
	thread.Scope(t.Context(), func(c context.Context) error { ctx = c; return nil }, nil)
	th := thread.New("late", nop)
	wantErr(t, "Start() in an ended scope", th.Start(ctx), thread.ErrScopeEnded)
	want(t, "ActiveCount()", thread.ActiveCount(), 1)
	want(t, "ID()", th.ID(), 0)
	wantErr(t, "Join()", th.Join(t.Context()), thread.ErrNotStarted)
	wantErr(t, "Start() elsewhere", th.Start(t.Context()), nil)
	wantErr(t, "Join()", th.Join(t.Context()), nil)

	th = thread.Go(ctx, "late", nop)
	wantErr(t, "Join() after Go in an ended scope", th.Join(t.Context()), thread.ErrScopeEnded)
	want(t, "Alive()", th.Alive(), false)
	select {
	case <-th.Done():
	default:
		t.Error("Done() is open")
	}
}

func TestItem019_ErrorAndPanic(t *testing.T) {
	type seen struct {
		th  *thread.Thread
		err error
	}
	var hooked []seen
	opts := &thread.ScopeOptions{OnError: func(th *thread.Thread, err error) {
		want(t, "Alive() in the hook", th.Alive(), true)
		hooked = append(hooked, seen{th, err})
	}}
	scope(t, opts, func(ctx context.Context) {
		fail := errors.New("no route")
		th := thread.Go(ctx, "errs", func(context.Context) error { return fail })
		want(t, "Join()", th.Join(ctx), fail)
		want(t, "Err()", th.Err(), fail)

		bad := thread.Go(ctx, "panics", func(context.Context) error { panic(io.ErrShortWrite) })
		err := bad.Join(ctx)
		var p *thread.PanicError
		if !errors.As(err, &p) || p.Value != any(io.ErrShortWrite) || !bytes.Contains(p.Stack, []byte("TestItem019_ErrorAndPanic")) {
			t.Errorf("Join() = %#v, want a PanicError with the value and the stack", err)
		}
		wantErr(t, "Join()", err, io.ErrShortWrite)
		want(t, "Error()", err.Error(), "panic: short write")
		if len(hooked) != 2 || hooked[0] != (seen{th, fail}) || hooked[1] != (seen{bad, err}) {
			t.Errorf("OnError got %v, want each failure once", hooked)
		}
		ok := thread.Go(ctx, "fine", nop)
		want(t, "Err() of a fine one", ok.Join(ctx), nil)
		want(t, "hooked", len(hooked), 2)
	})
}

func TestItem020_Goexit(t *testing.T) {
	opts := &thread.ScopeOptions{OnError: func(*thread.Thread, error) { t.Error("OnError was called") }}
	scope(t, opts, func(ctx context.Context) {
		th := thread.Go(ctx, "x", func(context.Context) error { runtime.Goexit(); return nil })
		wantErr(t, "Join()", th.Join(ctx), nil)
		want(t, "Alive()", th.Alive(), false)
	})
}

func TestItem021_HookIsScoped(t *testing.T) {
	var calls []string
	hook := func(name string) *thread.ScopeOptions {
		return &thread.ScopeOptions{OnError: func(*thread.Thread, error) { calls = append(calls, name) }}
	}
	fail := func(ctx context.Context) {
		thread.Go(ctx, "x", func(context.Context) error { return io.EOF }).Join(ctx)
	}
	scope(t, hook("outer"), func(ctx context.Context) {
		fail(ctx)
		inner := func(ctx context.Context) error { fail(ctx); return nil }
		thread.Scope(ctx, inner, hook("inner"))
		thread.Scope(ctx, inner, nil)
		fail(ctx)
	})
	if want := []string{"outer", "inner", "outer", "outer"}; !slices.Equal(calls, want) {
		t.Errorf("hooks called: %v, want %v", calls, want)
	}
}

func TestItem022_HookFails(t *testing.T) {
	for name, hook := range map[string]func(*thread.Thread, error){
		"panic":  func(*thread.Thread, error) { panic("bad hook") },
		"goexit": func(*thread.Thread, error) { runtime.Goexit() },
	} {
		var out bytes.Buffer
		scope(t, &thread.ScopeOptions{Stderr: &out, OnError: hook}, func(ctx context.Context) {
			th := thread.Go(ctx, "x", func(context.Context) error { panic("bad page") })
			if err := th.Join(ctx); err == nil || err.Error() != "panic: bad page" {
				t.Errorf("%s: Join() = %v, want the panic of the function", name, err)
			}
		})
		if !strings.Contains(out.String(), "panic: bad page in thread x\n") || name == "panic" && !strings.HasPrefix(out.String(), "thread: OnError panicked: bad hook\n") {
			t.Errorf("%s: written:\n%s", name, out.String())
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestItem023_DefaultHook(t *testing.T) {
	var out bytes.Buffer
	scope(t, &thread.ScopeOptions{Stderr: &out}, func(ctx context.Context) {
		thread.Go(ctx, "x", func(context.Context) error { return io.EOF }).Join(ctx)
		want(t, "written for an error", out.String(), "")
		thread.Go(ctx, "x", func(context.Context) error { panic("bad page") }).Join(ctx)
		if got := out.String(); !strings.HasPrefix(got, "panic: bad page in thread x\ngoroutine ") || !strings.Contains(got, "TestItem023") {
			t.Errorf("written for a panic: %q", got)
		}
	})
	scope(t, &thread.ScopeOptions{Stderr: brokenWriter{}}, func(ctx context.Context) {
		th := thread.Go(ctx, "x", func(context.Context) error { panic("bad page") })
		if th.Join(ctx) == nil {
			t.Error("Join() = nil, want the panic")
		}
	})
}

func TestItem024_NilFunction(t *testing.T) {
	th := thread.Go(t.Context(), "x", nil)
	wantErr(t, "Join()", th.Join(t.Context()), nil)
}

// released tells, sooner or later, whether what fn's result pointed to is
// garbage once fn has returned.
func released(t *testing.T, fn func(big *[1 << 16]byte)) {
	t.Helper()
	var gone atomic.Bool
	func() {
		big := new([1 << 16]byte)
		runtime.AddCleanup(big, func(gone *atomic.Bool) { gone.Store(true) }, &gone)
		fn(big)
	}()
	for range 100 {
		runtime.GC()
		if gone.Load() {
			return
		}
		yield()
	}
	t.Error("still in memory")
}

func TestItem025_FunctionReleased(t *testing.T) {
	var th *thread.Thread
	released(t, func(big *[1 << 16]byte) {
		th = thread.Go(t.Context(), "x", func(context.Context) error { big[0] = 1; return nil })
		th.Join(t.Context())
	})
	runtime.KeepAlive(th)
}

func TestItem026_NeverJoined(t *testing.T) {
	ctx := t.Context()
	scope(t, nil, func(ctx context.Context) { thread.Go(ctx, "x", nop) })
	released(t, func(big *[1 << 16]byte) {
		var wg sync.WaitGroup
		wg.Add(1)
		thread.Go(context.WithValue(ctx, big, big), "x", func(context.Context) error { wg.Done(); return nil })
		wg.Wait()
	})
}

func TestItem032_Rename(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		var stop thread.Event
		thread.Go(ctx, "before", stop.Wait).SetName("后来")
		want(t, "name in Enumerate()", thread.Enumerate()[1].Name(), "后来")
		stop.Set()
	})
}

func TestItem033_BoundedInside(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		sema := thread.NewBoundedSemaphore(3)
		var inside, most, runs atomic.Int32
		for range 10 {
			thread.Go(ctx, "", func(ctx context.Context) error {
				for range 20 {
					if err := sema.Acquire(ctx); err != nil {
						return err
					}
					n := inside.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					yield()
					runs.Add(1)
					inside.Add(-1)
					if err := sema.Release(1); err != nil {
						t.Error(err)
					}
				}
				return nil
			})
		}
		defer func() {
			for _, th := range thread.Enumerate()[1:] {
				th.Join(ctx)
			}
			want(t, "runs", runs.Load(), 200)
			if n := most.Load(); n < 1 || n > 3 {
				t.Errorf("%d threads were inside at a time, want 1 to 3", n)
			}
		}()
	})
}

func TestItem034_Timer(t *testing.T) {
	t.Run("runs once after the interval", func(t *testing.T) {
		bubble(t, func(t *testing.T, ctx context.Context) {
			var runs int
			start := time.Now()
			timer := thread.NewTimer("alarm", time.Minute, func(ctx context.Context) error {
				want(t, "Current()", thread.Current(ctx).Name(), "alarm")
				want(t, "after", time.Since(start), time.Minute)
				runs++
				return io.EOF
			})
			timer.Start(ctx)
			want(t, "Join()", timer.Join(ctx), io.EOF)
			<-time.After(time.Hour)
			want(t, "runs", runs, 1)
			want(t, "Cancel() afterwards", timer.Cancel(), false)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		bubble(t, func(t *testing.T, ctx context.Context) {
			fail := func(context.Context) error { t.Error("a cancelled timer ran"); return nil }
			timer := thread.NewTimer("alarm", time.Minute, fail)
			timer.Start(ctx)
			<-time.After(time.Second)
			want(t, "Cancel()", timer.Cancel(), true)
			want(t, "Cancel() again", timer.Cancel(), true)
			wantErr(t, "Join()", timer.Join(ctx), nil)
			early := thread.NewTimer("alarm", time.Minute, fail)
			want(t, "Cancel() before Start", early.Cancel(), true)
			early.Start(ctx)
			start := time.Now()
			wantErr(t, "Join()", early.Join(ctx), nil)
			want(t, "waited", time.Since(start), 0)
		})
	})
	t.Run("context ends", func(t *testing.T) {
		bubble(t, func(t *testing.T, ctx context.Context) {
			timer := thread.NewTimer("alarm", time.Minute, func(context.Context) error { t.Error("ran"); return nil })
			timer.Start(within(t, ctx, time.Second))
			wantErr(t, "Join()", timer.Join(ctx), context.DeadlineExceeded)
		})
	})
}

func TestRunOnCallersGoroutine(t *testing.T) {
	th := thread.New("request", func(ctx context.Context) error {
		want(t, "Current()", thread.Current(ctx).Name(), "request")
		want(t, "ActiveCount()", thread.ActiveCount(), 2)
		return io.EOF
	})
	want(t, "Run()", th.Run(t.Context()), io.EOF)
	want(t, "ActiveCount()", thread.ActiveCount(), 1)
	want(t, "Join()", th.Join(t.Context()), io.EOF)
}
