package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A fakeDB is a database of jobs that take an hour, unless they are over.
type fakeDB struct {
	mu    sync.Mutex
	names []string
	over  map[string]bool
	fails map[string]error // what looking at a job fails with
	list  error            // what listing them fails with

	under  []string // under way now
	most   int
	served map[string]time.Duration
}

// handsOn returns hands for the database.
func handsOn(db *fakeDB, places int) (*hands, *bytes.Buffer) {
	db.over, db.fails, db.served = map[string]bool{}, map[string]error{}, map[string]time.Duration{}
	var out bytes.Buffer
	h := newHands(&worker{app: &app{err: &out}, flags: &collectFlags{}})
	h.places = places
	h.list = func(context.Context) ([]string, error) {
		db.mu.Lock()
		defer db.mu.Unlock()
		return slices.Clone(db.names), db.list
	}
	h.look = func(_ context.Context, name string) (int64, bool, error) {
		db.mu.Lock()
		defer db.mu.Unlock()
		if err := db.fails[name]; err != nil {
			return 0, false, err
		}
		if db.over[name] {
			return 0, true, nil
		}
		return 1, true, nil
	}
	h.do = func(ctx context.Context, name string) (*crawl.Summary, error) {
		db.mu.Lock()
		db.under = append(db.under, name)
		db.most = max(db.most, len(db.under))
		db.mu.Unlock()
		began := time.Now()
		<-ctx.Done()
		<-time.After(time.Second) // it ends what it has begun; by the clock of the test
		db.mu.Lock()
		defer db.mu.Unlock()
		db.under = slices.DeleteFunc(db.under, func(s string) bool { return s == name })
		db.served[name] += time.Since(began)
		return &crawl.Summary{Interrupted: true}, nil
	}
	return h, &out
}

func (db *fakeDB) now() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Sorted(slices.Values(db.under))
}

func (db *fakeDB) change(f func()) {
	db.mu.Lock()
	defer db.mu.Unlock()
	f()
}

// All jobs are worked on at the same time, those that come later too; one that
// cannot be does not stop the others. An interruption ends all of them.
func TestHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{names: []string{"a", "b", "bad", "done"}}
		h, out := handsOn(db, 8)
		db.over["done"] = true
		db.fails["bad"] = usagef("no such builtin")
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		ended := make(chan error, 1)
		go func() { ended <- h.run(ctx) }()
		wait := func() {
			<-time.After(2 * lookEvery)
			synctest.Wait()
		}
		wait()
		if got, want := db.now(), []string{"a", "b"}; !cmp.Equal(got, want) {
			t.Errorf("under way are %v, want %v", got, want)
		}
		db.change(func() { db.names, db.over = append(db.names, "later"), map[string]bool{} })
		wait()
		if got, want := db.now(), []string{"a", "b", "done", "later"}; !cmp.Equal(got, want) {
			t.Errorf("under way are %v, want %v", got, want)
		}
		// The database is away for a while.
		db.change(func() { db.list = store.ErrIO })
		<-time.After(awayFor / 2)
		db.change(func() { db.list = nil })
		wait()
		interrupt()
		if err := <-ended; err != nil || h.status != exitInterrupted || len(db.now()) > 0 {
			t.Errorf("interrupted: %v, status %d, %v under way", err, h.status, db.now())
		}
		if got, want := out.String(), "bad: no such builtin\n"; got != want {
			t.Errorf("it said %q, want %q, once", got, want)
		}
	})
}

// More jobs than places take turns.
func TestHandsTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{}
		for i := range 6 {
			db.names = append(db.names, fmt.Sprint("job", i))
		}
		h, _ := handsOn(db, 2)
		ctx, interrupt := context.WithTimeout(t.Context(), 6*turn)
		defer interrupt()
		if err := h.run(ctx); err != nil {
			t.Fatal(err)
		}
		if db.most != 2 {
			t.Errorf("%d jobs were worked on at a time, want 2", db.most)
		}
		for _, name := range db.names {
			if d := db.served[name]; d < turn || d > 4*turn {
				t.Errorf("%s was worked on for %v of %v, want about a third", name, d, 6*turn)
			}
		}
	})
}

// A database that is away for long ends the worker, and what it had under way.
func TestHandsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeDB{names: []string{"a"}}
		h, _ := handsOn(db, 2)
		ended := make(chan error, 1)
		go func() { ended <- h.run(t.Context()) }()
		<-time.After(time.Minute)
		db.change(func() { db.list = store.ErrIO })
		began := time.Now()
		if err := <-ended; !errors.Is(err, store.ErrIO) || time.Since(began) < awayFor || len(db.now()) > 0 {
			t.Errorf("it ended after %v with %v and %v under way", time.Since(began), err, db.now())
		}
	})
}

func TestOlder(t *testing.T) {
	for _, tc := range []struct {
		have, want string
		older      bool
	}{
		{"v1.2.3", "v1.2.3", false}, {"v1.2.0", "v1.2.9", false}, {"v1.2.9", "v1.3.0", true}, {"v1.10.0", "v1.9.0", false},
		{"v1.9.0", "v2.0.0", true}, {"v2.0.0", "v1.9.0", false},
		{"devel 0123456789ab", "v2.0.0", false}, {"v1.0.0", "devel", false}, {"v1.0.0", "v1.0.1-0.20260101000000-0123456789ab", false},
	} {
		if got := older(tc.have, tc.want); got != tc.older {
			t.Errorf("older(%q, %q) = %v", tc.have, tc.want, got)
		}
	}
}
