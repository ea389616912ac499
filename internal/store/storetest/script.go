package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A Step is one change of a store.
type Step func(ctx context.Context, s store.Store, l store.Lease) error

// Script returns the changes of a small job, always the same ones, for tests
// that kill a process at one of them. Each is one atomic unit, has an effect,
// and does nothing the second time.
func Script() []Step {
	root := page("https://www.example.com/")
	list := pages("list.example", 40)
	pics := []store.Entry{
		file("https://img.example/1.jpg", site), file("https://img.example/2.jpg", site),
		file("https://img.example/3.jpg", site), file("https://img.example/4.jpg", site),
	}
	add := func(cur *store.Cursor, es ...store.Entry) Step {
		return func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Add(ctx, es, cur)
			return err
		}
	}
	commit := func(os ...store.Outcome) Step {
		return func(ctx context.Context, s store.Store, l store.Lease) error {
			r, err := s.Commit(ctx, store.Commit{
				Leases: []store.Lease{l}, Outcomes: os,
				Hosts: []store.Host{{ID: os[0].Host, Next: t0.Add(time.Second), Delay: time.Duration(os[0].Tries)}},
			})
			if err == nil && len(r.Fenced) > 0 {
				return store.ErrFenced
			}
			return err
		}
	}
	holds := func(os ...store.Outcome) Step {
		return func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Commit(ctx, store.Commit{Leases: []store.Lease{l}, Outcomes: os, Hold: 2, At: t0})
			return err
		}
	}
	reserve := func(names ...store.Name) Step {
		return func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Reserve(ctx, names, nil)
			return err
		}
	}
	done := outcome(root, store.Done)
	done.Children = append(pages("child.example", 30), pics...)
	for i := range 20 {
		done.Items = append(done.Items, item("s", i))
	}
	again := outcome(list[0], store.Waiting)
	again.Due, again.Failure = later, &store.Failure{Reason: "network", At: t0}
	var ended []store.Outcome
	for i, e := range list[1:20] {
		o := outcome(e, []store.State{store.Done, store.Failed}[i%2])
		if o.State == store.Done {
			o.Children = pages(fmt.Sprintf("h%d.example", i), 5)
		}
		ended = append(ended, o)
	}
	redone := outcome(root, store.Done)
	redone.ETag, redone.Items = `"2"`, []store.Item{item("s", 0), item("s", 77)}
	return []Step{
		add(nil, root),
		add(&store.Cursor{Name: "list", Pos: 40}, list...),
		commit(done),
		reserve(store.Name{Key: pics[0].Key, Path: "思考中/1.jpg"}, store.Name{Key: pics[1].Key, Path: "思考中/1.JPG"}),
		reserve(store.Name{Key: pics[2].Key, Path: "思考中"}, store.Name{Key: pics[3].Key, Path: "2.jpg"}),
		commit(append(ended, again, saved(pics[0], "思考中/1.jpg", 1))...),
		func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Rename(ctx, store.Name{Key: pics[2].Key, Path: "3.png"}, nil)
			return err
		},
		commit(saved(pics[1], "x", 1), saved(pics[2], "3.png", 2), outcome(pics[3], store.Failed)),
		func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Retry(ctx, t0, func(f store.Failure) bool { return f.Kind == trawl.KindPage })
			return err
		},
		func(ctx context.Context, s store.Store, l store.Lease) error { return s.Set(ctx, "v", "第二次") },
		func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Redo(ctx, t0, []trawl.Key{pics[0].Key})
			return err
		},
		holds(saved(pics[0], "思考中/1.jpg", 1)), // and pics[1]
		func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Accept(ctx, []store.Name{{Key: pics[0].Key, Path: "思考中/1.jpg"}})
			return err
		},
		func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Update(ctx, true)
			return err
		},
		commit(redone, saved(pics[0], "思考中/1.jpg", 3)),
		func(ctx context.Context, s store.Store, l store.Lease) error {
			_, err := s.Settle(ctx)
			return err
		},
	}
}

// Dump returns all that can be seen of a store after [Script], in lines. It
// needs the lease.
func Dump(ctx context.Context, s store.Store, l store.Lease) (string, error) {
	var b strings.Builder
	var failed error
	put := func(what string, v any, err error) {
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", what, err)
		}
		j, err := json.Marshal(v)
		if err != nil && failed == nil {
			failed = err
		}
		fmt.Fprintf(&b, "%s %s\n", what, j)
	}
	stats, err := s.Stats(ctx)
	put("stats", stats, err)
	hosts, err := s.Hosts(ctx, l, 0, 1000)
	put("hosts", hosts, err)
	es, err := waiting(s, l)
	put("waiting", es, err)
	fs, err := collect(s.Files(ctx))
	put("files", fs, err)
	fails, err := collect(s.Failures(ctx))
	put("failures", fails, err)
	held, err := collect(s.Held(ctx))
	put("held", held, err)
	items, err := collect(s.Items(ctx, "s", 0))
	put("items", items, err)
	rev, err := s.Revision(ctx, "s")
	put("revision", rev, err)
	valid, err := s.Before(ctx, page("https://www.example.com/"))
	put("validators", valid, err)
	pos, err := s.Cursor(ctx, "list")
	put("cursor", pos, err)
	v, err := s.Get(ctx, "v")
	put("value", v, err)
	// A failed call tells what is reserved and changes nothing.
	for i := range 4 {
		key := file(fmt.Sprintf("https://img.example/%d.jpg", i+1), site).Key
		ps, err := s.Reserve(ctx, []store.Name{{Key: key, Path: "not/../clean"}}, nil)
		if err != nil {
			ps = nil
		}
		put("name", ps, nil)
	}
	if failed == nil {
		failed = recount(s, l)
	}
	return b.String(), failed
}
