package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// calls are all methods with a context, each with what shows that it failed.
var calls = map[string]func(ctx context.Context, e *env) error{
	"Acquire": func(ctx context.Context, e *env) error {
		_, err := e.s.Acquire(ctx, "w", 0, time.Minute)
		return err
	},
	"Renew": func(ctx context.Context, e *env) error {
		_, err := e.s.Renew(ctx, []store.Lease{e.l}, time.Minute)
		return err
	},
	"Release": func(ctx context.Context, e *env) error { return e.s.Release(ctx, []store.Lease{e.l}) },
	"Hosts": func(ctx context.Context, e *env) error {
		_, err := e.s.Hosts(ctx, e.l, 0, 1)
		return err
	},
	"Due": func(ctx context.Context, e *env) error {
		_, err := e.s.Due(ctx, e.l, t0, []store.HostQuery{{Host: store.HostOf(site), Limit: 1}})
		return err
	},
	"Add": func(ctx context.Context, e *env) error {
		_, err := e.s.Add(ctx, pages("new.example", 3), &store.Cursor{Name: "list", Pos: 3})
		return err
	},
	"Cursor": func(ctx context.Context, e *env) error {
		_, err := e.s.Cursor(ctx, "list")
		return err
	},
	"Reserve": func(ctx context.Context, e *env) error {
		_, err := e.s.Reserve(ctx, []store.Name{{Key: key(1), Path: "a"}}, nil)
		return err
	},
	"Rename": func(ctx context.Context, e *env) error {
		_, err := e.s.Rename(ctx, store.Name{Key: key(1), Path: "a"}, nil)
		return err
	},
	"Commit": func(ctx context.Context, e *env) error {
		_, err := e.s.Commit(ctx, store.Commit{Leases: []store.Lease{e.l}, Outcomes: []store.Outcome{outcome(page("https://www.example.com/0"), store.Done)}})
		return err
	},
	"Stats": func(ctx context.Context, e *env) error {
		_, err := e.s.Stats(ctx)
		return err
	},
	"Items": func(ctx context.Context, e *env) error {
		_, err := collect(e.s.Items(ctx, "s", 0))
		return err
	},
	"Outputs": func(ctx context.Context, e *env) error {
		_, err := e.s.Outputs(ctx)
		return err
	},
	"Files": func(ctx context.Context, e *env) error {
		_, err := collect(e.s.Files(ctx))
		return err
	},
	"Failures": func(ctx context.Context, e *env) error {
		_, err := collect(e.s.Failures(ctx))
		return err
	},
	"Retry": func(ctx context.Context, e *env) error {
		_, err := e.s.Retry(ctx, t0, nil)
		return err
	},
	"Redo": func(ctx context.Context, e *env) error {
		_, err := e.s.Redo(ctx, t0, []trawl.Key{file("https://www.example.com/f", "").Key})
		return err
	},
	"Held": func(ctx context.Context, e *env) error {
		_, err := collect(e.s.Held(ctx))
		return err
	},
	"Accept": func(ctx context.Context, e *env) error {
		_, err := e.s.Accept(ctx, []store.Name{{Key: file("https://held.example/0.jpg", "").Key, Path: "h0"}})
		return err
	},
	"Revision": func(ctx context.Context, e *env) error {
		_, err := e.s.Revision(ctx, "s")
		return err
	},
	"Update": func(ctx context.Context, e *env) error {
		_, err := e.s.Update(ctx, true)
		return err
	},
	"Settle": func(ctx context.Context, e *env) error {
		_, err := e.s.Settle(ctx)
		return err
	},
	"Before": func(ctx context.Context, e *env) error {
		_, err := e.s.Before(ctx, file("https://www.example.com/f", ""))
		return err
	},
	"Robots": func(ctx context.Context, e *env) error {
		_, err := e.s.Robots(ctx, "https://a.example")
		return err
	},
	"KeepRobots": func(ctx context.Context, e *env) error {
		return e.s.KeepRobots(ctx, store.Robots{Origin: "https://a.example", At: t0})
	},
	"Get": func(ctx context.Context, e *env) error {
		_, err := e.s.Get(ctx, "v")
		return err
	},
	"Set": func(ctx context.Context, e *env) error { return e.s.Set(ctx, "v", "x") },
}

