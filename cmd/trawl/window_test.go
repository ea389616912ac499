package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A windowSite is a host of many pictures that looks at how many requests are
// under way. Once there have been as many as trigger, it fails one request for
// good or for now; what comes after that is the second phase.
type windowSite struct {
	*testing.T
	*httptest.Server
	files    int    // pictures
	fault    string // "429", "503" or "timeout"
	trigger  int
	together int // at the beginning of each phase requests wait until there are so many

	mu          sync.Mutex
	change      chan struct{} // closed and made anew with each request
	active      int
	begun, done [3]int // requests begun and answered, by phase
	early, most [3]int // most under way, before the first answer of the phase and in all
	failed      bool   // the fault has happened
	phase       int    // 1, or 2 after the fault
}

func newWindowSite(t *testing.T, fault string, trigger, together int) *windowSite {
	s := &windowSite{T: t, files: 80, fault: fault, trigger: trigger, together: together, phase: 1, change: make(chan struct{})}
	if fault == "timeout" {
		s.files = 200 // many go on meanwhile
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *windowSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/robots.txt":
		http.NotFound(w, r)
		return
	case "/":
		for i := range s.files {
			fmt.Fprintf(w, "<a href='/%d.png'>x</a>\n", i)
		}
		return
	}
	phase, fail := s.begin()
	span := 100 * time.Millisecond // long enough for others to come
	if s.together > 0 {
		span = 10 * time.Millisecond
	}
	latency := time.NewTimer(span)
	defer latency.Stop()
	switch {
	case fail && s.fault == "timeout":
		<-r.Context().Done()
		s.end(phase, true)
		return
	case fail:
		s.end(phase, true)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(map[string]int{"429": 429, "503": 503}[s.fault])
		return
	}
	s.wait(r, phase)
	select {
	case <-latency.C:
	case <-r.Context().Done():
	}
	s.end(phase, false) // before the client can know
	w.Write(append(bytes.Clone(smallPNG), r.URL.Path...))
}

// begin counts a request in. It returns its phase, and whether it is the one
// that fails.
func (s *windowSite) begin() (phase int, fail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed && s.fault != "timeout" && s.active == 0 {
		s.phase = 2 // it has rested
	}
	s.active++
	phase = s.phase
	s.begun[phase]++
	s.most[phase] = max(s.most[phase], s.active)
	if s.done[phase] == 0 {
		s.early[phase] = max(s.early[phase], s.active)
	}
	if s.active >= s.trigger && !s.failed && s.begun[1] > s.together {
		s.failed, fail = true, true
	}
	close(s.change)
	s.change = make(chan struct{})
	return phase, fail
}

func (s *windowSite) end(phase int, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	if failed && s.fault == "timeout" {
		s.phase = 2 // the client has known it for longer
		return
	}
	s.done[phase]++
}

// wait waits with the first requests of a phase until they are together.
func (s *windowSite) wait(r *http.Request, phase int) {
	for {
		s.mu.Lock()
		enough, change := s.most[phase] >= s.together || s.begun[phase] > s.together, s.change
		s.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-change:
		case <-r.Context().Done():
			return
		}
	}
}

// collect has the program collect all pictures.
func (s *windowSite) collect(flags ...string) {
	s.Helper()
	dir := s.TempDir()
	spider := filepath.Join(dir, "window.star")
	err := os.WriteFile(spider, []byte(`
name  = "window"
start = ["http://window.test/"]

def parse(page):
    for a in page.css("a"):
        page.save(a.href)
`), 0o666)
	if err != nil {
		s.Fatal(err)
	}
	var stderr bytes.Buffer
	args := append([]string{"run", spider, "-d", filepath.Join(dir, "out"), "--isolate=false", "--connect-to", "window.test=" + s.Listener.Addr().String()}, flags...)
	if got := run(s.Context(), args, strings.NewReader(""), io.Discard, &stderr); got != 0 || !strings.Contains(stderr.String(), fmt.Sprintf("%d saved", s.files)) {
		s.Fatalf("exit status %d\n%s", got, &stderr)
	}
	if !s.failed {
		s.Fatalf("never %d requests at a time, %d at most", s.trigger, s.most[1])
	}
}

// TestWindow looks at how many requests the program has under way to a host for
// which nobody has set a number: 2 at first, 6 in time, and no more than half of
// that after the host has refused one, or not answered it.
func TestWindow(t *testing.T) {
	for _, fault := range []string{"429", "503", "timeout"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := newWindowSite(t, fault, 6, 0)
			var flags []string
			if fault == "timeout" {
				flags = []string{"-T", "2"}
			}
			s.collect(flags...)
			if s.early[1] > 2 {
				t.Errorf("%d requests at a time before the first answer, want 2", s.early[1])
			}
			if s.most[1] != 6 || s.most[2] > 6 {
				t.Errorf("%d and %d requests at a time at most, want 6", s.most[1], s.most[2])
			}
			// That its client has given up a request a host may notice late, and
			// see the next one when the window grows again.
			if s.early[2] < 1 || s.early[2] > 5 || fault != "timeout" && s.early[2] > 3 {
				t.Errorf("%d requests at a time after the fault, want 3", s.early[2])
			}
		})
	}
}

// TestPerHostWins gives the number of requests at a time, and so the program has
// that many to the host from the beginning, and after a refusal too.
func TestPerHostWins(t *testing.T) {
	for _, n := range []int{1, 9} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := newWindowSite(t, "503", n, n) // it would hang if they did not come together
			s.collect("--per-host", fmt.Sprint(n))
			if s.most[1] != n || s.most[2] != n {
				t.Errorf("%d and %d requests at a time at most, want %d", s.most[1], s.most[2], n)
			}
		})
	}
}
