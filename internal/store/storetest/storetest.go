// Package storetest checks that a driver keeps the contract of
// [store.Store]. Every sentence of the contract is a subtest of [Test].
package storetest

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A Driver makes stores for the tests.
type Driver struct {
	// Open returns a new store that is empty. The test closes it.
	Open func(t testing.TB) store.Store

	// Reopen closes a store that Open returned and opens the same job again.
	// It is nil if nothing outlasts a store.
	Reopen func(t testing.TB, s store.Store) store.Store

	// Waits tells that a call which waits for another one, because that is
	// slow, ends when its context does.
	Waits bool

	// Apart tells that hosts may be kept apart: that two files have the same
	// content is noticed among those of one host, and a revision rises with new
	// items, too.
	Apart bool
}

// Test runs the suite. Each subtest has stores of its own.
func Test(t *testing.T, d Driver) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"Add", addTests},
		{"Due", dueTests},
		{"Hosts", hostTests},
		{"Lease", leaseTests},
		{"Commit", commitTests},
		{"Names", nameTests},
		{"Records", recordTests},
		{"Retry", retryTests},
		{"Held", heldTests},
		{"Update", updateTests},
		{"Robots", robotsTests},
		{"Calls", callTests},
		{"Concurrent", concurrentTests},
		{"Random", randomTests},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, tt := range g.tests {
				t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
					e := &env{T: t, d: d}
					e.s = d.Open(t)
					t.Cleanup(func() {
						if err := e.s.Close(); err != nil {
							t.Errorf("Close() = %v", err)
						}
					})
					e.lease()
					tt.run(e)
				})
			}
		})
	}
}

// A test is one sentence of the contract.
type test struct {
	name string
	run  func(*env)
}

// env is what a test works with: a store, empty at first, and its lease.
type env struct {
	*testing.T
	d Driver
	s store.Store
	l store.Lease
}

var (
	bg = context.Background()

	// t0 is when most things happen in the tests.
	t0 = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

	// later is after everything.
	later = t0.AddDate(1, 0, 0)

	// emptyIsNil lets an empty slice or map equal nil.
	emptyIsNil = cmpopts.EquateEmpty()
)

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// equal reports a difference between what a call returned and what it should.
// A want of nil stands for anything empty.
func (e *env) equal(what string, got, want any) {
	e.Helper()
	if want == nil {
		if reflect.ValueOf(got).Len() != 0 {
			e.Errorf("%s = %v, want none", what, got)
		}
		return
	}
	if d := cmp.Diff(want, got, emptyIsNil, cmpopts.IgnoreFields(store.Entry{}, "New")); d != "" {
		e.Errorf("%s differs (-want +got):\n%s", what, d)
	}
}

// lease acquires the partition.
func (e *env) lease() {
	e.Helper()
	ls, err := e.s.Acquire(bg, "w", 0, time.Minute)
	e.must(err)
	if len(ls) == 0 {
		e.Fatal("Acquire returned no lease")
	}
	e.l = ls[0]
}

// reopen closes the store and opens it again, if it can be, so that what
// follows sees only what lasts.
func (e *env) reopen() {
	e.Helper()
	if e.d.Reopen == nil {
		return
	}
	e.s = e.d.Reopen(e.T, e.s)
	e.lease()
}

func (e *env) add(es ...store.Entry) int {
	e.Helper()
	n, err := e.s.Add(bg, es, nil)
	e.must(err)
	return n
}

func (e *env) commit(os ...store.Outcome) store.Receipt {
	e.Helper()
	r, err := e.s.Commit(bg, store.Commit{Leases: []store.Lease{e.l}, Outcomes: os})
	e.must(err)
	return r
}

func (e *env) stats() store.Stats {
	e.Helper()
	st, err := e.s.Stats(bg)
	e.must(err)
	return st
}

// due returns what one query answers.
func (e *env) due(now time.Time, host string, kind trawl.Kind, limit int) store.Batch {
	e.Helper()
	bs, err := e.s.Due(bg, e.l, now, []store.HostQuery{{Host: store.HostOf(host), Kind: kind, Limit: limit}})
	e.must(err)
	if len(bs) != 1 {
		e.Fatalf("Due returned %d batches for one query", len(bs))
	}
	return bs[0]
}

// waiting returns all waiting requests, host by host, pages first.
func (e *env) waiting() []store.Entry {
	e.Helper()
	es, err := waiting(e.s, e.l)
	e.must(err)
	return es
}

func waiting(s store.Store, l store.Lease) ([]store.Entry, error) {
	var es []store.Entry
	for after := store.HostID(0); ; {
		hs, err := s.Hosts(bg, l, after, 1000)
		if err != nil || len(hs) == 0 {
			return es, err
		}
		var qs []store.HostQuery
		for _, h := range hs {
			after = h.ID
			qs = append(qs, store.HostQuery{Host: h.ID, Kind: trawl.KindPage, Limit: 1 << 20},
				store.HostQuery{Host: h.ID, Kind: trawl.KindFile, Limit: 1 << 20})
		}
		bs, err := s.Due(bg, l, later, qs)
		if err != nil {
			return nil, err
		}
		for _, b := range bs {
			es = append(es, b.Entries...)
		}
	}
}

