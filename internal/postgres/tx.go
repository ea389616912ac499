package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trawl-go/trawl/internal/store"
)

// A mode is what a transaction is for.
type mode int

const (
	reading mode = iota // one state of the job, nothing changed
	writing             // on the server's disk when it has ended
	lazily              // written, and lost if the server crashes soon
	slowly              // written, and may take an hour
)

// Bounds of a transaction, so that nothing of a process that hangs or is cut
// off stays locked. callTime is the client's own, for when the server is cut
// off: longer than any of the server's.
const (
	lockTime      = 15 * time.Second
	statementTime = time.Minute
	idleTime      = 10 * time.Second
	txTime        = 5 * time.Minute
	callTime      = 6 * time.Minute
	commitTime    = 30 * time.Second
	slowTime      = time.Hour
)

// mostConflicts bounds the attempts at a transaction that others stand in the
// way of.
const mostConflicts = 20

// tx is a transaction under way. It gathers statements, which go to the server
// together, and what the transaction adds to counters.
//
// Locks are taken in one order everywhere, so that transactions wait for each
// other and never in a circle: partitions; requests that end; requests that
// are added; failures; files by content; hosts; counters; the lock of the
// items. Within each, rows come in the order of their keys.
type tx struct {
	ctx   context.Context
	s     *Store
	c     *pgxpool.Conn
	batch *pgx.Batch
	bad   error // what a callback of the batch returned
	mark  mark

	hosts  map[store.HostID]*hostDelta
	totals [columns]int64
}

// A mark is left in the counters by a transaction, to tell whether it was
// committed when the answer is lost.
type mark struct {
	slot  int32
	token int64 // 0 if there is none
}

// write calls f in a transaction, again if it fails for the time being, so
// that f must begin anew each time. f gathers statements with queue, and has
// them executed with flush.
func (s *Store) write(ctx context.Context, op string, m mode, f func(*tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	var (
		unsure    mark
		conflicts int
		retried   bool
		began     = time.Now()
		pause     = 10 * time.Millisecond
	)
	for {
		left, err := s.attempt(ctx, m, unsure, f)
		if left.token != 0 {
			unsure = left
		}
		switch {
		case err == nil:
			if retried && s.opts.Retrying != nil {
				s.opts.Retrying(op, nil, false)
			}
			return nil
		case errors.Is(err, errUndone):
			return ctx.Err()
		}
		if ctx.Err() != nil && unsure.token == 0 {
			return ctx.Err()
		}
		waiting := ctx
		if unsure.token != 0 {
			waiting = context.WithoutCancel(ctx) // it must be known
		}
		retry, conflict := temporary(err)
		if conflict {
			conflicts++
		}
		if !retry || conflicts > mostConflicts || !conflict && time.Since(began) > s.opts.Patience {
			return s.fail(op, err)
		}
		if retried = true; s.opts.Retrying != nil {
			s.opts.Retrying(op, err, conflict)
		}
		// Half of the pause is random, so that those who stood in each
		// other's way do not meet again.
		if err := s.wait(waiting, pause/2+rand.N(pause/2)); err != nil {
			return err
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// read calls f in a transaction that sees one state of the job; see write.
func (s *Store) read(ctx context.Context, op string, f func(*tx) error) error {
	return s.write(ctx, op, reading, f)
}

// wait waits unless ctx ends or the store is closed.
func (s *Store) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing.Done():
		return store.ErrClosed
	}
}

// attempt calls f in one transaction, which is undone if anything fails. If
// unsure has a token and that transaction turns out to be committed, nothing
// is left to do. It returns a mark if it cannot tell whether this one is.
func (s *Store) attempt(ctx context.Context, m mode, unsure mark, f func(*tx) error) (_ mark, err error) {
	asked := ctx
	if unsure.token != 0 {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, pick(m == slowly, slowTime, callTime))
	defer cancel()
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return mark{}, serverError{err: err, lost: true}
	}
	t := &tx{ctx: ctx, s: s, c: c, batch: &pgx.Batch{}, hosts: map[store.HostID]*hostDelta{}, mark: mark{slot: s.slot}}
	finished := false
	defer func() {
		if !finished { // f failed or panicked
			t.rollback()
		}
		c.Release() // closes a connection that is still in a transaction
	}()
	t.begin(m)
	t.look()
	if unsure.token != 0 {
		committed := false
		t.first("SELECT true FROM total WHERE slot = $1 AND token = $2", []any{unsure.slot, unsure.token}, &committed)
		if err := t.flush(); err != nil || committed {
			return mark{}, err
		}
		if asked.Err() != nil {
			return mark{}, errUndone
		}
	}
	if err := f(t); err != nil {
		return mark{}, err
	}
	if m == reading {
		t.queue("COMMIT")
		err := t.flush()
		finished = err == nil
		return mark{}, err
	}
	t.count()
	if err := t.flush(); err != nil {
		return mark{}, err
	}
	s.at(stepChanged)
	// From here on ctx has no say: a commit that was interrupted might be
	// done all the same.
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancelLast()
	t.ctx = last
	t.queue("COMMIT")
	if err := t.flush(); err != nil {
		return t.mark, err
	}
	finished = true
	s.at(stepCommitted)
	return mark{}, nil
}

// errUndone says that a transaction of unknown fate turned out not to be
// committed, and that its context has ended meanwhile.
var errUndone = errors.New("not committed")

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}

