package fetch

import (
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"syscall"
	"time"
)

// DefaultUserAgent is sent when Options.UserAgent is empty.
const DefaultUserAgent = "trawl (+https://github.com/trawl-go/trawl)"

// Options for [New]. A nil *Options and every zero field mean the default. A
// negative span or size means no limit.
type Options struct {
	// UserAgent is sent with every request; "" means DefaultUserAgent.
	UserAgent string

	// Headers are sent with every request that Page or Open is asked for;
	// those given there win. See [Client.Page] for redirects.
	Headers map[string]string

	// ConnectTo sends the requests to a host somewhere else: keys are "name"
	// or "name:port", values are addresses "host:port". They go there in
	// plain HTTP and past any proxy, also for https URLs; URL, Host header,
	// Referer and cookies stay those of the host.
	ConnectTo map[string]string

	// ConnectTimeout bounds name resolution and connecting, and again the
	// TLS handshake; zero means 15 seconds.
	ConnectTimeout time.Duration

	// HeaderTimeout bounds the wait from the request to the end of the
	// response header; zero means 30 seconds.
	HeaderTimeout time.Duration

	// IdleTimeout bounds the wait between two bytes of a body; zero means
	// 30 seconds. Only the time spent waiting for the network counts, not
	// that between two calls of Read.
	IdleTimeout time.Duration

	// A body that delivers less than SlowBytes within SlowTime of waiting is
	// given up, so that one byte a second does not hold a worker for ever;
	// zero means 1024 bytes and 30 seconds.
	SlowBytes int64
	SlowTime  time.Duration

	// Rate bounds what is received in all bodies together, in bytes a second,
	// compressed ones as they come. It is shared evenly among them, and the
	// time for which it holds a body back is not the server's: the limits on
	// time do not count it. Zero means no bound.
	Rate int64

	// PageDeadline and FileDeadline bound one request from its start to the
	// last byte of the body, redirects included. Zero means 10 minutes for a
	// page and no limit for a file.
	PageDeadline, FileDeadline time.Duration

	// MaxPage bounds the body of a page in bytes, as received and again
	// after decompression; zero means 32 MiB. A larger one is refused, unless its type
	// says that it is no page; see trawl.Page.Body.
	MaxPage int64

	// MaxRedirects bounds the redirects of one request; zero means 10.
	// Negative means that none is followed.
	MaxRedirects int

	// MaxIdlePerHost bounds the connections kept open to one host while
	// nothing is asked of it; zero means 64.
	MaxIdlePerHost int

	// Proxies are used in turn, one request after the other; see ParseProxy.
	// One that cannot be reached, or refuses our login, is left alone for 30
	// seconds, then for twice as long each time, up to 10 minutes; its
	// requests go to the others. If all of them rest, the one whose rest ends
	// first is used. NoProxy lists hosts that need none, as the environment
	// variable of that name does; those in ConnectTo need none either. We
	// keep Proxies.
	Proxies []*url.URL
	NoProxy string

	// ProxyFailed, if not nil, is told of each proxy that begins to rest, by
	// its host. It may be called from several goroutines at once.
	ProxyFailed func(host string, rest time.Duration, err error)

	// Proxy returns the proxy for a request, nil for none, if there are no
	// Proxies; a nil Proxy means EnvironmentProxy. It is not asked about hosts
	// in ConnectTo.
	Proxy func(*http.Request) (*url.URL, error)

	// Jar keeps the cookies; nil means a new one in memory that knows the
	// public suffix list and holds at most 64 MiB.
	Jar http.CookieJar

	// Login, if not nil, is asked for the name and password to show a host,
	// "name" or "name:port", that answers 401 and takes them in Basic
	// authentication; ok is false if there are none. They are shown to that
	// host only, from then on with every request, but never on the way of a
	// redirect from another host. Headers that hold Authorization win. It may
	// be called from several goroutines at once.
	Login func(host string) (user, password string, ok bool)

	// Control, if not nil, is called after name resolution with each address
	// ("192.0.2.1:443") before a connection to it is made; an error refuses
	// it. It does not see those of proxies, which are the user's own.
	Control func(network, address string, c syscall.RawConn) error

	// RefusePrivate refuses connections to addresses that are not public:
	// loopback, private, link-local and the like, whatever name, link or
	// redirect leads there. Excepted are addresses in ConnectTo, proxies, the
	// hosts in PrivateHosts, and the host of [WithStart]. When a host of
	// WithStart turns out to be at such an address, PrivateFound is called,
	// once, before anything is sent there; it is called from any goroutine
	// and must not call back.
	//
	// Behind a proxy, which looks up names by itself, only addresses in URLs
	// and localhost are refused.
	RefusePrivate bool
	PrivateHosts  []string
	PrivateFound  func(host string)

	// Dialed, if not nil, is told of each connection that was made: to which
	// host, "name:port" with the port always there, and to which of its
	// addresses. It is not told of connections to proxies and to addresses
	// in ConnectTo. It may be called from several goroutines at once.
	Dialed func(host string, addr netip.AddrPort)

	// Transport replaces the client's own; it makes the timeouts up to the
	// header its own business, within a bound of their sum. The client
	// closes its idle connections if it has a method for that.
	Transport http.RoundTripper
}

// withDefaults returns a copy in which no field means "default" any more and
// limits that are off are 0.
func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.UserAgent == "" {
		d.UserAgent = DefaultUserAgent
	}
	span := func(v *time.Duration, def time.Duration) {
		switch {
		case *v == 0:
			*v = def
		case *v < 0:
			*v = 0
		}
	}
	span(&d.ConnectTimeout, 15*time.Second)
	span(&d.HeaderTimeout, 30*time.Second)
	span(&d.IdleTimeout, 30*time.Second)
	span(&d.SlowTime, 30*time.Second)
	span(&d.PageDeadline, 10*time.Minute)
	span(&d.FileDeadline, 0)
	size := func(v *int64, def int64) {
		switch {
		case *v == 0:
			*v = def
		case *v < 0:
			*v = 0
		}
	}
	size(&d.SlowBytes, 1024)
	size(&d.MaxPage, 32<<20)
	switch {
	case d.MaxRedirects == 0:
		d.MaxRedirects = 10
	case d.MaxRedirects < 0:
		d.MaxRedirects = 0
	}
	if d.Proxy == nil {
		fn, err := EnvironmentProxy(os.Getenv)
		if d.Proxy = fn; err != nil {
			d.Proxy = func(*http.Request) (*url.URL, error) { return nil, err }
		}
	}
	if d.MaxIdlePerHost == 0 {
		d.MaxIdlePerHost = 64
	}
	return d
}
