// Package sqlite keeps a job in one SQLite file, DIR/.trawl/job.db, without
// anything to set up: the default driver of package store.
//
// Start with [Open]. A [Store] owns its directory, by a lock on
// DIR/.trawl/lock, until it is closed or its process dies; only readers may
// look on. The file is an ordinary database in WAL mode, which the sqlite3
// program can read at any time; its views (requests, items, files, failures)
// are meant for that.
//
// Every change is one transaction on one connection, the writer, and is on
// the disk when its method returns. Group outcomes before you commit them: a
// transaction costs the disk one sync, however much it holds. What commits do
// to requests is appended to a table of changes and moved to its place later,
// many changes of a host together; see [backlog]. Reads go over
// a few connections of their own and neither wait for the writer nor hold it
// up.
//
// A Store is safe for concurrent use. It starts no goroutines.
package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"

	"github.com/trawl-go/trawl/internal/store"
)

// Options for Open. The zero value is the default.
type Options struct {
	// ReadOnly opens a job that exists, for reading. It takes no lock, and
	// works while another process writes.
	ReadOnly bool

	// NoSync leaves it to the operating system when to write to the disk. A
	// job survives the death of the process, but a power cut can damage it.
	NoSync bool

	hook     func(step) // called at the steps of each transaction, for tests
	backlog  int        // requests that the backlog may hold, for tests; 0 means the constant of that name
	maxPages int        // bounds the database, in pages of 4 KiB, for tests; 0 means no bound
}

// A step of a transaction, at which a test may want to die.
type step int

const (
	stepBegun     step = iota // the transaction has begun
	stepChanged               // all changes made, COMMIT not yet called
	stepCommitted             // COMMIT has returned
)

const (
	// readers bounds the connections that read at the same time. Each has
	// its own cache of 8 MiB, so it takes few.
	readers = 4

	// maxBacklog is the weight of the requests with changes that are not folded.
	// They take some 10 MiB of memory, up to twice as many rows that are read
	// when the job is opened, and a transaction folds an eighth of them.
	maxBacklog = 32 << 10

	// busyTimeout, in milliseconds, is how long to wait for a foreign
	// program, such as sqlite3 in the hands of a user, to end a transaction.
	busyTimeout = 10_000
)

// A Store is a job in a directory.
type Store struct {
	dir  string
	opts Options
	lock *dirLock // nil if read-only

	// The connections that are not in use. An entry is nil until it is first
	// needed. writer is nil if read-only.
	writer, readers chan *conn

	backlog *backlog // nil if read-only

	// epoch is that of the lease given out, 0 if there is none. It changes
	// only while the writer is held.
	epoch atomic.Int64

	closing  chan struct{} // closed by the first Close
	closeMu  sync.Mutex    // held for all of Close, so that the second waits for the first
	isClosed bool          // guarded by closeMu
}

var _ store.Store = (*Store)(nil)

// Open opens the job in a directory, which it creates if need be, and locks
// the directory. opts may be nil.
//
// It returns a [*LockedError] if another process has the job open, an error
// that is [fs.ErrPermission] if the directory cannot be written,
// [store.ErrCorrupt] if the file is no database, and with Options.ReadOnly
// [fs.ErrNotExist] if there is no job.
func Open(ctx context.Context, dir string, opts *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: *cmp.Or(opts, &Options{}), closing: make(chan struct{})}
	s.readers = make(chan *conn, readers)
	for range readers {
		s.readers <- nil
	}
	if s.opts.ReadOnly {
		return s, s.openReader(ctx)
	}

	if err := makeDir(filepath.Join(dir, store.Dir)); err != nil {
		return nil, fmt.Errorf("job directory: %w", err)
	}
	var err error
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	c, err := s.openWriter(ctx)
	if err != nil {
		s.lock.release()
		return nil, s.fail("open", err)
	}
	s.backlog = newBacklog(cmp.Or(s.opts.backlog, maxBacklog))
	if err := s.backlog.load(ctx, c); err != nil {
		s.lock.release()
		return nil, s.fail("open", errors.Join(err, c.close()))
	}
	s.writer = make(chan *conn, 1)
	s.writer <- c
	return s, nil
}

