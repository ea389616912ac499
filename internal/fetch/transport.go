package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// newTransport returns a transport for many small files from few hosts.
func newTransport(opts *Options, connect map[string]string, g *guard) http.RoundTripper {
	mapped := make(map[string]bool, len(connect))
	for _, addr := range connect {
		mapped[addr] = true
	}
	proxy, exempt := opts.Proxy, noProxy(opts.NoProxy)
	if len(opts.Proxies) > 0 {
		proxy = chosenProxy
	}
	direct := func(u *url.URL) bool { return mapped[u.Host] || len(opts.Proxies) > 0 && exempt(u) }
	var hosts proxyHosts
	dialer := net.Dialer{Timeout: opts.ConnectTimeout, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if direct(r.URL) {
				return nil, nil
			}
			u, err := proxy(r)
			if u != nil {
				hosts.add(u)
			}
			return u, err
		},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
			if res.StatusCode != http.StatusOK {
				return &proxyError{res.StatusCode}
			}
			return nil
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			d := dialer
			if !hosts.has(addr) {
				d.Control = g.control(ctx, addr, opts.Control)
			}
			conn, err := d.DialContext(ctx, network, addr)
			if to, ok := remote(conn); ok && opts.Dialed != nil && !isMapped(ctx) && !hosts.has(addr) {
				opts.Dialed(addr, to)
			}
			return conn, err
		},
		TLSHandshakeTimeout: opts.ConnectTimeout,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(256),
		},
		ForceAttemptHTTP2: true, // a TLSClientConfig of one's own turns it off
		HTTP2: &http.HTTP2Config{
			// A connection that has died silently would hold up everything
			// on it.
			SendPingTimeout: 15 * time.Second,
			PingTimeout:     15 * time.Second,
		},
		DisableCompression:     true, // we ask for it, bound it and undo it
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    opts.MaxIdlePerHost,
		IdleConnTimeout:        90 * time.Second,
		ResponseHeaderTimeout:  opts.HeaderTimeout,
		MaxResponseHeaderBytes: 1 << 20,
		// A picture of 20 KB and its header come in one system call.
		ReadBufferSize:  32 << 10,
		WriteBufferSize: 2 << 10,
	}
	if len(opts.Proxies) == 0 {
		return t
	}
	return &rotation{Transport: t, proxies: newProxies(opts), direct: direct}
}

// remote returns the other end of a connection; it may be nil.
func remote(conn net.Conn) (to netip.AddrPort, ok bool) {
	if conn == nil {
		return to, false
	}
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return to, false
	}
	to = tcp.AddrPort()
	return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), true
}

// A proxyError is the refusal of a proxy to connect.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return "proxy: " + statusText(e.status) }

// statusOf returns the HTTP status that an error of a round trip stands for.
func statusOf(err error) int {
	var pe *proxyError
	if errors.As(err, &pe) {
		return pe.status
	}
	return 0
}

// reasonOf sorts an error of a round trip.
func reasonOf(err error) Reason {
	var pe *proxyError
	if errors.As(err, &pe) && pe.status == http.StatusProxyAuthRequired {
		return Auth
	}
	if isTLS(err) {
		return TLS
	}
	if private := (*PrivateError)(nil); errors.As(err, &private) {
		return Private
	}
	return Network
}

func isTLS(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
		cert   x509.CertificateInvalidError
		name   x509.HostnameError
		ca     x509.UnknownAuthorityError
		op     *net.OpError
	)
	if errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &cert) || errors.As(err, &name) || errors.As(err, &ca) {
		return true
	}
	// An alert of the other side, whose type is not exported.
	if errors.As(err, &op) && op.Op == "remote error" {
		return true
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "tls: ") {
			return true
		}
	}
	return false
}

// isNetwork reports whether a body ended for the network's sake: a reset or a
// timeout, as opposed to an orderly end in the wrong place.
func isNetwork(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
