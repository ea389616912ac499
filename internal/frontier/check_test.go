package frontier_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// next takes a task.
func (b *bench) next() *frontier.Task {
	b.t.Helper()
	task, err := b.f.Next(b.t.Context(), trawl.KindPage)
	if err != nil {
		b.t.Fatal(err)
	}
	return task
}

// finish ends a task well.
func (b *bench) finish(t *frontier.Task) {
	b.t.Helper()
	if err := b.f.Finish(t, store.Outcome{State: store.Done}); err != nil {
		b.t.Fatal(err)
	}
}

// idle reports whether no task is to be had at once, now and for d.
func (b *bench) idle(d time.Duration) bool {
	got := make(chan *frontier.Task)
	ctx, cancel := context.WithTimeout(b.t.Context(), d)
	defer cancel()
	go func() {
		task, err := b.f.Next(ctx, trawl.KindPage)
		if err != nil {
			task = nil
		}
		got <- task
	}()
	task := <-got
	if task != nil {
		b.f.Abandon(task)
	}
	return task == nil
}

// A host is checked once before its first request, by one worker; meanwhile
// others go on. It is checked again when that has run out.
func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), &frontier.Options{Check: true})
		for i := range 5 {
			b.add(pageOf("a.test", i))
		}
		check := b.next()
		if !check.Check || check.HostName != "a.test" || check.Request.URL == "" {
			t.Fatalf("the first task is %+v, want one to check a.test", check)
		}
		if !b.idle(time.Hour) {
			t.Fatal("a host is asked before it is checked")
		}
		b.add(pageOf("b.test", 0))
		other := b.next()
		if !other.Check || other.HostName != "b.test" {
			t.Fatalf("got %+v, want the check of b.test", other)
		}
		b.f.Checked(other, frontier.Check{Until: time.Now().Add(time.Hour)})
		b.finish(b.next())

		// It came to nothing: again, and not at once.
		b.f.CheckAgain(check, time.Now().Add(10*time.Second))
		began := time.Now()
		check = b.next()
		if d := time.Since(began); !check.Check || d != 10*time.Second {
			t.Fatalf("after %v: %+v, want a check after 10s", d, check)
		}
		b.f.Abandon(check)
		check = b.next()
		if !check.Check {
			t.Fatal("an abandoned check is taken for done")
		}

		// The pause it asks for holds from the check on.
		began = time.Now()
		b.f.Checked(check, frontier.Check{Until: began.Add(65 * time.Second), Delay: 20 * time.Second, Asked: true})
		for i := range 3 {
			task := b.next()
			if d := time.Since(began); task.Check || d != 20*time.Second {
				t.Fatalf("request %d after %v (check: %v), want 20s", i, d, task.Check)
			}
			began = time.Now()
			b.finish(task)
		}
		check = b.next() // 80 s after the check
		if !check.Check {
			t.Fatal("no check, though the last one has run out")
		}
		b.f.Checked(check, frontier.Check{Until: time.Now().Add(time.Hour)})
		for range 2 {
			task := b.next()
			if task.Check {
				t.Fatal("checked again at once")
			}
			b.finish(task)
		}
		b.done()
		b.end()
	})
}

// The pause that a host asked for is there after a restart, before anything is
// asked of it; unless nothing is checked.
func TestLearntDelayStays(t *testing.T) {
	for name, check := range map[string]bool{"checked": true, "not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := store.NewMem()
				b := open(t, st, &frontier.Options{Check: true})
				for i := range 3 {
					b.add(pageOf("a.test", i))
				}
				b.done()
				b.f.Checked(b.next(), frontier.Check{Until: time.Now().Add(time.Hour), Delay: 30 * time.Second, Asked: true})
				b.finish(b.next())
				b.stop()

				began := time.Now()
				b = open(t, st, &frontier.Options{Check: check})
				b.done()
				task := b.next()
				if task.Check != check {
					t.Fatalf("check: %v, want %v", task.Check, check)
				}
				if d := time.Since(began); d != 30*time.Second {
					t.Errorf("asked %v after the restart, want the 30s that are left", d)
				}
				if check {
					b.f.Checked(task, frontier.Check{Until: time.Now().Add(time.Hour), Delay: 30 * time.Second})
					task = b.next()
				}
				b.finish(task)
				began = time.Now()
				b.finish(b.next())
				want := 30 * time.Second
				if !check {
					want = 0
				}
				if d := time.Since(began); d != want {
					t.Errorf("the next request came after %v, want %v", d, want)
				}
				b.end()
			})
		})
	}
}

