package storetest

import (
	"errors"
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

var leaseTests = []test{
	{"hands out partitions that nobody owns", func(e *env) {
		ls, err := e.s.Acquire(bg, "other", 0, time.Minute)
		e.must(err)
		e.equal("leases while another owns them", ls, nil)
	}},
	{"renews what is held", func(e *env) {
		stale := e.l
		stale.Epoch--
		held, err := e.s.Renew(bg, []store.Lease{stale, e.l}, time.Minute)
		e.must(err)
		if len(held) != 1 || held[0].Epoch != e.l.Epoch {
			e.Errorf("Renew = %v, want the lease %v", held, e.l)
		}
	}},
	{"hands out a released partition with a higher epoch", func(e *env) {
		old := e.l
		e.must(e.s.Release(bg, []store.Lease{old}))
		e.lease()
		if e.l.Epoch <= old.Epoch {
			e.Errorf("epoch %d follows %d", e.l.Epoch, old.Epoch)
		}
		held, err := e.s.Renew(bg, []store.Lease{old}, time.Minute)
		e.must(err)
		e.equal("the old lease renewed", held, nil)
		e.must(e.s.Release(bg, []store.Lease{old}))
		held, err = e.s.Renew(bg, []store.Lease{e.l}, time.Minute)
		e.must(err)
		e.equal("leases after the old one was released again", len(held), 1)
	}},
	{"raises the epoch with each process", func(e *env) {
		old := e.l
		e.reopen()
		if e.d.Reopen != nil && e.l.Epoch <= old.Epoch {
			e.Errorf("epoch %d follows %d", e.l.Epoch, old.Epoch)
		}
	}},
	{"refuses to read for a stale lease", func(e *env) {
		e.add(page("https://www.example.com/"))
		old := e.l
		e.must(e.s.Release(bg, []store.Lease{old}))
		for _, l := range []store.Lease{old, {}} {
			if _, err := e.s.Hosts(bg, l, 0, 1); !errors.Is(err, store.ErrFenced) {
				e.Errorf("Hosts of %v = %v, want ErrFenced", l, err)
			}
			if _, err := e.s.Due(bg, l, t0, []store.HostQuery{{Host: store.HostOf(site), Limit: 1}}); !errors.Is(err, store.ErrFenced) {
				e.Errorf("Due of %v = %v, want ErrFenced", l, err)
			}
		}
		e.lease()
	}},
	{"fences the outcomes of a stale lease", func(e *env) {
		r, f := page("https://www.example.com/"), file("https://www.example.com/f", site)
		e.add(r, f)
		old := e.l
		e.must(e.s.Release(bg, []store.Lease{old}))
		e.lease()
		before := e.stats()
		o := outcome(r, store.Done)
		o.Children = pages("child.example", 3)
		o.Items = []store.Item{item("s", 1)}
		for _, ls := range [][]store.Lease{{old}, {{}}, nil} {
			receipt, err := e.s.Commit(bg, store.Commit{
				Leases: ls, Outcomes: []store.Outcome{o, saved(f, "f", 1)},
				Hosts: []store.Host{{ID: store.HostOf(site), Name: site, Backoff: 9}},
			})
			e.must(err)
			e.equal("receipt", receipt, store.Receipt{Fenced: []int32{0}})
		}
		e.equal("stats", e.stats(), before)
		hs, err := e.s.Hosts(bg, e.l, 0, 9)
		e.must(err)
		e.equal("backoff", hs[0].Backoff, 0)
		e.equal("receipt under the new lease", e.commit(o).NewPages, 3)
	}},
	{"fences a partition without a lease and applies the rest", func(e *env) {
		es := pages(site, 2)
		e.add(es...)
		foreign := outcome(es[0], store.Done)
		foreign.Part = 7
		e.equal("receipt", e.commit(foreign, outcome(es[1], store.Done)), store.Receipt{Fenced: []int32{7}})
		e.equal("stats", e.stats().Pages, store.Counts{Waiting: 1, Done: 1})
	}},
}
