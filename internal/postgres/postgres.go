// Package postgres keeps jobs in a PostgreSQL database, for many processes on
// many machines at a time: the driver of package store for where one machine
// is too small.
//
// Start with [Open]. A job has a schema of its own in the database, which Open
// creates and brings up to date. Its hosts are divided into partitions; a
// process works on those that it has acquired, for as long as its leases last,
// and every commit is checked against them. [Jobs] lists the jobs of a
// database.
//
// Nothing outlasts a transaction on a connection, neither settings nor
// prepared statements nor locks, so a connection pooler in transaction mode
// may stand in between. The address is libpq's, with its environment, its
// password file and its ways of using TLS.
//
// What fails for the time being, such as a server that restarts, is tried
// again for as long as Options.Patience says. A Store is safe for concurrent
// use.
package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trawl-go/trawl/internal/store"
)

// Options for Open. The zero value of a field means its default.
type Options struct {
	// Job is the name of the job in the database; "" means "trawl".
	Job string

	// Partitions is the number of shares that a new job has its hosts divided
	// into: the most processes that can work on it. A job keeps its number.
	// Zero means 64.
	Partitions int

	// Existing opens only a job that exists; Open fails with [ErrNoJob]
	// otherwise.
	Existing bool

	// Conns bounds the connections to the server; zero means 8.
	Conns int

	// Patience is how long a call goes on trying while the server cannot be
	// reached; zero means 2 minutes, negative not at all. Open does not wait.
	Patience time.Duration

	// Retrying, if not nil, is told what failed for now and will be tried again:
	// as other processes stood in the way if conflict is true, else because the
	// server could not be reached. Once it has been done after all, err is nil.
	// It may be called from several goroutines at once.
	Retrying func(op string, err error, conflict bool)

	// Foreign, if not nil, reports whether the requests of a host are kept in
	// another database. Those that a Commit adds go to the outbox then, and
	// none is counted as new; see Outbox.
	Foreign func(store.HostID) bool

	hook  func(step)       // called at the steps of each change, for tests
	clock func() time.Time // time.Now, but in tests
}

// A step of a change, at which a test may interfere.
type step int

const (
	stepChanged   step = iota // all changes made, COMMIT not yet sent
	stepCommitted             // COMMIT was answered
)

// Errors that a caller can test for, beside those of package store.
var (
	// ErrNoJob is returned by Open for a job that does not exist.
	ErrNoJob = errors.New("no such job in the database")

	// ErrAddress is returned by Open and Jobs for an address that makes no
	// sense.
	ErrAddress = errors.New("the address of the database")
)

// The prefix of the schemas of jobs, and the longest name that fits in an
// identifier after it, in bytes.
const (
	schemaPrefix = "trawl_"
	maxName      = 63 - len(schemaPrefix)
)

// A Store is a job in a database.
type Store struct {
	job   string
	opts  Options
	pool  *pgxpool.Pool
	parts int32 // the number of partitions
	clock clock

	// id tells this Store from all others, as an owner of partitions. slot is
	// the row of counters for what it adds without a lease.
	id     string
	slot   int32
	stands atomic.Bool // it is among the workers

	closing    context.Context // ends with the first Close
	beginClose context.CancelFunc

	mu     sync.Mutex
	calls  sync.WaitGroup  // calls under way; added to with mu held
	leases map[int32]int64 // the epochs of partitions acquired, to give back at the end; guarded by mu

	closeOnce sync.Once
	closeErr  error
}

var _ store.Shared = (*Store)(nil)

