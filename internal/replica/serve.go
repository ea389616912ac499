package replica

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers a request by its Host header. It never answers a POST.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := s.hosts[hostName(r.Host)]
	if h == nil {
		http.Error(w, "replica: no such host", http.StatusMisdirectedRequest)
		return
	}
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr
	}
	entry := Request{Method: r.Method, Host: h.name, Path: r.URL.RequestURI(), Referer: r.Referer(), Remote: remote}
	for _, name := range s.opts.LogHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			if entry.Header == nil {
				entry.Header = make(http.Header)
			}
			entry.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	v := &visit{server: s, host: h, rules: h.rules.Load(), request: r, remote: remote}
	v.nth = s.log.begin(&entry)
	v.out = &sender{ResponseWriter: w, ctx: r.Context(), head: r.Method == http.MethodHead, rate: v.rules.Rate, cutAt: -1}
	defer func() {
		// Deferred: faults leave by a panic that only the HTTP server sees.
		entry.Status, entry.Bytes = v.out.status, v.out.sent
		entry.Whole = v.whole && v.out.err == nil
		s.log.end(&entry)
	}()
	v.serve()
}

// visit is one request in work.
type visit struct {
	server  *Server
	host    *host
	rules   *Rules
	request *http.Request
	remote  string
	nth     int // of the requests for this URL, from 1
	out     *sender
	whole   bool // the answer was what a perfect server sends
}

func (v *visit) serve() {
	r := v.request
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		v.out.Header().Set("Allow", "GET, HEAD")
		v.plain(http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	if v.overLimit() {
		return
	}
	if !v.wait(v.rules.Latency + v.jitter()) {
		return
	}
	if r.URL.Path == robotsPath {
		v.answer(v.robots())
		return
	}
	a := v.host.site.answer(v.host.name, r.URL)
	if a.picture != nil && !v.refererFits(a.picture) {
		v.refuse()
		return
	}
	v.answer(a)
}

// wait lets time pass; it is false if the client or the server went away.
func (v *visit) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-v.request.Context().Done():
		return false
	}
}

func (v *visit) jitter() time.Duration {
	if v.rules.Jitter <= 0 {
		return 0
	}
	return time.Duration(v.server.dice.roll("jitter"+v.host.name+v.request.URL.RequestURI()) % uint64(v.rules.Jitter+1))
}

// plain answers with a status and a line of text.
func (v *visit) plain(status int, line string) {
	v.out.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v.out.WriteHeader(status)
	fmt.Fprintln(v.out, line)
}

const robotsPath = "/robots.txt"

func (v *visit) robots() answer {
	body := v.rules.Robots
	if body == "" {
		body = "User-agent: *\nDisallow:\n"
	}
	return text("text/plain; charset=utf-8", body)
}

// window counts the requests of one client since its start.
type window struct {
	start time.Time
	count int
}

// overLimit counts the request, and refuses it if it is one too many.
func (v *visit) overLimit() bool {
	limit := v.rules.Limit
	if limit.Requests <= 0 {
		return false
	}
	if limit.Window <= 0 {
		limit.Window = time.Minute
	}
	now := time.Now()
	v.host.mu.Lock()
	w := v.host.windows[v.remote]
	if w == nil || now.Sub(w.start) >= limit.Window {
		w = &window{start: now}
		v.host.windows[v.remote] = w
	}
	w.count++
	over, end := w.count > limit.Requests, w.start.Add(limit.Window)
	v.host.mu.Unlock()
	if !over {
		return false
	}
	if limit.Wall != NoWall {
		v.wall(limit.Wall)
		return true
	}
	switch limit.RetryAfter {
	case RetryAfterSeconds:
		v.out.Header().Set("Retry-After", seconds(end.Sub(now)))
	case RetryAfterDate:
		v.out.Header().Set("Retry-After", end.Add(time.Second-1).UTC().Format(http.TimeFormat))
	}
	v.plain(http.StatusTooManyRequests, "too many requests")
	return true
}

// seconds is a span as the number of whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func (v *visit) wall(w Wall) {
	if w == WallRedirect {
		here := "https://" + v.host.name + v.request.URL.RequestURI()
		v.redirect("https://" + wallHost + "/b?r=" + url.QueryEscape(here))
		return
	}
	a := v.server.douban.wall()
	if w == WallOK {
		a.status = http.StatusOK
	}
	v.send(a)
}

func (v *visit) redirect(to string) {
	v.out.Header().Set("Location", to)
	v.out.WriteHeader(http.StatusFound)
}

// refererFits tells whether the picture may be seen from where the client says
// it comes from.
func (v *visit) refererFits(p *picture) bool {
	referer := v.request.Referer()
	own := false
	if u, err := url.Parse(referer); err == nil && u.Host != "" {
		name := hostName(u.Host)
		for _, domain := range v.host.site.family(v.host.name) {
			own = own || name == domain || strings.HasSuffix(name, "."+domain)
		}
	}
	switch v.rules.Referer {
	case RefererNoForeign:
		return referer == "" || own
	case RefererOwn:
		return own
	case RefererGallery:
		return key(referer) == key(p.gallery) || strings.HasPrefix(key(referer), key(p.gallery)+"/")
	case RefererPage:
		return key(referer) == key(p.shownOn) || p.shownOn == p.gallery && key(referer) == key(p.gallery)+"/1"
	}
	return true
}

// refuse answers a request for a picture with the wrong Referer.
func (v *visit) refuse() {
	switch v.rules.Refusal {
	case RefuseTeapot:
		v.out.WriteHeader(http.StatusTeapot)
	case RefusePlaceholder:
		v.send(answer{contentType: string(formatJPEG), body: v.server.studio.placeholder()})
	case RefuseRedirect:
		v.redirect("https://" + v.host.site.hosts()[0] + "/")
	default:
		v.plain(http.StatusForbidden, "403 forbidden")
	}
}
