package pgtest

import (
	"os"
	"sync"
	"testing"
)

// Need skips the test if there is no PostgreSQL to run, and fails it with
// CI=true.
func Need(t testing.TB) {
	t.Helper()
	err := Available()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// New is Need and Start for a test, which may kill the server. It is closed
// at the end of the test.
func New(t testing.TB, opt *Options) *Server {
	t.Helper()
	Need(t)
	s, err := Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return s
}

// A Common is a server for all tests of a package that leave it running. The
// zero value is ready for use.
type Common struct {
	// Databases are made when the server starts, beside "postgres".
	Databases []string

	once   sync.Once
	server *Server
	err    error
}

// Server is Need, and returns the server. The first call starts it. It is safe
// for concurrent use, as are those methods of the server that only name things.
func (c *Common) Server(t testing.TB) *Server {
	t.Helper()
	Need(t)
	c.once.Do(c.start)
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.server
}

func (c *Common) start() {
	if c.server, c.err = Start(nil); c.err != nil {
		return
	}
	for _, name := range c.Databases {
		if c.err = c.server.CreateDatabase(name); c.err != nil {
			return
		}
	}
}

// Close closes the server, if a test has started it. Call it from TestMain.
func (c *Common) Close() error {
	if c.server == nil {
		return nil
	}
	return c.server.Close()
}