// makeDir creates a directory and the ones above it, durably.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, d := range []string{filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))} {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// path is that of the database.
func (s *Store) path() string { return filepath.Join(s.dir, store.Dir, "job.db") }

func (s *Store) openWriter(ctx context.Context) (_ *conn, err error) {
	// fdatasync, where there is one, saves half the time of a commit, as
	// only the times of the file go unsynced. It is SQLite's own choice on
	// most systems. The switch is the process's, and may be set repeatedly.
	sqlite.Fdatasync(true)

	c, err := openConn(s.path(), "mode=rwc")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	pragmas := []string{
		fmt.Sprintf("busy_timeout=%d", busyTimeout),
		"journal_mode=WAL",
		"wal_autocheckpoint=32000", // pages: 128 MiB; a tenth of the bytes written with the usual 4 MiB
		"temp_store=MEMORY",
	}
	if s.opts.maxPages > 0 {
		pragmas = append(pragmas, fmt.Sprintf("max_page_count=%d", s.opts.maxPages))
	}
	for _, p := range pragmas {
		if err := c.run(ctx, "PRAGMA "+p); err != nil {
			return nil, err
		}
	}
	if err := c.run(ctx, smallCache); err != nil {
		return nil, err
	}
	if err := c.setSync(s.syncLevel(true)); err != nil {
		return nil, err
	}
	if err := migrate(ctx, c); err != nil {
		return nil, err
	}
	r, err := c.first(ctx, "SELECT pages_waiting + pages_done + pages_failed + files_waiting + files_done + files_failed FROM total")
	if err != nil || r == nil {
		return nil, cmp.Or(err, errors.New("the table total is empty"))
	}
	return c, c.grow(r.int(0))
}

// syncLevel returns SQLite's word for when a commit is to reach the disk.
func (s *Store) syncLevel(durable bool) string {
	switch {
	case s.opts.NoSync:
		return "OFF"
	case durable:
		return "FULL"
	}
	// The commit goes to the operating system and is synced with the next
	// one, which follows it in the log. Unlike OFF it keeps the syncs of a
	// checkpoint, without which a power cut could damage the file.
	return "NORMAL"
}

// openReader opens the first connection of a read-only store.
func (s *Store) openReader(ctx context.Context) error {
	if _, err := os.Stat(s.path()); err != nil {
		return fmt.Errorf("no job in %s: %w", s.dir, err)
	}
	c, err := s.newReader(ctx)
	if err != nil {
		return s.fail("open", err)
	}
	if err := checkVersion(ctx, c); err != nil {
		c.close()
		return s.fail("open", err)
	}
	<-s.readers
	s.readers <- c
	return nil
}

func (s *Store) newReader(ctx context.Context) (*conn, error) {
	c, err := openReadOnly(ctx, s.path(), "mode=ro")
	var e *sqlite.Error
	if errors.As(err, &e) && (primary(e) == codeCantOpen || primary(e) == codeReadOnly) {
		// In a directory that cannot be written SQLite refuses to read a
		// database whose log is gone. No log means that no process has it
		// open and that nothing is missing from it.
		if _, statErr := os.Stat(s.path() + "-wal"); errors.Is(statErr, fs.ErrNotExist) {
			c, err = openReadOnly(ctx, s.path(), "mode=ro&immutable=1")
		}
	}
	return c, err
}