// Open opens a job, which it creates if need be.
//
// It returns [ErrAddress] for an address that makes no sense, [ErrNoJob] if the job is not there and Options.Existing is set,
// an error that is [fs.ErrPermission] if the server refuses the user, and
// [store.ErrIO] if it cannot be reached. No error shows a password.
func Open(ctx context.Context, url string, opt *Options) (*Store, error) {
	o := *cmp.Or(opt, &Options{})
	o.Job = cmp.Or(o.Job, "trawl")
	o.Partitions = cmp.Or(o.Partitions, 64)
	o.Conns = cmp.Or(o.Conns, 8)
	o.Patience = cmp.Or(o.Patience, 2*time.Minute)
	if len(o.Job) > maxName || strings.ContainsRune(o.Job, 0) {
		return nil, fmt.Errorf("postgres: the name of a job has at most %d bytes: %q", maxName, o.Job)
	}
	if o.Partitions < 1 || o.Partitions > 1<<16 {
		return nil, fmt.Errorf("postgres: %d partitions: must be 1 to %d", o.Partitions, 1<<16)
	}
	pool, err := connect(ctx, url, o.Conns)
	if err != nil {
		return nil, err
	}
	s := &Store{job: o.Job, opts: o, pool: pool, leases: map[int32]int64{}}
	if s.clock.now = o.clock; s.clock.now == nil {
		s.clock.now = time.Now
	}
	s.closing, s.beginClose = context.WithCancel(context.Background())
	var id [8]byte
	rand.Read(id[:])
	s.id = fmt.Sprintf("%x", id)
	s.slot = -1 - int32(binary.LittleEndian.Uint64(id[:])%slots)
	if err := s.migrate(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// slots is how many rows of counters there are beside those of the
// partitions, so that processes that add requests seldom wait for each other.
const slots = 8

// connect makes a pool of connections, and opens one of them.
func connect(ctx context.Context, url string, conns int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err) // it hides passwords
	}
	c := cfg.ConnConfig
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements
	c.StatementCacheCapacity, c.DescriptionCacheCapacity = 0, 0
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 10*time.Second)
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "trawl"
	}
	cfg.MaxConns = int32(conns)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fail("", "connect", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fail("", "connect", err)
	}
	return pool, nil
}

// Jobs returns the names of the jobs in a database, sorted.
func Jobs(ctx context.Context, url string) ([]string, error) {
	pool, err := connect(ctx, url, 1)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	rows, err := pool.Query(ctx, `SELECT substr(n.nspname, $2) FROM pg_namespace AS n
		WHERE starts_with(n.nspname, $1) AND EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'trawl_job')
		ORDER BY n.nspname`, schemaPrefix, len(schemaPrefix)+1)
	if err != nil {
		return nil, fail("", "list the jobs", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fail("", "list the jobs", err)
	}
	return names, nil
}

// Job returns the name of the job.
func (s *Store) Job() string { return s.job }

// Partitions returns how many partitions the hosts are divided into.
func (s *Store) Partitions() int { return int(s.parts) }

// Part implements [store.Shared].
func (s *Store) Part(id store.HostID) int32 { return int32(uint64(id) % uint64(s.parts)) }

// enter notes the beginning of a call, unless that has no business any more.
// The caller must call leave.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		return store.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

func (s *Store) leave() { s.calls.Done() }

// Close implements [store.Store]. It waits for calls under way and gives the
// partitions back: nothing of theirs may be in flight.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.beginClose()
		s.mu.Unlock()
		s.calls.Wait()
		s.closeErr = s.giveBack()
		s.pool.Close()
	})
	return s.closeErr
}

// giveBack releases what is still held, so that nobody has to wait for the
// leases to end. If the server is away they end by themselves.
func (s *Store) giveBack() error {
	if len(s.leases) == 0 && !s.stands.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var ls []store.Lease
	for part, epoch := range s.leases {
		ls = append(ls, store.Lease{Part: part, Epoch: epoch})
	}
	_, err := s.attempt(ctx, writing, mark{}, func(t *tx) error {
		t.queue("DELETE FROM address WHERE worker = $1", s.id)
		t.queue("DELETE FROM worker WHERE id = $1", s.id)
		return t.release(ls)
	})
	if retry, _ := temporary(err); retry {
		return nil
	}
	return s.fail("close", err)
}

func (s *Store) at(st step) {
	if s.opts.hook != nil {
		s.opts.hook(st)
	}
}
