package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

var (
	bg = context.Background()

	shared pgtest.Common
	jobs   atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// server returns the address of a database on the server that tests share.
func server(t testing.TB) string {
	t.Helper()
	return shared.Server(t).URL("postgres")
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

// Several jobs are apart in one database, whatever their names.
func TestJobs(t *testing.T) {
	url := pgtest.New(t, nil).URL("postgres")
	names := []string{`"a" \ %s;--`, "B", "b", "豆瓣 top 250"}
	for i, name := range names {
		s := open(t, url, &postgres.Options{Job: name})
		add(t, s, entry("a.example", 1))
		if err := s.Set(bg, "n", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := postgres.Jobs(bg, url)
	if err != nil || !slices.Equal(got, names) {
		t.Errorf("Jobs() = %q, %v; want %q", got, err, names)
	}
	for i, name := range names {
		s := open(t, url, &postgres.Options{Job: name, Existing: true})
		if n, err := s.Get(bg, "n"); err != nil || n != fmt.Sprint(i) {
			t.Errorf("Get = %q, %v in job %s, want %d", n, err, name, i)
		}
		if st := stats(t, s); st.Pages.Waiting != 1 {
			t.Errorf("Stats() = %+v in job %s, want one page", st, name)
		}
	}
	if _, err := postgres.Open(bg, url, &postgres.Options{Job: "other", Existing: true}); !errors.Is(err, postgres.ErrNoJob) {
		t.Errorf("Open of a job that is not there = %v, want ErrNoJob", err)
	}
	if _, err := postgres.Open(bg, url, &postgres.Options{Job: strings.Repeat("x", 58)}); err == nil {
		t.Error("Open takes a name that no schema can have")
	}
}

// What goes wrong is said with a kind, and without the password.
func TestOpenFails(t *testing.T) {
	s := pgtest.New(t, nil)
	if err := s.CreateDatabase("latin", "-T", "template0", "-E", "LATIN1"); err != nil {
		t.Fatal(err)
	}
	base := strings.Replace(s.URL("postgres"), "trawl@", "trawl:hunter2@", 1)
	for _, tt := range []struct {
		url  string
		kind error
		says string
	}{
		{strings.Replace(base, "/postgres?", "/nowhere?", 1), nil, "createdb -E UTF8"},
		{strings.Replace(base, "/postgres?", "/latin?", 1), nil, "encoding LATIN1"},
		{strings.Replace(base, "trawl:", "nobody:", 1), fs.ErrPermission, "nobody"},
		{"postgres://me:hunter2@127.0.0.1:1/x", store.ErrIO, "127.0.0.1"},
		{"postgres://me:hunter2@h:what/x", postgres.ErrAddress, "invalid port"},
	} {
		_, err := postgres.Open(bg, tt.url, nil)
		switch {
		case err == nil:
			t.Errorf("Open(%s) succeeds", tt.url)
		case tt.kind != nil && !errors.Is(err, tt.kind):
			t.Errorf("Open(%s) = %v, want %v", tt.url, err, tt.kind)
		case !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("Open(%s) = %v; want %q in it, and no password", tt.url, err, tt.says)
		}
	}
}