func openReadOnly(ctx context.Context, path, query string) (*conn, error) {
	c, err := openConn(path, query)
	if err != nil {
		return nil, err
	}
	for _, q := range []string{
		fmt.Sprintf("PRAGMA busy_timeout=%d", busyTimeout),
		"PRAGMA cache_size=-8192", // 8 MiB
		"PRAGMA temp_store=MEMORY",
		"SELECT count(*) FROM sqlite_schema", // the file is opened in earnest by the first read
	} {
		if err := c.run(ctx, q); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// Close implements [store.Store]. It waits for calls under way, moves what is
// in the log into the database, and gives up the directory.
func (s *Store) Close() error {
	s.closeMu.Lock()
	defer s.closeMu.Unlock()
	if s.isClosed {
		return nil
	}
	s.isClosed = true
	close(s.closing)
	var errs []error
	for range readers {
		if c := <-s.readers; c != nil {
			errs = append(errs, c.close())
		}
	}
	if s.writer != nil {
		c := <-s.writer
		// Passive: does not wait for foreign readers. A log that stays
		// behind is read by the next Open.
		errs = append(errs, c.run(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)"), c.close())
		errs = append(errs, s.lock.release())
	}
	return s.fail("close", errors.Join(errs...))
}

// take waits for a connection from ch.
func (s *Store) take(ctx context.Context, ch chan *conn) (*conn, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	select {
	case <-s.closing:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case c := <-ch:
		return c, nil
	}
}

// read calls f with a connection that sees one state of the store: that of
// the first statement.
func (s *Store) read(ctx context.Context, op string, f func(*conn) error) error {
	c, err := s.take(ctx, s.readers)
	if err != nil {
		return err
	}
	defer func() { s.readers <- c }()
	if c == nil {
		if c, err = s.newReader(ctx); err != nil {
			return s.fail(op, err)
		}
	}
	if _, err := c.exec(context.Background(), "BEGIN"); err != nil {
		return s.fail(op, err)
	}
	defer c.exec(context.Background(), "COMMIT")
	return s.fail(op, f(c))
}

// usable reports why a call has no business.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closing:
		return store.ErrClosed
	default:
		return nil
	}
}

// exclusively calls f with the writer, which no other call has meanwhile.
func (s *Store) exclusively(ctx context.Context, op string, f func(*conn) error) error {
	if s.writer == nil {
		return cmp.Or(s.usable(ctx), store.ErrReadOnly)
	}
	c, err := s.take(ctx, s.writer)
	if err != nil {
		return err
	}
	defer func() { s.writer <- c }()
	return s.fail(op, f(c))
}

// write calls f in a transaction of its own; see transact.
func (s *Store) write(ctx context.Context, op string, durable bool, f func(*tx) error) error {
	return s.exclusively(ctx, op, func(c *conn) error { return s.transact(ctx, c, durable, f) })
}

// transact calls f in a transaction, which is undone if f fails. If durable,
// it is on the disk when transact returns; else from the next durable one on.
func (s *Store) transact(ctx context.Context, c *conn, durable bool, f func(*tx) error) error {
	if err := c.setSync(s.syncLevel(durable)); err != nil {
		return err
	}
	committed := false
	defer func() {
		// f failed or panicked, or COMMIT did, or BEGIN: that gives the
		// context's error also where it was done when the context ended.
		if !committed {
			c.exec(context.Background(), "ROLLBACK")
		}
	}()
	if _, err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	s.at(stepBegun)
	t := newTx(ctx, c, s.backlog)
	if err := f(t); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	s.at(stepChanged)
	// From here on ctx has no say: a commit that was interrupted might be
	// done all the same.
	if err := s.commit(c, t); err != nil {
		return err
	}
	committed = true
	s.at(stepCommitted)
	return nil
}

// commit ends a transaction and brings the backlog in memory up to date. Where
// hosts were folded no reader may see the one without the other.
func (s *Store) commit(c *conn, t *tx) error {
	if len(t.folded) > 0 {
		s.backlog.mu.Lock()
		defer s.backlog.mu.Unlock()
	}
	if _, err := c.exec(context.Background(), "COMMIT"); err != nil {
		return err
	}
	if len(t.folded) == 0 {
		s.backlog.mu.Lock()
		defer s.backlog.mu.Unlock()
	}
	t.publish()
	return nil
}

func (s *Store) at(st step) {
	if s.opts.hook != nil {
		s.opts.hook(st)
	}
}
