package postgres_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

// A pooler is a connection pooler in transaction mode: clients share a few
// connections to the server, and get another one with each transaction. It
// passes messages on and understands as much of them as that takes.
type pooler struct {
	t       *testing.T
	l       net.Listener
	servers chan *upstream
	wg      sync.WaitGroup

	mu      sync.Mutex
	clients map[net.Conn]bool
	moved   int // transactions that began on another connection than the one before
}

// An upstream is a connection to the server, beyond the exchange at its start.
type upstream struct {
	net.Conn
	greeting []byte // what the server said at the start
}

const startupSize = 8 // of the header of a startup message

func newPooler(t *testing.T, s *pgtest.Server, conns int) *pooler {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{t: t, l: l, servers: make(chan *upstream, conns), clients: map[net.Conn]bool{}}
	for range conns {
		p.servers <- dialServer(t, s)
	}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.clients[c] = true
			p.mu.Unlock()
			p.wg.Go(func() {
				if err := p.serve(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("the pooler: %v", err)
				}
				c.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for c := range p.clients {
			c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
		for range conns {
			(<-p.servers).Close()
		}
	})
	return p
}

// dialServer connects to the server and reads what it says at the start.
func dialServer(t *testing.T, s *pgtest.Server) *upstream {
	t.Helper()
	c, err := net.Dial("unix", s.Socket())
	if err != nil {
		t.Fatal(err)
	}
	body := "user\x00" + pgtest.User + "\x00database\x00postgres\x00\x00"
	msg := binary.BigEndian.AppendUint32(nil, uint32(startupSize+len(body)))
	msg = binary.BigEndian.AppendUint32(msg, 3<<16)
	if _, err := c.Write(append(msg, body...)); err != nil {
		t.Fatal(err)
	}
	u := &upstream{Conn: c}
	for {
		m, err := message(c)
		if err != nil {
			t.Fatal(err)
		}
		u.greeting = append(u.greeting, m...)
		switch m[0] {
		case 'Z': // ReadyForQuery
			return u
		case 'E':
			t.Fatalf("the server says %q", m)
		}
	}
}

// message reads one message with its type and length.
func message(r io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err := io.ReadFull(r, body)
	return append(head, body...), err
}

func (p *pooler) serve(c net.Conn) error {
	head := make([]byte, startupSize)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	if code := binary.BigEndian.Uint32(head[4:]); code != 3<<16 {
		return nil // a request to cancel, which nobody needs here
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head))-startupSize); err != nil {
		return err
	}
	u := <-p.servers
	_, err := c.Write(u.greeting)
	p.servers <- u
	var last *upstream
	for err == nil {
		var m []byte
		if m, err = message(c); err != nil || m[0] == 'X' {
			return err
		}
		u := <-p.servers
		p.mu.Lock()
		if last != nil && u != last {
			p.moved++
		}
		p.mu.Unlock()
		last = u
		err = transaction(c, u, m)
		p.servers <- u
	}
	return err
}

// transaction passes messages on until the server says that no transaction is
// under way.
func transaction(c net.Conn, u *upstream, m []byte) error {
	for {
		if _, err := u.Write(m); err != nil {
			return err
		}
		if m[0] == 'S' || m[0] == 'Q' { // Sync, Query: the server answers
			for {
				answer, err := message(u)
				if err != nil {
					return err
				}
				if _, err := c.Write(answer); err != nil {
					return err
				}
				if answer[0] == 'Z' {
					if answer[5] == 'I' {
						return nil
					}
					break
				}
			}
		}
		var err error
		if m, err = message(c); err != nil {
			// The client is gone in the middle of a transaction.
			_, werr := u.Write([]byte("Q\x00\x00\x00\x0dROLLBACK\x00"))
			for werr == nil {
				var a []byte
				if a, werr = message(u); werr == nil && a[0] == 'Z' {
					break
				}
			}
			return err
		}
	}
}

// Everything works through a pooler in transaction mode: nothing relies on what
// was left on a connection.
func TestPooler(t *testing.T) {
	server := pgtest.New(t, nil)
	p := newPooler(t, server, 3)
	address := fmt.Sprintf("postgres://%s@/postgres?host=%s&sslmode=disable", pgtest.User, url.QueryEscape(filepath.Dir(p.l.Addr().String())))
	want := dump(t, store.NewMem())
	job := newJob()
	s := open(t, address, &postgres.Options{Job: job, Partitions: 1})
	// Another process in between, so that connections change hands.
	other := open(t, address, &postgres.Options{Job: job})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := other.Stats(bg); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	got := dump(t, s)
	close(stop)
	wg.Wait()
	if got != want {
		t.Errorf("through a pooler the script gives\n%s\nwant\n%s", got, want)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moved < len(storetest.Script()) {
		t.Errorf("connections changed hands %d times: this test shows nothing", p.moved)
	}
}
