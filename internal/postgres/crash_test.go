package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

// dump runs the script and returns what the store holds after it.
func dump(t *testing.T, s store.Store) string {
	t.Helper()
	ls, err := s.Acquire(bg, "w", 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for i, do := range storetest.Script() {
		if err := do(bg, s, ls[0]); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	d, err := storetest.Dump(bg, s, ls[0])
	if err != nil {
		t.Fatal(err)
	}
	// A crash leaves a gap in the numbers of the items.
	n := 0
	return regexp.MustCompile(`"Seq":\d+`).ReplaceAllStringFunc(d, func(string) string {
		n++
		return fmt.Sprintf(`"Seq":%d`, n)
	})
}

// TestServerCrash crashes the server at steps of the script's transactions:
// before COMMIT, and after it. The job goes on when the server is back, and
// ends as it does without crashes: nothing is lost or done twice.
func TestServerCrash(t *testing.T) {
	want := dump(t, store.NewMem())
	server := pgtest.New(t, nil)
	changes := 0
	s := open(t, server.URL("postgres"), postgres.WithHook(postgres.Options{Job: newJob(), Partitions: 1}, func(st postgres.Step) {
		if changes++; changes%5 != 2 {
			return
		}
		if err := errors.Join(server.Kill(), server.Resume()); err != nil {
			t.Error(err)
		}
	}))
	if d := cmp.Diff(want, dump(t, s)); d != "" {
		t.Errorf("after crashes of the server (-want +got):\n%s", d)
	}
	if changes < 2*len(storetest.Script()) {
		t.Errorf("the script had %d steps, fewer than it has transactions", changes)
	}
}

// TestBackendKilled is TestServerCrash with one process of the server killed,
// that of the transaction among those it may be. The server ends all others and
// recovers by itself, and turns clients away meanwhile.
func TestBackendKilled(t *testing.T) {
	want := dump(t, store.NewMem())
	server := pgtest.New(t, nil)
	changes, killed := 0, 0
	s := open(t, server.URL("postgres"), postgres.WithHook(postgres.Options{Job: newJob(), Partitions: 1}, func(st postgres.Step) {
		if changes++; changes%3 != 2 {
			return
		}
		if err := killBackend(server); err != nil {
			t.Error(err)
			return
		}
		killed++
	}))
	if d := cmp.Diff(want, dump(t, s)); d != "" {
		t.Errorf("after %d backends were killed (-want +got):\n%s", killed, d)
	}
	if killed < 10 {
		t.Errorf("%d backends were killed, too few to tell anything", killed)
	}
}

// killBackend kills the process of a client of a server, and waits until the
// server has noticed.
func killBackend(server *pgtest.Server) error {
	c, err := pgx.Connect(bg, server.URL("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(bg)
	var pid int
	err = c.QueryRow(bg, `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
		ORDER BY state = 'idle in transaction' DESC, pid LIMIT 1`).Scan(&pid)
	if err != nil {
		return err
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	// The server ends this connection, too, when it has noticed.
	for range 10_000 {
		if _, err := c.Exec(bg, "SELECT 1"); err != nil {
			return nil
		}
	}
	return fmt.Errorf("the server has not noticed that its process %d was killed", pid)
}

// A server that is away is waited for, as long as Options.Patience says.
func TestServerAway(t *testing.T) {
	server := pgtest.New(t, nil)
	opts := &postgres.Options{Job: newJob(), Patience: -1}
	hasty := open(t, server.URL("postgres"), opts)
	patient := open(t, server.URL("postgres"), &postgres.Options{Job: opts.Job})
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := hasty.Set(bg, "a", "1"); !errors.Is(err, store.ErrIO) {
		t.Errorf("Set = %v, want ErrIO", err)
	}
	if _, err := postgres.Open(bg, server.URL("postgres"), opts); !errors.Is(err, store.ErrIO) {
		t.Errorf("Open = %v, want ErrIO", err)
	}
	ctx, cancel := context.WithCancel(bg)
	ended := make(chan error)
	go func() { ended <- patient.Set(ctx, "a", "2") }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Set = %v, want context.Canceled", err)
	}
	go func() { ended <- patient.Set(bg, "a", "3") }()
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Set = %v when the server is back", err)
	}
	if v, err := hasty.Get(bg, "a"); err != nil || v != "3" {
		t.Errorf("Get = %q, %v; want 3", v, err)
	}
}

// A cutter stands between a client and its server, and cuts the connection
// when COMMIT was passed on, before the answer is.
type cutter struct {
	l    net.Listener
	to   string
	cuts atomic.Int32 // left to make
	wg   sync.WaitGroup
}

// cut returns a cutter before a server.
func cut(t *testing.T, s *pgtest.Server) *cutter {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{l: l, to: s.Socket()}
	c.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.wg.Wait()
	})
	return c
}

func (c *cutter) url(s *pgtest.Server) string {
	return strings.Replace(s.URL("postgres"), strings.ReplaceAll(filepath.Dir(s.Socket()), "/", "%2F"),
		strings.ReplaceAll(filepath.Dir(c.l.Addr().String()), "/", "%2F"), 1)
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	var silent atomic.Bool
	c.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if silent.Load() {
				client.Close() // the answer to COMMIT has come
				return
			}
			if _, werr := client.Write(buf[:n]); err != nil || werr != nil {
				client.Close()
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if bytes.Contains(buf[:n], []byte("COMMIT\x00")) && c.cuts.Add(-1) >= 0 {
			silent.Store(true)
		}
		if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
			if err == nil || errors.Is(err, io.EOF) {
				server.Close()
			}
			return
		}
	}
}

// The answer to COMMIT gets lost. The store finds out that the transaction was
// done, and tells what it changed as if nothing had happened.
func TestAnswerLost(t *testing.T) {
	server := pgtest.New(t, nil)
	c := cut(t, server)
	s := open(t, c.url(server), &postgres.Options{Job: newJob(), Partitions: 1})
	ls := acquire(t, s, 0, long)
	a, b := entry("a.example", 1), entry("b.example", 1)

	c.cuts.Store(1)
	if n, err := s.Add(bg, []store.Entry{a}, nil); n != 1 || err != nil {
		t.Errorf("Add = %d, %v", n, err)
	}
	o := done(s, a, b)
	c.cuts.Store(1)
	r, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{o}})
	if err != nil || r.NewPages != 1 || o.Items[0].Seq == 0 {
		t.Errorf("Commit = %+v, %v; the item has Seq %d", r, err, o.Items[0].Seq)
	}
	if c.cuts.Load() > 0 {
		t.Error("no connection was cut")
	}
	if st := stats(t, s); st.Pages != (store.Counts{Waiting: 1, Done: 1}) || st.Items != 1 {
		t.Errorf("Stats() = %+v", st)
	}

	// A context that ends meanwhile changes nothing about that.
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	s2 := open(t, c.url(server), postgres.WithHook(postgres.Options{Job: s.Job()}, func(st postgres.Step) { cancel() }))
	c.cuts.Store(1)
	if n, err := s2.Add(ctx, []store.Entry{entry("c.example", 1)}, nil); n != 1 || err != nil {
		t.Errorf("Add = %d, %v when its context ends during COMMIT", n, err)
	}
}
