package thread_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func TestItem027_ScopeJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s said
		slow := func(ctx context.Context) error {
			<-time.After(time.Second)
			if ctx.Err() == nil {
				s.say("end of thread")
			}
			return nil
		}
		err := thread.Scope(t.Context(), func(ctx context.Context) error {
			thread.Go(ctx, "x", slow)
			s.say("end of main")
			return io.EOF
		}, nil)
		want(t, "Scope()", err, io.EOF)
		s.want(t, "end of main", "end of thread")
	})
	// However the function ends.
	for name, leave := range map[string]func(){"panic": func() { panic("bad") }, "goexit": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			var th *thread.Thread
			done := make(chan any)
			go func() {
				defer func() { done <- recover() }()
				thread.Scope(t.Context(), func(ctx context.Context) error {
					th = thread.Go(ctx, "x", func(ctx context.Context) error { <-ctx.Done(); <-time.After(time.Second); return nil })
					leave()
					return nil
				}, nil)
			}()
			v := <-done
			want(t, name+": alive after Scope", th.Alive(), false)
			want(t, name+": recovered", v == any("bad"), name == "panic")
		})
	}
}

func TestItem028_DaemonsDoNotHoldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stopped atomic.Int32
		start := time.Now()
		thread.Scope(t.Context(), func(ctx context.Context) error {
			for range 50 {
				d := thread.New("d", func(ctx context.Context) error {
					<-ctx.Done()
					want(t, "cause", context.Cause(ctx), thread.ErrScopeEnded)
					<-time.After(time.Hour)
					stopped.Add(1)
					return nil
				})
				d.SetDaemon(true)
				d.Start(ctx)
			}
			return nil
		}, nil)
		want(t, "Scope() took", time.Since(start), 0)
		want(t, "stopped", stopped.Load(), 0)
		<-time.After(2 * time.Hour)
		want(t, "stopped", stopped.Load(), 50)
	})
}

func TestItem029_EndedScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished *thread.Thread
		tried := make(chan struct{})
		thread.Scope(t.Context(), func(ctx context.Context) error {
			finished = thread.Go(ctx, "f", nop)
			d := thread.New("d", func(ctx context.Context) error {
				defer close(tried)
				<-ctx.Done()
				wantErr(t, "Start() at the end", thread.New("x", nop).Start(ctx), thread.ErrScopeEnded)
				wantErr(t, "Scope() at the end", thread.Scope(ctx, nop, nil), thread.ErrScopeEnded)
				wantErr(t, "Join() of a finished one", finished.Join(ctx), nil)
				<-time.After(time.Second)
				return nil
			})
			d.SetDaemon(true)
			d.Start(ctx)
			thread.Go(ctx, "outlives", func(context.Context) error { <-time.After(time.Second); return nil })
			// A running daemon is not waited for past the end.
			go func() { wantErr(t, "Join() of a daemon", d.Join(ctx), context.Canceled) }()
			return nil
		}, nil)
		<-tried
	})
}

func TestItem030_StartWhileEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		depth := 0
		var step func(ctx context.Context) error
		step = func(ctx context.Context) error {
			<-time.After(time.Second)
			if depth++; depth < 5 {
				return thread.New("next", step).Start(ctx)
			}
			return nil
		}
		start := time.Now()
		thread.Scope(t.Context(), func(ctx context.Context) error {
			thread.Go(ctx, "first", step)
			return nil
		}, nil)
		want(t, "depth", depth, 5)
		want(t, "took", time.Since(start), 5*time.Second)
	})
}

// What Python registers with atexit is a defer in the function of the Scope.
func TestItem031_ExitCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s said
		thread.Scope(t.Context(), func(ctx context.Context) error {
			defer s.say("first")
			defer s.say("second")
			thread.Go(ctx, "x", func(context.Context) error { <-time.After(time.Second); s.say("thread"); return nil })
			return nil
		}, nil)
		s.want(t, "second", "first", "thread")
	})
}

// A scope waits for its own threads only, and inner scopes for theirs.
func TestScopesNest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		sleep := func(d time.Duration) func(context.Context) error {
			return func(context.Context) error { <-time.After(d); return nil }
		}
		thread.Scope(t.Context(), func(ctx context.Context) error {
			thread.Go(ctx, "outer", sleep(time.Hour))
			thread.Scope(ctx, func(ctx context.Context) error {
				thread.Go(ctx, "inner", sleep(time.Second))
				return nil
			}, nil)
			want(t, "inner took", time.Since(start), time.Second)
			return nil
		}, nil)
		want(t, "outer took", time.Since(start), time.Hour)
	})
}

// Whether ctx ends does not matter to the wait.
func TestScopeWaitsThoughCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := false
		err := thread.Scope(ctx, func(ctx context.Context) error {
			thread.Go(ctx, "x", func(ctx context.Context) error {
				<-ctx.Done()
				<-time.After(time.Second)
				ended = true
				return nil
			})
			cancel()
			return ctx.Err()
		}, nil)
		wantErr(t, "Scope()", err, context.Canceled)
		want(t, "thread ended", ended, true)
	})
}

// Daemons that keep starting threads while the scope ends are either waited
// for or refused, and never left running.
func TestScopeEndRace(t *testing.T) {
	for range 200 {
		var running atomic.Int32
		thread.Scope(t.Context(), func(ctx context.Context) error {
			d := thread.New("d", func(ctx context.Context) error {
				for {
					th := thread.New("x", func(context.Context) error { running.Add(-1); return nil })
					th.SetDaemon(false)
					running.Add(1)
					if err := th.Start(ctx); errors.Is(err, thread.ErrScopeEnded) {
						running.Add(-1)
						return nil
					}
					// Without this the scope might never be without threads.
					if err := th.Join(ctx); err != nil {
						return err
					}
				}
			})
			d.SetDaemon(true)
			d.Start(ctx)
			return nil
		}, nil)
		waitFor(t, func() bool { return thread.ActiveCount() == 1 })
		want(t, "running", running.Load(), 0)
	}
}
