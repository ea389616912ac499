package replica

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Request is what the log keeps of one request, written when its answer has
// ended.
type Request struct {
	Start    time.Time
	Duration time.Duration
	Method   string
	Host     string // without port
	Path     string // with query, as sent by the client
	Status   int    // zero if no answer was sent
	Bytes    int64  // of the body
	Whole    bool   // the answer was sent to its end, and neither a refusal nor a fault changed it (those that leave the bytes as they are do not count)
	Referer  string
	Remote   string // the client's address, without port
	Active   int    // requests to this host in work when this one began, itself included
	// Header has the headers named in Options.LogHeaders; nil if there are none.
	Header http.Header `json:",omitempty"`
}

// Log is the record of all requests to a server, in the order their answers
// ended. It is the truth to compare a collector with that ran in another
// process. A Log is safe for concurrent use.
type Log struct {
	mu       sync.Mutex
	requests []Request
	begun    map[string]int // by host + path: requests, whatever became of them
	hosts    map[string]*hostLog
	active   int
	changed  chan struct{} // closed and replaced when a request begins or ends
	out      *json.Encoder
	outErr   error
}

// hostLog is what is known of a host, requests in work included.
type hostLog struct {
	active, most int
	last         time.Time
	gap          time.Duration // smallest so far; negative means unknown
}

func newLog(w io.Writer) *Log {
	l := &Log{begun: make(map[string]int), hosts: make(map[string]*hostLog), changed: make(chan struct{})}
	if w != nil {
		l.out = json.NewEncoder(w)
	}
	return l
}

// begin notes the start of a request and fills in r.Active. It returns how
// many requests there were for this URL, this one included.
func (l *Log) begin(r *Request) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[r.Host]
	if h == nil {
		h = &hostLog{gap: -1}
		l.hosts[r.Host] = h
	}
	// The clock is read under the lock, so gaps are never negative.
	r.Start = time.Now()
	if !h.last.IsZero() {
		if gap := r.Start.Sub(h.last); h.gap < 0 || gap < h.gap {
			h.gap = gap
		}
	}
	h.last = r.Start
	h.active++
	h.most = max(h.most, h.active)
	l.active++
	r.Active = h.active
	key := r.Host + r.Path
	l.begun[key]++
	l.changedLocked()
	return l.begun[key]
}

func (l *Log) end(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Duration = time.Since(r.Start)
	l.hosts[r.Host].active--
	l.active--
	l.requests = append(l.requests, *r)
	if l.out != nil && l.outErr == nil {
		l.outErr = l.out.Encode(r)
	}
	l.changedLocked()
}

// Err is the first error of writing to Options.LogTo; after it nothing more is
// written there.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outErr
}

// Len is the number of requests that have ended.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.requests)
}

// Active is the number of requests in work.
func (l *Log) Active() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active
}

// Since is the requests that ended after the first n did, in a copy. Since(0)
// is all.
func (l *Log) Since(n int) []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.requests[min(max(n, 0), len(l.requests)):])
}

// All is the requests that have ended when the loop begins.
func (l *Log) All() iter.Seq[Request] {
	return func(yield func(Request) bool) {
		// The list only grows, so this part of it stays as it is.
		l.mu.Lock()
		all := l.requests
		l.mu.Unlock()
		for _, r := range all {
			if !yield(r) {
				return
			}
		}
	}
}

// key is how the log names a URL: without scheme, port and fragment.
func key(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	return hostName(u.Host) + u.RequestURI()
}

// Count is the number of requests for a URL, in work or ended, whatever their
// answer. The scheme does not matter.
func (l *Log) Count(rawURL string) int {
	k := key(rawURL)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun[k]
}

// Whole counts the requests for each URL that were answered with 200, to the
// end and without a fault: what a collector that forgets nothing asks for once. The
// keys are host and path, without scheme.
func (l *Log) Whole() map[string]int {
	m := make(map[string]int)
	for r := range l.All() {
		if r.Status == 200 && r.Whole && r.Method == "GET" {
			m[r.Host+r.Path]++
		}
	}
	return m
}

// MaxActive is the largest number of requests in work at once on a host; for
// the host "" it is the largest of any host.
func (l *Log) MaxActive(host string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.hosts[host]; h != nil {
		return h.most
	}
	most := 0
	if host == "" {
		for _, h := range l.hosts {
			most = max(most, h.most)
		}
	}
	return most
}

// MinGap is the shortest time between the starts of two requests to a host. It
// is false with fewer than two requests.
func (l *Log) MinGap(host string) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[host]
	if h == nil || h.gap < 0 {
		return 0, false
	}
	return h.gap, true
}

// Wait returns when n requests have ended, nil then, or ctx.Err if ctx ends
// first.
func (l *Log) Wait(ctx context.Context, n int) error {
	return l.Until(ctx, func() bool { return l.Len() >= n })
}

// Idle returns when no request is in work, nil then, or ctx.Err if ctx ends
// first. A client can have read the last byte of an answer a moment before the
// answer has ended here: call Idle before reading the log of a client that is
// done, or dead.
func (l *Log) Idle(ctx context.Context) error {
	return l.Until(ctx, func() bool { return l.Active() == 0 })
}

// Until returns nil when done is true, or ctx.Err if ctx ends first. It calls
// done at once and after requests begin and end, from the caller's goroutine;
// done may use the log.
func (l *Log) Until(ctx context.Context, done func() bool) error {
	for {
		// The channel comes first: a change during done closes it.
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// changedLocked wakes all who wait.
func (l *Log) changedLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}
