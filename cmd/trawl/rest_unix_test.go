//go:build unix

package main

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/replica"
)

// TestRestIsKept stops the program and runs it again at once: what a host has
// asked for holds for the new process too, down to its first request, and what
// its robots.txt said too.
func TestRestIsKept(t *testing.T) {
	const host = "img.example.test"
	for _, tt := range []struct {
		name  string
		rules replica.Rules
		until string // written before the program is stopped
		span  time.Duration
	}{
		{"Retry-After", replica.Rules{Faults: []replica.Fault{{Kind: replica.Status, Status: 429, After: 4 * time.Second}}},
			host + " answers 429: it rests for ", 4 * time.Second},
		{"Crawl-delay", replica.Rules{Robots: "User-agent: *\nCrawl-delay: 2\n"}, "01.jpg", 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t, nil)
			s.Change(host, func(r *replica.Rules) { *r = tt.rules })
			args := append([]string{"get", album, "-d", filepath.Join(t.TempDir(), "out"), "--range", "1,2"}, connect(s)...)
			c := startTrawl(t, args...)
			if tt.until[0] == '0' {
				c.stdout.waitFor(t, tt.until)
			} else {
				c.stderr.waitFor(t, tt.until)
			}
			c.signal(syscall.SIGINT)
			c.exits(exitInterrupted)
			if err := s.Log().Idle(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := s.Log().Len()
			s.Change(host, func(r *replica.Rules) { r.Faults = nil })

			c = startTrawl(t, args...)
			c.exits(0)
			if err := s.Log().Idle(t.Context()); err != nil {
				t.Fatal(err)
			}
			starts := func(rs []replica.Request) (out []time.Time) {
				for _, r := range rs {
					if r.Host == host {
						out = append(out, r.Start)
					}
				}
				return slices.SortedFunc(slices.Values(out), time.Time.Compare)
			}
			log := s.Log().Since(0)
			before, after := starts(log[:n]), starts(log[n:])
			if len(before) < 2 || len(after) < 1 {
				t.Fatalf("%d requests before and %d after, want robots.txt and a picture, and then a picture", len(before), len(after))
			}
			if n := s.Log().Count("https://" + host + "/robots.txt"); n != 1 {
				t.Errorf("asked %d times for robots.txt, want 1 in the two runs", n)
			}
			// The request that was refused, or the last one.
			last := before[len(before)-1]
			if tt.rules.Faults != nil {
				last = before[1]
			}
			// What is sent in time may arrive a little late, and the next not.
			if d := after[0].Sub(last); d < tt.span*9/10 {
				t.Errorf("asked again after %v, want %v", d, tt.span)
			}
		})
	}
}
