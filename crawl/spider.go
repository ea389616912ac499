package crawl

import (
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A spider is a trawl.Spider with what the engine works out of its settings.
type spider struct {
	trawl.Spider
	set trawl.Settings
	any bool // every host may be visited

	headers map[string]string // for the hosts whose pages are visited
	public  map[string]string // for any other: without what names the user
}

func newSpider(s trawl.Spider, headers map[string]string) *spider {
	sp := &spider{Spider: s, set: s.Settings(), headers: make(map[string]string), public: make(map[string]string)}
	for k, v := range sp.set.Headers {
		k = http.CanonicalHeaderKey(k)
		sp.headers[k] = v
		if k != "Cookie" && k != "Authorization" && k != "Proxy-Authorization" {
			sp.public[k] = v
		}
	}
	for k, v := range headers {
		k = http.CanonicalHeaderKey(k)
		sp.headers[k] = v
		switch k {
		case "User-Agent", "Accept", "Accept-Language", "Referer":
			sp.public[k] = v
		default:
			// It may be a key to the site; only its spider's author knows.
			delete(sp.public, k)
		}
	}
	for _, h := range sp.set.Hosts {
		sp.any = sp.any || h == "*"
	}
	return sp
}

// producers returns how many page workers the spider wants, 0 if it does not
// say. With worker processes there are enough to keep them all busy.
func (s *spider) producers() int {
	switch w := s.set.Workers; {
	case s.set.Producers != 0:
		return s.set.Producers
	case !w.Processes:
		return w.N
	default:
		return max(first(w.N, runtime.NumCPU()), 8)
	}
}

// headersFor returns the headers that go with a request. What names the user
// goes to the start URLs, to pages, and to files on the host of their page or
// on one of the spider's hosts; but not in plain HTTP if a page that came by
// https asked for it.
func (s *spider) headersFor(e *store.Entry) map[string]string {
	r := &e.Request
	if r.Depth > 0 && strings.HasPrefix(r.URL, "http:") && strings.HasPrefix(r.Referer, "https:") {
		return s.public
	}
	own := r.Depth == 0 || r.Kind == trawl.KindPage && !s.any || r.Kind == trawl.KindFile && e.Host == e.Origin
	if own || !s.any && s.lists(hostname(e.HostName)) {
		return s.headers
	}
	return s.public
}

// hostname returns a host without its port.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// lists reports whether a host is one of those that the spider names.
func (s *spider) lists(host string) bool {
	for _, h := range s.set.Hosts {
		if h = strings.ToLower(h); host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return false
}

// allows reports whether a link on a page may be followed, by the hosts of
// both; see Settings.Hosts.
func (s *spider) allows(from, to *url.URL) bool {
	if s.any {
		return true
	}
	host := to.Hostname()
	if len(s.set.Hosts) == 0 {
		return sameSite(host, from.Hostname())
	}
	return s.lists(host)
}

// sameSite compares hosts, with and without "www.".
func sameSite(a, b string) bool {
	return strings.TrimPrefix(a, "www.") == strings.TrimPrefix(b, "www.")
}
