package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// conn is a connection with the statements prepared on it. It is not safe for
// concurrent use.
//
// It speaks to the driver directly. Package database/sql would add a third to
// the cost of the small statements that this package consists of, and its
// pool does not fit one writer and a few readers.
type conn struct {
	driver driverConn
	stmts  map[string]driver.Stmt
	args   []driver.NamedValue
	sync   string // the value of PRAGMA synchronous

	requests int64 // of the job, about; what the cache is sized by
	roomy    bool  // it has the large one
}

const (
	// A cache pays where requests are looked for, which lie in no order.
	// What else there is goes to the end of its table, and a cache larger
	// than the requests fills with that.
	smallCache = "PRAGMA cache_size=-16384" // 16 MiB
	largeCache = "PRAGMA cache_size=-65536" // 64 MiB

	// manyRequests is how many requests and their index the small cache
	// holds, with room to spare.
	manyRequests = 50_000
)

// grow notes that there are n requests more, and gives them a larger cache when
// they need it.
func (c *conn) grow(n int64) error {
	c.requests += n
	if c.roomy || c.requests < manyRequests {
		return nil
	}
	c.roomy = true
	return c.run(context.Background(), largeCache)
}

type driverConn interface {
	driver.Conn
	driver.ExecerContext
	driver.ConnPrepareContext
}

// openConn opens a database. The query is SQLite's, such as "mode=ro".
func openConn(path, query string) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/dir
	}
	u := url.URL{Scheme: "file", Path: p, RawQuery: query + "&_error_rc=1&_dqs=0"}
	c, err := new(sqlite.Driver).Open(u.String())
	if err != nil {
		return nil, err
	}
	dc, ok := c.(driverConn)
	if !ok {
		// Unreachable: every version of the driver since 2020 is one.
		c.Close()
		return nil, errors.New("the SQLite driver lacks contexts")
	}
	return &conn{driver: dc, stmts: map[string]driver.Stmt{}}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, st := range c.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.driver.Close())...)
}

// setSync sets PRAGMA synchronous, outside of transactions.
func (c *conn) setSync(level string) error {
	if c.sync == level {
		return nil
	}
	if err := c.run(context.Background(), "PRAGMA synchronous="+level); err != nil {
		return err
	}
	c.sync = level
	return nil
}

// run executes statements that are not worth keeping prepared.
func (c *conn) run(ctx context.Context, script string) error {
	_, err := c.driver.ExecContext(ctx, script, nil)
	return err
}

// exec executes a statement and returns the number of rows changed.
//
// A context that can end costs a goroutine in the driver: inside of
// transactions, where statements are short, pass one that cannot.
func (c *conn) exec(ctx context.Context, q string, args ...any) (int64, error) {
	res, err := c.execute(ctx, q, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insert is exec for a statement that inserts one row, and returns the row's
// ID. A RETURNING would cost SQLite a table to keep the result in.
func (c *conn) insert(ctx context.Context, q string, args ...any) (int64, error) {
	res, err := c.execute(ctx, q, args)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func (c *conn) execute(ctx context.Context, q string, args []any) (driver.Result, error) {
	st, err := c.prepare(ctx, q)
	if err != nil {
		return nil, err
	}
	return st.(driver.StmtExecContext).ExecContext(ctx, c.bind(args))
}

// query calls each for every row of the result. The row is valid until each
// returns.
func (c *conn) query(ctx context.Context, each func(row) error, q string, args ...any) (err error) {
	st, err := c.prepare(ctx, q)
	if err != nil {
		return err
	}
	rows, err := st.(driver.StmtQueryContext).QueryContext(ctx, c.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	r := make(row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// first returns the first row of a result; nil if there is none.
func (c *conn) first(ctx context.Context, q string, args ...any) (r row, err error) {
	err = c.query(ctx, func(x row) error {
		r = x
		return nil
	}, q, args...)
	return r, err
}

func (c *conn) prepare(ctx context.Context, q string) (driver.Stmt, error) {
	if st := c.stmts[q]; st != nil {
		return st, nil
	}
	st, err := c.driver.PrepareContext(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, q)
	}
	c.stmts[q] = st
	return st, nil
}

// bind converts arguments into the few types that SQLite has. Empty strings
// and zeros are values like others; for NULL pass nil.
func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		var v driver.Value
		switch a := a.(type) {
		case int:
			v = int64(a)
		case bool:
			v = int64(0)
			if a {
				v = int64(1)
			}
		case store.HostID:
			v = int64(a)
		case trawl.Kind:
			v = int64(a)
		case store.State:
			v = int64(a)
		case trawl.Key:
			v = a[:]
		default:
			v = a // int64, string, []byte, nil
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}

// row is one row of a result. A value of another type than asked for, which
// only a foreign hand can have put there, counts as zero.
type row []driver.Value

func (r row) int(i int) int64 {
	n, _ := r[i].(int64)
	return n
}

func (r row) text(i int) string {
	switch v := r[i].(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

func (r row) blob(i int) []byte {
	switch v := r[i].(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	return nil
}

func (r row) key(i int) (k trawl.Key) {
	copy(k[:], r.blob(i))
	return k
}
