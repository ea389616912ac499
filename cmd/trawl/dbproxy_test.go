package main

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/trawl-go/trawl/internal/postgres/pgtest"
)

// A dbProxy stands between processes and their database, as the network does:
// it can be cut, stop flowing on what is sent, and lose answers.
type dbProxy struct {
	dir string
	l   net.Listener
	to  string
	wg  sync.WaitGroup

	mu    sync.Mutex
	state sync.Cond // L is mu; mode has changed
	mode  proxyMode
	conns map[net.Conn]bool

	// on is called at the steps of commits, from the goroutine of their
	// connection. If it returns false the connection is lost at this step.
	on func(commitStep) bool
}

type proxyMode int

const (
	flowing proxyMode = iota
	stalled           // what is sent is held back
	gone              // all connections are closed, and new ones refused
)

// A commitStep is how far the commit of outcomes has come.
type commitStep int

const (
	commitBegins   commitStep = iota // files have their names, the database knows nothing
	commitSent                       // COMMIT has not reached the server
	commitAnswered                   // COMMIT was answered, and the client does not know
)

func newDBProxy(t *testing.T, db *pgtest.Server, on func(commitStep) bool) *dbProxy {
	t.Helper()
	if on == nil {
		on = func(commitStep) bool { return true }
	}
	dir, err := os.MkdirTemp("", "trawl-px-") // short, as it goes into a socket's path
	if err != nil {
		t.Fatal(err)
	}
	p := &dbProxy{dir: dir, to: db.Socket(), conns: make(map[net.Conn]bool), on: on}
	p.state.L = &p.mu
	if p.l, err = net.Listen("unix", filepath.Join(dir, filepath.Base(p.to))); err != nil {
		t.Fatal(err)
	}
	p.wg.Go(func() {
		for {
			c, err := p.l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		p.l.Close()
		p.set(gone)
		p.wg.Wait()
		os.RemoveAll(dir)
	})
	return p
}

func (p *dbProxy) url() string {
	return "postgres://" + pgtest.User + "@/postgres?host=" + url.QueryEscape(p.dir)
}

func (p *dbProxy) set(m proxyMode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	if m == gone {
		for c := range p.conns {
			c.Close()
		}
	}
	p.state.Broadcast()
}

// pass waits while nothing is passed on, and reports whether it is then.
func (p *dbProxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.mode == stalled {
		p.state.Wait()
	}
	return p.mode == flowing
}

func (p *dbProxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	refuse := p.mode == gone
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}()
	if refuse {
		return
	}
	var mu sync.Mutex // guards asked: COMMIT was passed on, of a commit of outcomes
	asked := false
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			mu.Lock()
			was := asked
			asked = false
			mu.Unlock()
			if was && !p.on(commitAnswered) || !p.pass() {
				return
			}
			if _, werr := client.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	})
	defer answers.Wait()
	defer server.Close()
	buf := make([]byte, 64<<10)
	outcomes := false
	for {
		n, err := client.Read(buf)
		if bytes.Contains(buf[:n], []byte("r.state = 0 ORDER BY r.host, r.key FOR UPDATE")) {
			if outcomes = true; !p.on(commitBegins) {
				return
			}
		}
		if outcomes && bytes.Contains(buf[:n], []byte("COMMIT\x00")) {
			outcomes = false
			if !p.on(commitSent) {
				return
			}
			mu.Lock()
			asked = true
			mu.Unlock()
		}
		if !p.pass() {
			return
		}
		if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}
