package frontier

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// The window holds what its bounds allow, in count and in bytes, and one
// request more for each host.
func TestWindowIsBounded(t *testing.T) {
	const hosts, each = 5, 60
	big, err := json.Marshal(strings.Repeat("界", 10_000))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name            string
		opt             Options
		meta            json.RawMessage
		count, maxBytes int
	}{
		{"count", Options{PageQueue: 40}, nil, 40 + hosts, 1 << 20},
		{"bytes", Options{PageQueue: 1000, QueueBytes: 300_000}, big, 10 + hosts, 300_000 + hosts*31_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := store.NewMem()
				ls, err := st.Acquire(t.Context(), "", 0, 0)
				if err != nil {
					t.Fatal(err)
				}
				f := New(st, ls[0], &c.opt)
				done := f.Source()
				ctx, cancel := context.WithCancel(t.Context())
				ran := make(chan error, 1)
				go func() { ran <- f.Run(ctx) }()
				var es []store.Entry
				for i := range hosts * each {
					e, err := f.Entry(trawl.Request{URL: fmt.Sprintf("https://h%d.test/%d", i%hosts, i), Meta: c.meta}, 0)
					if err != nil {
						t.Fatal(err)
					}
					es = append(es, e)
				}
				if _, err := f.Add(ctx, es, nil); err != nil {
					t.Fatal(err)
				}
				done()
				seen := make(map[string]bool)
				for {
					synctest.Wait()
					f.mu.Lock()
					n, size := f.queued[page], f.bytes
					f.mu.Unlock()
					if n > c.count || size > c.maxBytes {
						t.Fatalf("the window holds %d requests of %d bytes, want at most %d of %d", n, size, c.count, c.maxBytes)
					}
					task, err := f.Next(ctx, trawl.KindPage)
					if err != nil {
						break
					}
					seen[task.Request.URL] = true
					if err := f.Finish(task, store.Outcome{State: store.Done}); err != nil {
						t.Fatal(err)
					}
				}
				if len(seen) != hosts*each {
					t.Errorf("%d requests were handed out, want %d", len(seen), hosts*each)
				}
				if err := <-ran; err != nil {
					t.Errorf("Run() = %v", err)
				}
				cancel()
				f.mu.Lock()
				defer f.mu.Unlock()
				if f.queued != [2]int{} || f.bytes != 0 || len(f.held) != 0 {
					t.Errorf("left: queued %v, %d bytes, %d held", f.queued, f.bytes, len(f.held))
				}
			})
		})
	}
}