// width is how many tasks are to be had of a host at once. They are kept.
func width(b *bench) (ts []*frontier.Task) {
	for {
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Millisecond)
		task, err := b.f.Next(ctx, trawl.KindPage)
		cancel()
		if err != nil {
			return ts
		}
		ts = append(ts, task)
	}
}

// The number of requests under way to a host grows while it answers well and
// falls when it does not; one that was set stays.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), &frontier.Options{PageQueue: 1000, Limits: func(_, host string) frontier.Limits {
			if host == "fixed.test" {
				return frontier.Limits{PerHost: 9}
			}
			return frontier.Limits{}
		}})
		for i := range 400 {
			b.add(pageOf("a.test", i))
		}
		want := func(what string, n int) []*frontier.Task {
			t.Helper()
			ts := width(b)
			if len(ts) != n {
				t.Fatalf("%s: %d requests at a time, want %d", what, len(ts), n)
			}
			return ts
		}
		// round has as many requests as may be answered within latency.
		round := func(latency time.Duration) {
			ts := width(b)
			<-time.After(latency)
			for _, task := range ts {
				b.f.Release(task)
				b.finish(task)
			}
		}
		abandon := func(ts []*frontier.Task) {
			for _, task := range ts {
				b.f.Abandon(task)
			}
		}
		abandon(want("at first", 2))
		round(100 * time.Millisecond)
		abandon(want("after a round", 4))
		round(100 * time.Millisecond)
		abandon(want("after two", 6))
		for range 5 {
			round(100 * time.Millisecond)
		}
		abandon(want("in the end", 6))

		// Twice as slow and more: fewer, down to what it began with.
		round(400 * time.Millisecond)
		abandon(want("slower", 4))
		round(400 * time.Millisecond)
		abandon(want("slower still", 3))
		round(400 * time.Millisecond)
		round(400 * time.Millisecond)
		abandon(want("slow for long", 2))
		// One by one now.
		round(100 * time.Millisecond)
		abandon(want("as it was", 3))
		for range 10 {
			round(100 * time.Millisecond)
		}

		// One that is late among others is no sign.
		ts := want("well again", 6)
		<-time.After(100 * time.Millisecond)
		for _, task := range ts[1:] {
			b.finish(task)
		}
		<-time.After(10 * time.Second)
		b.finish(ts[0])
		abandon(want("one was late", 6))

		// All that fail at once are one failure.
		ts = width(b)
		for _, task := range ts {
			b.f.Faltered(task)
			b.f.Abandon(task)
		}
		abandon(want("failed", 3))
		ts = width(b)
		b.f.Refused(ts[0], 0)
		b.f.Refused(ts[1], 0)
		abandon(ts)
		<-time.After(5 * time.Second)
		ts = want("refused", 1)
		b.f.Faltered(ts[0])
		abandon(ts)
		abandon(want("failed alone", 1))

		for i := range 20 {
			b.add(pageOf("fixed.test", i))
		}
		abandon(want("beside a host of 9", 10))
		b.stop()
	})
}

