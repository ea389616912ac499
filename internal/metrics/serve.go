package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ErrAddress is returned by Listen for an address that makes no sense.
var ErrAddress = errors.New("must be PORT or HOST:PORT, like 9464 or 0.0.0.0:9464")

// Listen opens an address, "PORT" or "HOST:PORT", for [Metrics.Serve]. Without a
// host it is on this machine alone; 0 is a port that is free.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	if !strings.Contains(addr, ":") {
		addr = ":" + addr
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return nil, ErrAddress
	}
	if host == "" {
		host = "127.0.0.1"
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	var dns *net.DNSError
	var bad *net.AddrError
	switch {
	case errors.As(err, &dns), errors.As(err, &bad):
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program listens there; choose another port, or 0 for one that is free: %w", err)
	}
	return ln, err
}

// Serve answers at /metrics until ctx ends, and takes the listener. It returns
// nil then, and otherwise why it could not go on.
func (m *Metrics) Serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	err := srv.Serve(ln)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
