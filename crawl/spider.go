package crawl

import (
	"net/url"
	"strings"

	"github.com/trawl-go/trawl"
)

// A spider is a trawl.Spider with what the engine works out of its settings.
type spider struct {
	trawl.Spider
	set trawl.Settings
	any bool // every host may be visited
}

func newSpider(s trawl.Spider) *spider {
	sp := &spider{Spider: s, set: s.Settings()}
	for _, h := range sp.set.Hosts {
		sp.any = sp.any || h == "*"
	}
	return sp
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
	for _, h := range s.set.Hosts {
		if h = strings.ToLower(h); host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return false
}

// sameSite compares hosts, with and without "www.".
func sameSite(a, b string) bool {
	return strings.TrimPrefix(a, "www.") == strings.TrimPrefix(b, "www.")
}
