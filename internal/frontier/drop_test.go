package frontier_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// TestDrop settles an update while its requests are in the window, where a
// pause between them would make the job last: what is dropped is not handed
// out, what is new is.
func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages = 50
		st := store.NewMem()
		b := open(t, st, nil)
		for n := range pages {
			b.add(pageOf("a.example", n))
		}
		for range pages {
			task, err := b.f.Next(t.Context(), trawl.KindPage)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
				t.Fatal(err)
			}
		}
		b.done()
		b.end()
		if err := st.Release(t.Context(), b.ls); err != nil {
			t.Fatal(err)
		}
		if n, err := st.Update(t.Context(), true); n != pages || err != nil {
			t.Fatalf("Update() = %d, %v", n, err)
		}

		<-time.After(time.Second) // so that what is added now is later than all that was

		b = open(t, st, &frontier.Options{Limits: func(string, string) frontier.Limits {
			return frontier.Limits{Delay: time.Hour}
		}})
		b.add(pageOf("a.example", pages)) // behind all others
		first, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil || !first.Again {
			t.Fatalf("Next() = %+v, %v, want one that was done before", first, err)
		}
		synctest.Wait() // the window is filled
		if n, err := st.Settle(t.Context()); n != pages || err != nil {
			t.Fatalf("Settle() = %d, %v", n, err)
		}
		b.f.Drop(func(e *store.Entry) bool { return e.Again })
		began := time.Now()
		if err := b.f.Finish(first, store.Outcome{State: store.Done, Unchanged: true}); err != nil {
			t.Fatal(err)
		}
		next, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil || next.Request.URL != pageOf("a.example", pages).URL {
			t.Fatalf("Next() = %+v, %v, want the new page", next, err)
		}
		if d := time.Since(began); d > 2*time.Hour {
			t.Errorf("the new page came after %v, behind pages that were dropped", d)
		}
		if err := b.f.Finish(next, store.Outcome{State: store.Done}); err != nil {
			t.Fatal(err)
		}
		b.done()
		b.end()
	})
}
