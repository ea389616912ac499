package frontier_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// What a page brings is there soon if work may run out without it. Otherwise it
// waits for others to share the commit.
func TestGroupWaitsForOthers(t *testing.T) {
	for _, tt := range []struct {
		name string
		work int // pages that wait besides
		want time.Duration
	}{
		{"nothing else to do", 1, 20 * time.Millisecond},
		{"enough to do", 90, 100 * time.Millisecond},
		{"enough at first", 70, 60 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at time.Time
				b := open(t, store.NewMem(), &frontier.Options{
					Committed: func([]*frontier.Task, []store.Outcome, store.Receipt) { at = time.Now() },
					Limits:    func(string, string) frontier.Limits { return frontier.Limits{PerHost: 1000} },
				})
				defer b.done()
				for i := range tt.work + 1 {
					b.add(pageOf("a.test", i))
				}
				synctest.Wait()
				next := func() *frontier.Task {
					task, err := b.f.Next(t.Context(), trawl.KindPage)
					if err != nil {
						t.Fatal(err)
					}
					return task
				}
				task := next()
				out := []*frontier.Task{next()} // or the group would be the last
				began := time.Now()
				if err := b.f.Finish(task, store.Outcome{State: store.Done, Children: b.children(task, pageOf("a.test", 1000))}); err != nil {
					t.Fatal(err)
				}
				<-time.After(40 * time.Millisecond)
				if tt.work == 70 {
					for range 8 {
						out = append(out, next())
					}
				}
				<-time.After(time.Second)
				synctest.Wait()
				if took := at.Sub(began); took != tt.want {
					t.Errorf("committed after %v, want %v", took, tt.want)
				}
				for _, task := range out {
					b.f.Abandon(task)
				}
				b.stop()
			})
		})
	}
}