// urls returns the URLs of entries.
func urls(es []store.Entry) []string {
	var us []string
	for _, e := range es {
		us = append(us, e.Request.URL)
	}
	return us
}

// all collects a sequence.
func all[T any](e *env, seq iter.Seq2[T, error]) []T {
	e.Helper()
	vs, err := collect(seq)
	e.must(err)
	return vs
}

func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var vs []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

// hostOfURL returns the host of a URL made by these tests.
func hostOfURL(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// request returns a request as an entry that is due at t0.
func request(r trawl.Request) store.Entry {
	host := hostOfURL(r.URL)
	return store.Entry{Key: r.Key(), Host: store.HostOf(host), HostName: host, Due: t0, Request: r}
}

// page returns a bare page.
func page(url string) store.Entry {
	return request(trawl.Request{URL: url, Kind: trawl.KindPage, Spider: "s"})
}

// file returns a file found on a page of host origin, "" for none.
func file(url, origin string) store.Entry {
	e := request(trawl.Request{URL: url, Kind: trawl.KindFile, Spider: "s", Path: "a/1.jpg"})
	if origin != "" {
		e.Origin = store.HostOf(origin)
	}
	return e
}

// pages returns n pages of a host.
func pages(host string, n int) []store.Entry {
	es := make([]store.Entry, n)
	for i := range es {
		es[i] = page(fmt.Sprintf("https://%s/%d", host, i))
	}
	return es
}

// at sets the time an entry is due.
func at(e store.Entry, due time.Time) store.Entry {
	e.Due = due
	return e
}

// outcome ends a request.
func outcome(e store.Entry, s store.State) store.Outcome {
	o := store.Outcome{Key: e.Key, Host: e.Host, Kind: e.Request.Kind, State: s, Tries: e.Tries + 1}
	if s == store.Failed {
		o.Failure = &store.Failure{URL: e.Request.URL, Reason: "http", Status: 404, Message: "not found", Tries: o.Tries, At: t0}
	}
	return o
}

// saved ends a file whose content is told by a number; 0 if it is unknown.
func saved(e store.Entry, path string, content byte) store.Outcome {
	o := outcome(e, store.Done)
	o.File = &store.File{URL: e.Request.URL, Path: path, Size: 100 + int64(content), SHA256: [32]byte{31: content}, Type: "image/jpeg"}
	return o
}

// item returns a record with a number in it.
func item(output string, n int) store.Item {
	return store.Item{Output: output, Body: fmt.Appendf(nil, `{"n":%d,"title":"思考中"}`, n)}
}

// recount compares the counters with what they count.
func (e *env) recount() {
	e.Helper()
	if err := recount(e.s, e.l); err != nil {
		e.Error(err)
	}
}

func recount(s store.Store, l store.Lease) error {
	got, err := s.Stats(bg)
	if err != nil {
		return err
	}
	// How many are done cannot be counted from outside, bar the files with a
	// record.
	want := store.Stats{Pages: store.Counts{Done: got.Pages.Done}, Files: store.Counts{Done: got.Files.Done}}
	es, err := waiting(s, l)
	if err != nil {
		return err
	}
	files := map[store.HostID]int{}
	for _, e := range es {
		if e.Request.Kind == trawl.KindFile {
			want.Files.Waiting++
		} else {
			want.Pages.Waiting++
		}
		if e.Origin != 0 {
			files[e.Origin]++
		}
	}
	fails, err := collect(s.Failures(bg))
	if err != nil {
		return err
	}
	for _, f := range fails {
		if f.Kind == trawl.KindFile {
			want.Files.Failed++
		} else {
			want.Pages.Failed++
		}
	}
	fs, err := collect(s.Files(bg))
	if err != nil {
		return err
	}
	for _, f := range fs {
		want.Bytes += f.Size
		if f.DuplicateOf != "" {
			want.Duplicates++
		}
	}
	if int64(len(fs)) > got.Files.Total() { // some may wait to be asked again, or have failed then
		return fmt.Errorf("%d files have a record, more than the %d that are known", len(fs), got.Files.Total())
	}
	outputs, err := s.Outputs(bg)
	if err != nil {
		return err
	}
	for _, o := range outputs {
		its, err := collect(s.Items(bg, o, 0))
		if err != nil {
			return err
		}
		want.Items += int64(len(its))
	}
	if d := cmp.Diff(want, got); d != "" {
		return fmt.Errorf("the totals differ from a recount (-recount +Stats):\n%s", d)
	}
	hs, err := s.Hosts(bg, l, 0, 1<<20)
	if err != nil {
		return err
	}
	for _, h := range hs {
		if h.Files != files[h.ID] {
			return fmt.Errorf("host %s has Files = %d, a recount says %d", h.Name, h.Files, files[h.ID])
		}
	}
	if !slices.IsSortedFunc(hs, func(a, b store.Host) int { return int(min(1, max(-1, a.ID-b.ID))) }) {
		return fmt.Errorf("hosts are not in the order of ID")
	}
	return nil
}