// Hosts that share an address share what one of them could bear twice; others
// are not held up, and every request has its turn.
func TestAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), &frontier.Options{PageQueue: 1000})
		shared := []string{"a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test"}
		for _, h := range append(shared, "alone.test") {
			for i := range 30 {
				b.add(pageOf(h, i))
			}
		}
		// Two of each, before the address is known.
		ts := width(b)
		if len(ts) != 16 {
			t.Fatalf("%d requests at a time, want 2 for each of 8 hosts", len(ts))
		}
		for _, h := range shared {
			b.f.At(h, netip.MustParseAddr("192.0.2.1"))
		}
		b.f.At("alone.test", netip.MustParseAddr("192.0.2.2"))
		b.f.At("unknown.test", netip.MustParseAddr("192.0.2.1"))
		<-time.After(time.Second)
		for _, task := range ts {
			b.finish(task)
		}
		b.done()

		var (
			mu      sync.Mutex
			active  = make(map[bool]int)
			most    = make(map[bool]int)
			wg      sync.WaitGroup
			handled int
		)
		for range 30 {
			wg.Go(func() {
				for {
					task, err := b.f.Next(t.Context(), trawl.KindPage)
					if err != nil {
						return
					}
					alone := task.HostName == "alone.test"
					mu.Lock()
					handled++
					active[alone]++
					most[alone] = max(most[alone], active[alone])
					mu.Unlock()
					<-time.After(time.Second)
					mu.Lock()
					active[alone]--
					mu.Unlock()
					b.finish(task)
				}
			})
		}
		wg.Wait()
		b.end()
		if most[false] != 12 || most[true] != 6 || handled != 8*30-16 {
			t.Errorf("%d at a time to the shared address, %d to the other, %d in all; want 12, 6, %d", most[false], most[true], handled, 8*30-16)
		}
	})
}

// Three processes have hosts at one address, which gets no more of all of them
// than it would get of one. When one of them has gone the others use what it
// had; what only one of them knows of is not split.
func TestAddressOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, own := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		var bs []*bench
		for i := range 3 {
			b := open(t, store.NewMem(), &frontier.Options{PageQueue: 2000})
			for k := range 4 {
				for n := range 300 {
					b.add(pageOf(fmt.Sprintf("h%d-%d.test", i, k), n))
				}
			}
			bs = append(bs, b)
		}
		split := func(workers int, users map[netip.Addr]int) {
			for _, b := range bs {
				b.f.Split(workers, users)
			}
		}
		split(3, nil) // before anything is known
		for i, b := range bs {
			ts := width(b)
			for k := range 4 {
				at := shared
				if i == 0 && k == 3 {
					at = own
				}
				b.f.At(fmt.Sprintf("h%d-%d.test", i, k), at)
			}
			if n := len(b.f.Addresses()); i == 0 && n != 2 || i > 0 && n != 1 {
				t.Errorf("process %d has hosts at %d addresses", i, n)
			}
			<-time.After(time.Second)
			for _, task := range ts {
				b.finish(task)
			}
		}
		// at returns how many requests go to the shared address at a time, and
		// how many of the first process to its own.
		at := func() (n, alone int) {
			var all [][]*frontier.Task
			for _, b := range bs {
				ts := width(b)
				for _, task := range ts {
					if task.HostName == "h0-3.test" {
						alone++
					} else {
						n++
					}
				}
				all = append(all, ts)
			}
			<-time.After(time.Second)
			for i, ts := range all {
				for _, task := range ts {
					bs[i].finish(task)
				}
			}
			return n, alone
		}
		for range 20 { // until each host gets as many as it may
			at()
		}
		if n, alone := at(); n != 12 || alone != 4 {
			t.Errorf("%d requests at a time to the shared address and %d to the other, want 12, and 4 as long as nothing is known", n, alone)
		}
		split(3, map[netip.Addr]int{shared: 3, own: 1})
		at()
		at()
		if n, alone := at(); n != 12 || alone != 6 {
			t.Errorf("%d requests at a time to the shared address and %d to the other, want 12 and 6", n, alone)
		}
		bs[2].stop()
		bs = bs[:2]
		split(2, map[netip.Addr]int{shared: 2, own: 1})
		at()
		if n, _ := at(); n != 12 {
			t.Errorf("%d requests at a time to the shared address of two processes, want 12", n)
		}
		// Many processes get one each.
		split(100, map[netip.Addr]int{shared: 100, own: 1})
		at()
		if n, _ := at(); n != 2 {
			t.Errorf("%d requests at a time of two of a hundred processes, want 2", n)
		}
		for _, b := range bs {
			b.stop()
		}
	})
}
