package fetch

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// A PrivateError is a connection that Options.RefusePrivate refused.
type PrivateError struct {
	Host string // as in the URL, without port
	Addr string // where it is
	What string // what kind of address that is
}

func (e *PrivateError) Error() string {
	if e.Host == e.Addr {
		return fmt.Sprintf("refused: %s is %s, and no start URL is there", e.Host, e.What)
	}
	return fmt.Sprintf("refused: %s is at %s, %s, and no start URL is there", e.Host, e.Addr, e.What)
}

type startKey struct{}

// WithStart returns a context for requests that the user has asked for by
// their URL. With Options.RefusePrivate the host of rawURL may be at a private
// address then, and from then on for every request.
func WithStart(ctx context.Context, rawURL string) context.Context {
	u, err := parseURL(rawURL)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, startKey{}, hostName(u.Hostname()))
}

type mappedKey struct{}

// withMapped marks the context of a request that Options.ConnectTo sends
// somewhere. The address alone does not tell: a link may name it too.
func withMapped(ctx context.Context) context.Context {
	return context.WithValue(ctx, mappedKey{}, true)
}

func isMapped(ctx context.Context) bool { return ctx.Value(mappedKey{}) != nil }

// A guard keeps requests away from private addresses. It is safe for
// concurrent use.
type guard struct {
	found func(host string)

	mu    sync.Mutex
	hosts map[string]bool // that may be at private addresses
}

// newGuard returns nil, which refuses nothing, if the options do not want one.
func newGuard(opts *Options) *guard {
	if !opts.RefusePrivate {
		return nil
	}
	g := &guard{hosts: make(map[string]bool), found: opts.PrivateFound}
	for _, h := range opts.PrivateHosts {
		g.hosts[hostName(h)] = true
	}
	return g
}

// check looks at the host of a URL before anything is sent: what its name says
// is all that can be known if a proxy makes the connection.
func (g *guard) check(ctx context.Context, u *url.URL) error {
	if g == nil || isMapped(ctx) {
		return nil
	}
	host := hostName(u.Hostname())
	addr, ok := addrOfName(host)
	if !ok {
		return nil
	}
	return g.allow(ctx, host, addr)
}

// control returns a Dialer.Control for a connection to "host:port", which
// looks at each address before it is connected to; next comes after it.
func (g *guard) control(ctx context.Context, hostPort string, next func(string, string, syscall.RawConn) error) func(string, string, syscall.RawConn) error {
	if g == nil || isMapped(ctx) {
		return next
	}
	host, _, _ := net.SplitHostPort(hostPort)
	return func(network, address string, c syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if err := g.allow(ctx, hostName(host), ap.Addr()); err != nil {
			return err
		}
		if next != nil {
			return next(network, address, c)
		}
		return nil
	}
}

// allow refuses an address of a host that is private and was not asked for.
func (g *guard) allow(ctx context.Context, host string, addr netip.Addr) error {
	what := private(addr)
	if what == "" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hosts[host] {
		return nil
	}
	if start, _ := ctx.Value(startKey{}).(string); start != host {
		return &PrivateError{Host: host, Addr: addr.String(), What: what}
	}
	g.hosts[host] = true
	if g.found != nil {
		g.found(host)
	}
	return nil
}

// hostName returns a host in the form in which a guard compares them.
func hostName(h string) string { return strings.ToLower(strings.TrimSuffix(h, ".")) }

// addrOfName returns the address that a name is or stands for wherever it is
// looked up.
func addrOfName(host string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, true
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	}
	return oldAddr(host)
}

// oldAddr parses the ways of writing an IPv4 address that resolvers and
// proxies still take: "127.1", "0x7f000001", "017700000001".
func oldAddr(host string) (a netip.Addr, ok bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return a, false
	}
	var sum uint64
	for i, p := range parts {
		if p == "" || p[0] < '0' || p[0] > '9' || strings.Contains(p, "_") {
			return a, false
		}
		n, err := strconv.ParseUint(p, 0, 32)
		if err != nil {
			return a, false
		}
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		if n >= 1<<bits {
			return a, false
		}
		sum = sum<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

// special are the address blocks that are not for the public, from IANA's
// special-purpose registries. Those for documentation and benchmarks are left
// out: 198.18.0.0/15 is where proxies on the user's own machine put every
// name that they resolve.
var special = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this machine"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a provider's inner address"},
	{netip.MustParsePrefix("127.0.0.0/8"), "this machine"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a provider's inner address"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("::/128"), "this machine"},
	{netip.MustParsePrefix("::1/128"), "this machine"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a private address"},
	{netip.MustParsePrefix("100::/64"), "a reserved address"},
	{netip.MustParsePrefix("fc00::/7"), "a private address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fec0::/10"), "a private address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
}

// carriers are the blocks of IPv6 addresses that stand for an IPv4 address,
// which begins at a byte.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12}, // translated
	{netip.MustParsePrefix("64:ff9b::/96"), 12},    // NAT64
	{netip.MustParsePrefix("2002::/16"), 2},        // 6to4
}

// private returns what an address is if it is not a public one, else "".
func private(a netip.Addr) string {
	a = a.WithZone("").Unmap()
	for _, s := range special {
		if s.prefix.Contains(a) {
			return s.what
		}
	}
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			b := a.As16()
			return private(netip.AddrFrom4([4]byte(b[c.at : c.at+4])))
		}
	}
	return ""
}
