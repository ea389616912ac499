package crawl

import (
	"net/netip"
	"strings"
)

// Dialed notes that a connection to a host, "name:port", was made. Hosts that
// share an address get at most twice as many requests at a time together as
// one of them gets alone, of all processes that share the job. Those on this
// machine do not count as sharing one.
//
// It does nothing before Run and may be called from several goroutines at
// once.
func (e *Engine) Dialed(host string, to netip.AddrPort) {
	front := e.running.Load()
	if front == nil || to.Addr().IsLoopback() {
		return
	}
	for _, usual := range []string{":443", ":80"} { // as in the URL, without it
		host = strings.TrimSuffix(host, usual)
	}
	front.At(host, to.Addr())
}
