package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// listeners is the part of a Server that listens.
type listeners struct {
	mu  sync.Mutex
	run *run // nil before Start and after Close
}

// run is the time from a Start to its Close.
type run struct {
	byHost map[string]*listener
	stop   func() bool // ends the watch on Start's context
}

// listener serves one address. It owns the goroutine that accepts.
type listener struct {
	addr   string // stays the same when the host goes down and up again
	server *http.Server
	cancel context.CancelFunc // ends the requests in work
	done   chan struct{}      // closed when Serve has returned
	conns  sync.WaitGroup     // connections, each with its goroutine
}

// Start listens on loopback, for every host, and returns. The server runs until
// Close, or until ctx ends. Start fails if an address is not to be had or not
// on loopback, and if the server runs already; then it is as before.
func (s *Server) Start(ctx context.Context) error {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	if s.run != nil {
		return errors.New("replica: already started")
	}
	byHost := make(map[string]*listener)
	if s.opts.Listen != "" {
		l, err := s.listen(ctx, s.opts.Listen)
		if err != nil {
			return err
		}
		for _, name := range s.names {
			byHost[name] = l
		}
	}
	for i, name := range s.names {
		if byHost[name] != nil {
			continue
		}
		l, err := s.listen(ctx, fmt.Sprintf("127.0.0.%d:0", i+2))
		if err != nil {
			l, err = s.listen(ctx, "127.0.0.1:0")
		}
		if err != nil {
			closeAll(byHost)
			return err
		}
		byHost[name] = l
	}
	r := &run{byHost: byHost}
	s.run = r
	r.stop = context.AfterFunc(ctx, func() {
		s.listeners.mu.Lock()
		defer s.listeners.mu.Unlock()
		if s.run == r {
			s.closeLocked()
		}
	})
	return nil
}

// listen serves an address. The requests end with Close, not with ctx alone:
// Start's watch sees to that.
func (s *Server) listen(ctx context.Context, addr string) (*listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("replica: listen: %w", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("replica: listen: %s is not on loopback", addr)
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &listener{addr: ln.Addr().String(), cancel: cancel, done: make(chan struct{})}
	l.server = &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: time.Minute,
		// Aborted connections are what the faults are for.
		ErrorLog: log.New(io.Discard, "", 0),
		// New is reported before Serve returns, Closed when the connection's
		// goroutine ends: that lets close wait for the last of them.
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				l.conns.Add(1)
			case http.StateClosed:
				l.conns.Done()
			}
		},
	}
	go func() {
		defer close(l.done)
		l.server.Serve(ln) // returns http.ErrServerClosed after close
	}()
	return l, nil
}

// close ends the requests in work and waits for their goroutines.
func (l *listener) close() {
	l.cancel()
	l.server.Close()
	<-l.done
	l.conns.Wait()
}

func closeAll(byHost map[string]*listener) {
	var wg sync.WaitGroup
	closed := make(map[*listener]bool)
	for _, l := range byHost {
		if l != nil && !closed[l] {
			closed[l] = true
			wg.Go(l.close)
		}
	}
	wg.Wait()
}

// Close ends all requests in work, closes all connections and waits until
// everything started by Start has ended. It may be called twice, and before
// Start. The log and the expectations stay readable; Start may follow.
func (s *Server) Close() error {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	s.closeLocked()
	return nil
}

func (s *Server) closeLocked() {
	if s.run == nil {
		return
	}
	s.run.stop()
	closeAll(s.run.byHost)
	s.run = nil
}

// Down closes the address of a host, so that connections are refused, and cuts
// the requests in work. It fails if the server is not started or there is no
// such host. Hosts that share the address (Options.Listen) go down with it.
func (s *Server) Down(hostname string) error {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	l, err := s.listenerLocked(hostname)
	if err != nil {
		return err
	}
	l.close()
	return nil
}

// Up listens again on the address of a host that is Down. It fails if the host
// is not down, or something else has taken the address; then all is as before.
func (s *Server) Up(ctx context.Context, hostname string) error {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	old, err := s.listenerLocked(hostname)
	if err != nil {
		return err
	}
	l, err := s.listen(ctx, old.addr)
	if err != nil {
		return err
	}
	for name, o := range s.run.byHost {
		if o == old {
			s.run.byHost[name] = l
		}
	}
	return nil
}

func (s *Server) listenerLocked(hostname string) (*listener, error) {
	if s.run == nil {
		return nil, errors.New("replica: not started")
	}
	l := s.run.byHost[hostname]
	if l == nil {
		return nil, fmt.Errorf("replica: no host %q", hostname)
	}
	return l, nil
}

// Addr is the address of a host, IP and port; empty if the server is not
// started or has no such host.
func (s *Server) Addr(hostname string) string {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	if s.run != nil && s.run.byHost[hostname] != nil {
		return s.run.byHost[hostname].addr
	}
	return ""
}

// ConnectTo lists "HOST=ADDR" for every host, in the order of Hosts: what a
// client needs to find the hosts on loopback. It is nil before Start.
func (s *Server) ConnectTo() []string {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	if s.run == nil {
		return nil
	}
	list := make([]string, len(s.names))
	for i, name := range s.names {
		list[i] = name + "=" + s.run.byHost[name].addr
	}
	return list
}

// Client is an HTTP client that sends the requests for the replica's hosts to
// their addresses, in plain HTTP whatever the scheme of the URL, and refuses
// all others. It follows no redirects. The caller closes its idle connections.
func (s *Server) Client() *http.Client {
	return &http.Client{
		Transport: &transport{server: s},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

type transport struct {
	server *Server
	http.Transport
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	addr := t.server.Addr(hostName(r.URL.Host))
	if addr == "" {
		return nil, fmt.Errorf("replica: no host %q, or not started", r.URL.Host)
	}
	sent := r.Clone(r.Context())
	sent.Host = r.URL.Host
	sent.URL.Scheme, sent.URL.Host = "http", addr
	return t.Transport.RoundTrip(sent)
}
