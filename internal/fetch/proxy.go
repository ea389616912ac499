package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"
)

// How long a proxy that failed is left alone: the first time, and at most,
// after a rest twice as long for each further time.
const (
	firstRest = 30 * time.Second
	longRest  = 10 * time.Minute
)

// proxyTries bounds the proxies that one request is given to.
const proxyTries = 4

// doubtful is how many failures in a row that may be the fault of the sites
// are taken for the proxy's own.
const doubtful = 3

// proxies are the proxies of Options.Proxies, with how they fare. It is safe
// for concurrent use.
type proxies struct {
	all    []*url.URL
	failed func(host string, rest time.Duration, err error) // Options.ProxyFailed

	mu    sync.Mutex
	turn  int
	state []proxyState // as all
}

type proxyState struct {
	rests  time.Time // it is left alone until then
	rested int       // times since it last worked
	doubts int       // failures since then that may be another's
}

func newProxies(opts *Options) *proxies {
	return &proxies{all: opts.Proxies, failed: opts.ProxyFailed, state: make([]proxyState, len(opts.Proxies))}
}

// next returns the number of the proxy whose turn it is, of those not tried
// yet: one that does not rest, or else the one whose rest ends first.
func (p *proxies) next(tried []bool) int {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i := range p.all {
		i = (p.turn + i) % len(p.all)
		switch {
		case tried[i]:
		case !p.state[i].rests.After(now):
			p.turn = i + 1
			return i
		case best < 0 || p.state[i].rests.Before(p.state[best].rests):
			best = i
		}
	}
	p.turn++
	return best
}

// worked notes that a proxy does its work.
func (p *proxies) worked(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state[i] = proxyState{}
}

// fails notes that a proxy did not. If sure is false it may be the fault of
// the site.
func (p *proxies) fails(i int, sure bool, err error) {
	now := time.Now()
	p.mu.Lock()
	s := &p.state[i]
	s.doubts++
	if !sure && s.doubts < doubtful || s.rests.After(now) { // or others have noticed it
		p.mu.Unlock()
		return
	}
	rest := min(firstRest<<min(s.rested, 10), longRest)
	s.rests = now.Add(rest)
	s.rested++
	s.doubts = 0
	p.mu.Unlock()
	if p.failed != nil {
		p.failed(p.all[i].Host, rest, err)
	}
}

// A rotation gives each request to the proxy whose turn it is, and to another
// if that one fails before the request has reached the site.
type rotation struct {
	*http.Transport
	proxies *proxies
	direct  func(*url.URL) bool // what needs no proxy
}

type proxyKey struct{}

// chosenProxy is the Transport.Proxy of a rotation.
func chosenProxy(r *http.Request) (*url.URL, error) {
	u, _ := r.Context().Value(proxyKey{}).(*url.URL)
	return u, nil
}

// RoundTrip implements http.RoundTripper.
func (x *rotation) RoundTrip(r *http.Request) (*http.Response, error) {
	if x.direct(r.URL) {
		return x.Transport.RoundTrip(r)
	}
	p := x.proxies
	tried := make([]bool, len(p.all))
	for left := min(len(p.all), proxyTries); ; left-- {
		i := p.next(tried)
		tried[i] = true
		connected := false
		ctx := context.WithValue(r.Context(), proxyKey{}, p.all[i])
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
		res, err := x.Transport.RoundTrip(r.WithContext(ctx))
		again, sure := proxyFault(res, err, connected)
		if r.Context().Err() != nil || !again {
			if err == nil {
				p.worked(i)
			} else if sure && r.Context().Err() == nil {
				p.fails(i, sure, err)
			}
			return res, err
		}
		if err == nil {
			err = &proxyError{res.StatusCode}
		}
		p.fails(i, sure, err)
		switch {
		case left > 1 && res != nil:
			io.CopyN(io.Discard, res.Body, 4<<10)
			res.Body.Close()
		case left > 1:
		case res != nil:
			return res, nil
		case len(p.all) > 1:
			return nil, fmt.Errorf("%d proxies failed, the last of them %s: %w", min(len(p.all), proxyTries), p.all[i].Host, err)
		default:
			return nil, fmt.Errorf("proxy %s: %w", p.all[i].Host, err)
		}
	}
}

// proxyFault reports whether what came of a request is worth trying another
// proxy, and whether it is clear that this one is at fault. connected tells
// whether there was a connection: to the proxy for http, through it for https
// and SOCKS.
func proxyFault(res *http.Response, err error, connected bool) (again, sure bool) {
	var (
		refused *proxyError
		op      *net.OpError
		timeout net.Error
	)
	switch {
	case err == nil:
		bad := res.StatusCode == http.StatusProxyAuthRequired
		return bad, bad
	case errors.As(err, &refused): // to connect; the site may be down
		return true, refused.status == http.StatusProxyAuthRequired
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return true, true
	case op != nil && strings.HasPrefix(op.Op, "socks "):
		return true, strings.Contains(err.Error(), "authentication")
	case isTLS(err): // of the site
		return false, false
	case !connected:
		return true, true
	}
	// It may have hung up because the site did. After a timeout there is no
	// time left to try another.
	return !(errors.As(err, &timeout) && timeout.Timeout()), false
}

// proxyHosts are the addresses of the proxies that were used. It is safe for
// concurrent use.
type proxyHosts struct{ m sync.Map }

func (h *proxyHosts) add(u *url.URL) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	h.m.Store(net.JoinHostPort(u.Hostname(), cmp.Or(port, "80")), true)
}

func (h *proxyHosts) has(addr string) bool {
	_, ok := h.m.Load(addr)
	return ok
}
