package postgres_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

var (
	bg = context.Background()

	// shared is the server of the tests that leave it running.
	shared struct {
		once sync.Once
		*pgtest.Server
		err error
	}
	jobs atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.Server != nil {
		if err := shared.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server returns the address of a database on the server that tests share.
func server(t testing.TB) string {
	t.Helper()
	pgtest.Need(t)
	shared.once.Do(func() { shared.Server, shared.err = pgtest.Start(nil) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.URL("postgres")
}

// newJob returns the name of a job that no other test has.
func newJob() string { return fmt.Sprintf("任务 %d", jobs.Add(1)) }

func open(t testing.TB, url string, opt *postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(bg, url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	url := server(t)
	storetest.Test(t, storetest.Driver{
		Open: func(t testing.TB) store.Store {
			return open(t, url, &postgres.Options{Job: newJob(), Partitions: 1})
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, url, &postgres.Options{Job: s.(*postgres.Store).Job(), Partitions: 1})
		},
	})
}
