package fetch

import (
	"container/list"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// Limits on the cookies that are kept, of the size that browsers have. A
// crawl meets millions of hosts, each of which can set what it likes.
const (
	maxCookie      = 4 << 10  // name and value, in bytes; larger ones are ignored
	maxSiteCookies = 180      // of a site; further ones are ignored
	maxJar         = 64 << 20 // of all; then sites are forgotten, the one not used for longest first

	cookieOverhead = 400 // of one cookie in memory, about
)

// A jar is a cookiejar.Jar for each site, such as example.co.uk with all of
// its hosts, and bounded. It is safe for concurrent use.
type jar struct {
	limit int // maxJar

	mu    sync.Mutex
	sites map[string]*list.Element // of *site
	used  list.List                // of *site, the latest first
	size  int                      // of all sites
}

type site struct {
	name string
	jar  *cookiejar.Jar
	size int
	// sizes of the cookies it ever set.
	sizes map[cookieKey]int
}

// A cookieKey is what tells cookies of one site apart.
type cookieKey struct{ host, domain, path, name string }

func newJar() *jar {
	return &jar{limit: maxJar, sites: make(map[string]*list.Element)}
}

// siteOf returns the registrable domain of a URL's host, or the host itself
// if it has none, such as an IP address.
func siteOf(u *url.URL) string {
	host := u.Hostname()
	if s, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return s
	}
	return host
}

// Cookies implements http.CookieJar.
func (j *jar) Cookies(u *url.URL) []*http.Cookie {
	name := siteOf(u)
	j.mu.Lock()
	e := j.sites[name]
	if e == nil {
		j.mu.Unlock()
		return nil
	}
	j.used.MoveToFront(e)
	j.mu.Unlock()
	return e.Value.(*site).jar.Cookies(u)
}

// SetCookies implements http.CookieJar.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	name := siteOf(u)
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.sites[name]
	if e == nil {
		// Unreachable error: New fails for no options of ours.
		inner, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
		e = j.used.PushFront(&site{name: name, jar: inner, sizes: make(map[cookieKey]int)})
		j.sites[name] = e
	}
	j.used.MoveToFront(e)
	s := e.Value.(*site)
	kept := make([]*http.Cookie, 0, len(cookies))
	for _, c := range cookies {
		key := cookieKey{u.Host, c.Domain, c.Path, c.Name}
		size := len(c.Name) + len(c.Value) + len(c.Domain) + len(c.Path) + cookieOverhead
		old, known := s.sizes[key]
		if size > maxCookie+cookieOverhead || !known && len(s.sizes) >= maxSiteCookies {
			continue
		}
		s.sizes[key] = size
		s.size += size - old
		j.size += size - old
		kept = append(kept, c)
	}
	s.jar.SetCookies(u, kept)
	for j.size > j.limit && j.used.Len() > 1 {
		last := j.used.Remove(j.used.Back()).(*site)
		delete(j.sites, last.name)
		j.size -= last.size
	}
}
