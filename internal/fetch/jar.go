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

// A Jar is a cookiejar.Jar for each site, such as example.co.uk with all of
// its hosts, and bounded. It is safe for concurrent use.
type Jar struct {
	limit int // maxJar

	mu    sync.Mutex
	sites map[string]*site
	used  list.List // of *site that may be forgotten, the latest first
	size  int       // of what sites set
}

type site struct {
	name string
	jar  *cookiejar.Jar
	size int
	// sizes of the cookies it ever set.
	sizes map[cookieKey]int
	elem  *list.Element // in Jar.used; nil for one that is never forgotten
}

// A cookieKey is what tells cookies of one site apart.
type cookieKey struct{ host, domain, path, name string }

// NewJar returns an empty jar.
func NewJar() *Jar {
	return &Jar{limit: maxJar, sites: make(map[string]*site)}
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

// siteLocked returns a site, a new one if need be, as the one used last.
func (j *Jar) siteLocked(name string) *site {
	s := j.sites[name]
	if s == nil {
		// Unreachable error: New fails for no options of ours.
		inner, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
		s = &site{name: name, jar: inner, sizes: make(map[cookieKey]int)}
		s.elem = j.used.PushFront(s)
		j.sites[name] = s
	}
	j.touchLocked(s)
	return s
}

func (j *Jar) touchLocked(s *site) {
	if s.elem != nil {
		j.used.MoveToFront(s.elem)
	}
}

// Cookies implements http.CookieJar.
func (j *Jar) Cookies(u *url.URL) []*http.Cookie {
	name := siteOf(u)
	j.mu.Lock()
	s := j.sites[name]
	if s == nil {
		j.mu.Unlock()
		return nil
	}
	j.touchLocked(s)
	j.mu.Unlock()
	return s.jar.Cookies(u)
}

// Give puts the user's own cookies into the jar, as if u had set them. They
// count against no limit, and their site is never forgotten.
func (j *Jar) Give(u *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.siteLocked(siteOf(u))
	if s.elem != nil {
		j.used.Remove(s.elem)
		s.elem = nil
	}
	s.jar.SetCookies(u, cookies)
}

// SetCookies implements http.CookieJar.
func (j *Jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	name := siteOf(u)
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.siteLocked(name)
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
