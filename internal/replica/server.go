package replica

import (
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options shape a replica. The zero value is a small one, enough for a demo:
// about 900 pictures.
type Options struct {
	// Seed decides every title, number and picture. Replicas with equal
	// Options are equal.
	Seed uint64

	Mzitu   MzituOptions
	Douban  DoubanOptions
	Doutula DoutulaOptions
	Albums  AlbumOptions

	// PictureBytes pads every picture to at least this size in bytes, by
	// comments within the file; zero means no padding.
	PictureBytes int
	// Latency and Jitter are the Rules.Latency and Rules.Jitter all hosts
	// begin with.
	Latency, Jitter time.Duration
	// Listen is an address on loopback that all hosts share, like
	// "127.0.0.1:8250". If empty, every host gets an address of its own:
	// 127.0.0.2, 127.0.0.3 and so on where the system has them (Linux), else
	// ports of 127.0.0.1.
	Listen string
	// LogTo gets a line of JSON for each Request of the log; nil means none.
	// Writes come one at a time, while requests wait.
	LogTo io.Writer
	// LogHeaders names the headers of requests that the log keeps, like Cookie.
	LogHeaders []string
}

// Server is a replica of the sites. It is an http.Handler that goes by the Host
// header, whether or not it listens itself. It is safe for concurrent use.
type Server struct {
	opts    Options
	dice    dice
	studio  *studio
	log     *Log
	mzitu   *mzitu
	douban  *douban
	doutula *doutula
	albums  *albums
	hosts   map[string]*host // fixed by New
	names   []string         // of hosts, in order

	changing sync.Mutex // held by Change
	listeners
}

// host is one host of a site, and how it treats its clients now.
type host struct {
	name  string
	site  site
	rules atomic.Pointer[Rules]

	mu      sync.Mutex
	windows map[string]*window // by client address
}

// New makes a replica. It does no I/O; nil Options are the zero Options. New
// panics if a count in opts is negative, a size is not between 1 and 10,000
// pixels, or a Vintage is unknown: these are mistakes in the program.
func New(opts *Options) *Server {
	s := &Server{hosts: make(map[string]*host)}
	if opts != nil {
		s.opts = *opts
	}
	o := &s.opts
	s.dice = dice(o.Seed)
	defaultSize(&o.Mzitu.Size, 400, 600)
	defaultSize(&o.Douban.Size, 270, 400)
	defaultSize(&o.Doutula.Size, 200, 200)
	defaultSize(&o.Albums.Size, 480, 320)
	defaultCount(&o.Albums.Pictures, 8)
	defaultCount(&o.Albums.Pages, 4)
	defaultCount(&o.Mzitu.Galleries, 30)
	defaultCount(&o.Mzitu.PerList, 24)
	defaultCount(&o.Mzitu.Pages, 0)
	defaultCount(&o.Doutula.Pages, 9)
	if o.Doutula.Missing == 0 {
		o.Doutula.Missing = 16
	}
	defaultVintage(&o.Mzitu.Vintage, Mzitu2019, Mzitu2018, Mzitu2020)
	defaultVintage(&o.Douban.Vintage, Douban2025, Douban2022, Douban2018)
	defaultVintage(&o.Doutula.Vintage, Doutula2019, Doutula2020)

	s.studio = newStudio(s.dice, o.PictureBytes)
	s.log = newLog(o.LogTo)
	s.mzitu = newMzitu(o.Mzitu, s.dice)
	s.douban = newDouban(o.Douban, s.dice)
	s.doutula = newDoutula(o.Doutula, s.dice)
	s.albums = newAlbums(o.Albums, s.dice)
	for _, site := range []site{s.mzitu, s.douban, s.doutula, s.albums} {
		for _, name := range site.hosts() {
			h := &host{name: name, site: site, windows: make(map[string]*window)}
			h.rules.Store(&Rules{Latency: o.Latency, Jitter: o.Jitter})
			s.hosts[name] = h
			s.names = append(s.names, name)
		}
	}
	s.usualRefusals()
	return s
}

// usualRefusals sets what the real sites did: the demo has to cope with it.
func (s *Server) usualRefusals() {
	own := func(r *Rules) { r.Referer = RefererOwn }
	s.Change("*.meizitu.net", own)
	s.Change("*.mmzztt.com", own)
	s.Change("*.doubanio.com", func(r *Rules) { r.Referer, r.Refusal = RefererOwn, RefuseTeapot })
	s.Change("*.sinaimg.cn", func(r *Rules) { r.Referer = RefererNoForeign })
}

func defaultCount(n *int, value int) {
	if *n == 0 {
		*n = value
	}
	if *n < 0 {
		panic(fmt.Sprintf("replica: count %d", *n))
	}
}

func defaultSize(p *image.Point, x, y int) {
	if *p == (image.Point{}) {
		*p = image.Pt(x, y)
	}
	if p.X < 1 || p.Y < 1 || p.X > 10000 || p.Y > 10000 {
		panic(fmt.Sprintf("replica: picture size %v", *p))
	}
}

func defaultVintage(v *string, first string, others ...string) {
	if *v == "" {
		*v = first
	}
	if *v != first && !slices.Contains(others, *v) {
		panic("replica: unknown vintage " + *v)
	}
}

// Handler is the server itself: one handler for all hosts. A host that is not
// among Hosts gets 421 Misdirected Request.
func (s *Server) Handler() http.Handler { return s }

// Hosts lists the hosts, in the order of the sites.
func (s *Server) Hosts() []string { return slices.Clone(s.names) }

// Log is the record of all requests.
func (s *Server) Log() *Log { return s.log }

// Change edits the Rules of the hosts that match a pattern: the name of a host,
// "*.DOMAIN" for its subdomains, or "*" for all. edit is called once for each,
// with a copy of its Rules that holds from then on for requests that begin. It
// must not call Change and not keep the pointer.
//
// Change panics if no host matches: a fault nobody meets would make a test that
// proves nothing.
func (s *Server) Change(pattern string, edit func(*Rules)) {
	s.changing.Lock()
	defer s.changing.Unlock()
	found := false
	for _, name := range s.names {
		domain, wild := strings.CutPrefix(pattern, "*")
		if name != pattern && !(wild && strings.HasSuffix(name, domain)) {
			continue
		}
		found = true
		r := s.hosts[name].rules.Load().clone()
		edit(r)
		s.hosts[name].rules.Store(r.clone())
	}
	if !found {
		panic("replica: no host matches " + pattern)
	}
}

// Rules is a copy of how a host treats its clients now; false if there is no
// such host.
func (s *Server) Rules(hostname string) (Rules, bool) {
	h := s.hosts[hostname]
	if h == nil {
		return Rules{}, false
	}
	return *h.rules.Load().clone(), true
}

// Picture is the bytes and the true type of the picture under a URL, as a
// client gets them that is refused nothing. The scheme may be missing, as in
// data-original. It is false if there is none. The bytes are the caller's.
func (s *Server) Picture(rawURL string) (body []byte, contentType string, ok bool) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, "", false
	}
	h := s.hosts[hostName(u.Host)]
	if h == nil {
		return nil, "", false
	}
	p := h.site.answer(h.name, u).picture
	if p == nil {
		return nil, "", false
	}
	return s.studio.picture(p.name, 0, p.format, p.size), string(p.format), true
}

// Placeholder is the bytes of the picture that RefusePlaceholder sends.
func (s *Server) Placeholder() []byte { return s.studio.placeholder() }

// hostName is a Host header without its port, in lower case.
func hostName(s string) string {
	if h, _, err := net.SplitHostPort(s); err == nil {
		s = h
	}
	return strings.ToLower(s)
}