// prepare makes a store in which each of calls has something to do.
func (e *env) prepare() {
	e.Helper()
	f := file("https://www.example.com/f", "")
	es := append(pages(site, 3), f)
	e.add(es...)
	o := outcome(es[2], store.Done)
	o.Items = []store.Item{item("s", 1)}
	e.commit(outcome(es[1], store.Failed), o, saved(f, "f", 1))
	e.placeholders("held.example", 2, 2)
}

// state returns all that can be seen of a store.
func (e *env) state() string {
	e.Helper()
	v, err := e.s.Get(bg, "v")
	e.must(err)
	cur, err := e.s.Cursor(bg, "list")
	e.must(err)
	return fmt.Sprint(e.stats(), e.waiting(), all(e, e.s.Files(bg)), all(e, e.s.Failures(bg)), all(e, e.s.Held(bg)), e.robots("https://a.example"), v, cur)
}

var callTests = []test{
	{"return the error of a context that has ended and change nothing", func(e *env) {
		e.prepare()
		before := e.state()
		ctx, cancel := context.WithCancel(bg)
		cancel()
		for name, call := range calls {
			if err := call(ctx, e); !errors.Is(err, context.Canceled) {
				e.Errorf("%s = %v, want context.Canceled", name, err)
			}
		}
		past, cancel := context.WithDeadline(bg, time.Unix(1, 0))
		defer cancel()
		for name, call := range calls {
			if err := call(past, e); !errors.Is(err, context.DeadlineExceeded) {
				e.Errorf("%s = %v, want context.DeadlineExceeded", name, err)
			}
		}
		e.equal("the store", e.state(), before)
		e.equal("the name", e.reserve(2, "a"), "a")
		e.recount()
	}},
	{"go on with a context that ends afterwards", func(e *env) {
		e.prepare()
		for name, call := range calls {
			ctx, cancel := context.WithCancel(bg)
			if err := call(ctx, e); err != nil && !errors.Is(err, store.ErrFenced) {
				e.Errorf("%s = %v", name, err)
			}
			cancel()
		}
		e.s.Acquire(bg, "w", 0, time.Minute)
	}},
	{"undo a change when the context ends midway", func(e *env) {
		ctx, cancel := context.WithCancel(bg)
		names := []store.Name{{Key: key(1), Path: "a"}, {Key: key(2), Path: "b"}}
		ps, err := e.s.Reserve(ctx, names, func(p string) bool {
			cancel()
			return false
		})
		if err == nil {
			// The context ended too late for this driver, which is allowed.
			e.equal("paths", ps, []string{"a", "b"})
			return
		}
		if !errors.Is(err, context.Canceled) {
			e.Fatalf("Reserve = %v, want context.Canceled", err)
		}
		e.equal("the names for others", []string{e.reserve(3, "a"), e.reserve(4, "b")}, []string{"a", "b"})
	}},
	{"end a sequence when the context ends", func(e *env) {
		e.fill(300, "s")
		ctx, cancel := context.WithCancel(bg)
		defer cancel()
		var last error
		n := 0
		for _, err := range e.s.Items(ctx, "s", 0) {
			if last = err; err != nil {
				continue // a sequence ends with its error: see below
			}
			n++
			cancel()
		}
		if !errors.Is(last, context.Canceled) || n >= 300 {
			e.Errorf("the sequence ended with %v after %d items, want context.Canceled", last, n)
		}
	}},
	{"survive a callback that panics", func(e *env) {
		func() {
			defer func() {
				if recover() == nil {
					e.Error("the panic was swallowed")
				}
			}()
			e.s.Reserve(bg, []store.Name{{Key: key(1), Path: "a"}, {Key: key(2), Path: "b"}}, func(p string) bool {
				if p == "b" {
					panic("boom")
				}
				return false
			})
		}()
		e.equal("the name after the panic", e.reserve(2, "b"), "b")
	}},
	{"return ErrClosed after Close, which may be called twice", func(e *env) {
		e.prepare()
		seq := e.s.Items(bg, "s", 0)
		e.must(e.s.Close())
		e.must(e.s.Close())
		for name, call := range calls {
			if err := call(bg, e); !errors.Is(err, store.ErrClosed) {
				e.Errorf("%s = %v, want ErrClosed", name, err)
			}
		}
		if _, err := collect(seq); !errors.Is(err, store.ErrClosed) {
			e.Errorf("a sequence begun after Close ends with %v, want ErrClosed", err)
		}
	}},
}