// begin begins the transaction, with settings that end with it.
func (t *tx) begin(m mode) {
	if m == reading {
		t.queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	} else {
		t.queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
	}
	set := settings(t.c.Conn().PgConn().ParameterStatus("server_version"), m)
	set["search_path"] = pgx.Identifier{t.s.schema()}.Sanitize()
	var calls []string
	var args []any
	for name, value := range set {
		n := len(args)
		calls = append(calls, "set_config($"+strconv.Itoa(n+1)+", $"+strconv.Itoa(n+2)+", true)")
		args = append(args, name, value)
	}
	switch m {
	case lazily:
		calls = append(calls, "set_config('synchronous_commit', 'off', true)")
	case writing, slowly:
		// Whatever stronger the operator has chosen stays.
		calls = append(calls, "CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END")
	}
	t.queue("SELECT "+strings.Join(calls, ", "), args...)
}

// settings returns those of a transaction on a server of some version, like
// "15.8 (Debian 15.8-0+deb12u1)" or "18beta1".
func settings(version string, m mode) map[string]string {
	set := map[string]string{
		"lock_timeout":                        millis(lockTime),
		"idle_in_transaction_session_timeout": millis(idleTime),
		"statement_timeout":                   millis(pick(m == slowly, slowTime, statementTime)),

		// Every statement finds its rows by an index. What the server knows
		// of a table that has just begun to grow must not talk it into
		// reading all of it.
		"enable_seqscan": "off",
		"jit":            "off",
	}
	if major, _ := strconv.Atoi(leadingDigits(version)); major >= 17 {
		set["transaction_timeout"] = millis(pick(m == slowly, slowTime, txTime))
	}
	return set
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}

// queue adds a statement to those that the next flush executes.
func (t *tx) queue(sql string, args ...any) *pgx.QueuedQuery { return t.batch.Queue(sql, args...) }

// query queues a statement and has each called for every row of its result, by
// the flush that executes it.
func (t *tx) query(sql string, args []any, each func(scan func(dest ...any) error) error) {
	t.queue(sql, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if t.bad = each(rows.Scan); t.bad != nil {
				return t.bad
			}
		}
		return rows.Err()
	})
}

// first queues a statement and has the first row of its result stored in dest,
// which stay as they are if there is none.
func (t *tx) first(sql string, args []any, dest ...any) {
	done := false
	t.query(sql, args, func(scan func(...any) error) error {
		if done {
			return nil
		}
		done = true
		return scan(dest...)
	})
}

// flush executes what was queued, in one exchange with the server.
func (t *tx) flush() error {
	b := t.batch
	t.batch = &pgx.Batch{}
	if b.Len() == 0 {
		return nil
	}
	err := t.c.SendBatch(t.ctx, b).Close()
	switch {
	case t.bad != nil:
		return t.bad
	case err != nil:
		return serverError{err: err, lost: t.c.Conn().IsClosed()}
	}
	return nil
}

// rollback undoes the transaction. If it cannot, the server does when the
// connection is closed.
func (t *tx) rollback() {
	if t.c.Conn().IsClosed() || t.c.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 5*time.Second)
	defer cancel()
	_, _ = t.c.Exec(ctx, "ROLLBACK")
}
