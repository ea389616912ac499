package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

var bg = context.Background()

// someEntries returns n pages over some hosts, with URLs of 80 bytes.
func someEntries(n int) []store.Entry {
	es := make([]store.Entry, n)
	for i := range es {
		es[i] = entry(i, i/50%1000)
	}
	return es
}

func entry(i, host int) store.Entry {
	name := fmt.Sprintf("www.host%05d.example.com", host)
	u := fmt.Sprintf("https://%s/gallery/%039d", name, i)
	return store.Entry{
		Key: trawl.KeyOf(trawl.KindPage, u), Host: store.HostOf(name), HostName: name,
		Request: trawl.Request{URL: u, Spider: "gallery"},
	}
}

func waitingPages(t *testing.T, s store.Store) int64 {
	t.Helper()
	st, err := s.Stats(bg)
	if err != nil {
		t.Fatal(err)
	}
	return st.Pages.Waiting
}

func wantLocked(t *testing.T, dir string, pid int) {
	t.Helper()
	s, err := sqlite.Open(bg, dir, nil)
	var locked *sqlite.LockedError
	if !errors.As(err, &locked) {
		if err == nil {
			s.Close()
		}
		t.Fatalf("Open = %v, want a LockedError", err)
	}
	if want := (sqlite.LockedError{Dir: dir, PID: pid}); *locked != want {
		t.Errorf("LockedError = %v, want %v", *locked, want)
	}
	if want := "in use by process " + strconv.Itoa(pid); !strings.Contains(err.Error(), want) {
		t.Errorf("the message is %q, want %q in it", err, want)
	}
}

// TestReadOnlyWhileWriting reads in one process what another commits.
func TestReadOnlyWhileWriting(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, nil)
	r := open(t, dir, &sqlite.Options{ReadOnly: true})
	es := someEntries(50)
	for i := range es {
		if _, err := w.Add(bg, es[i:i+1], nil); err != nil {
			t.Fatal(err)
		}
		if n := waitingPages(t, r); n != int64(i+1) {
			t.Fatalf("the reader sees %d pages, want %d", n, i+1)
		}
	}
	// Closing the writer with a reader left must not lose the log.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := waitingPages(t, r); n != 50 {
		t.Errorf("the reader sees %d pages after the writer is gone, want 50", n)
	}
	if n := waitingPages(t, open(t, dir, nil)); n != 50 {
		t.Errorf("the next writer sees %d pages, want 50", n)
	}
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if s, err := sqlite.Open(bg, dir, &sqlite.Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open of no job = %v, %v; want fs.ErrNotExist", s, err)
	}
	if ds, err := os.ReadDir(dir); err != nil || len(ds) > 0 {
		t.Errorf("a reader has left %v (%v)", ds, err)
	}
	if err := open(t, dir, nil).Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, &sqlite.Options{ReadOnly: true})
	for name, err := range map[string]error{
		"Add":     second(s.Add(bg, someEntries(1), nil)),
		"Acquire": second(s.Acquire(bg, "w", 0, 0)),
		"Release": s.Release(bg, nil),
		"Reserve": second(s.Reserve(bg, nil, nil)),
		"Rename":  second(s.Rename(bg, store.Name{Path: "a"}, nil)),
		"Commit":  second(s.Commit(bg, store.Commit{})),
		"Retry":   second(s.Retry(bg, t0, nil)),
		"Redo":    second(s.Redo(bg, t0, nil)),
		"Set":     s.Set(bg, "v", "x"),
	} {
		if !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("%s = %v, want ErrReadOnly", name, err)
		}
	}
	if _, err := s.Hosts(bg, store.Lease{}, 0, 1); !errors.Is(err, store.ErrFenced) {
		t.Errorf("Hosts = %v, want ErrFenced", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Set(bg, "v", "x"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Set after Close = %v, want ErrClosed", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestReadOnlyDirectory reads a job that lies on a medium that cannot be
// written.
func TestReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere; run the tests as another user to see this one")
	}
	dir, killed := t.TempDir(), t.TempDir()
	w := open(t, dir, nil)
	if _, err := w.Add(bg, someEntries(3), nil); err != nil {
		t.Fatal(err)
	}
	// The copy has a log, like the job of a process that was killed.
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(killed, ".trawl", "job.db-wal")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, killed} {
		sub := filepath.Join(d, ".trawl")
		if err := os.Chmod(sub, 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(sub, 0o755) })
		if n := waitingPages(t, open(t, d, &sqlite.Options{ReadOnly: true})); n != 3 {
			t.Errorf("the reader sees %d pages, want 3", n)
		}
	}
	sub := filepath.Join(dir, ".trawl")
	fresh := filepath.Join(sub, "fresh")
	if s, err := sqlite.Open(bg, fresh, nil); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), fresh) {
		t.Errorf("Open in a directory that cannot be written = %v, %v; want fs.ErrPermission and the path", s, err)
	}
}

func TestOpenErrors(t *testing.T) {
	write := func(content string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, ".trawl"), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, ".trawl", "job.db"), []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(script string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := open(t, dir, nil).Close(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", filepath.Join(dir, ".trawl", "job.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(script); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		want    error
		says    string
	}{
		{"no database", write(strings.Repeat("no database", 1000)), store.ErrCorrupt, "job.db"},
		{"of a newer version", run("PRAGMA user_version=99"), nil, "newer version"},
		{"of another program", run("PRAGMA application_id=7"), store.ErrCorrupt, "not that of a job"},
		{"torn in half", func(t *testing.T, dir string) {
			run("")(t, dir)
			if err := os.Truncate(filepath.Join(dir, ".trawl", "job.db"), 4096); err != nil {
				t.Fatal(err)
			}
		}, store.ErrCorrupt, "job.db"},
		{"a file in its place", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, ".trawl"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}, nil, ".trawl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, readOnly := range []bool{false, true} {
				dir := t.TempDir()
				tt.prepare(t, dir)
				s, err := sqlite.Open(bg, dir, &sqlite.Options{ReadOnly: readOnly})
				if err == nil {
					s.Close()
					t.Fatalf("Open succeeded (read only: %v)", readOnly)
				}
				if tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("Open = %v (read only: %v), want %v and %q", err, readOnly, tt.want, tt.says)
				}
			}
		})
	}
}

// TestOddDirectories opens jobs whose paths mean something in a URI.
func TestOddDirectories(t *testing.T) {
	for _, name := range []string{"思考中 图", "a?mode=ro#x%20y", "deep/er/one"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := open(t, dir, nil).Set(bg, "v", "x"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, ".trawl", "job.db")); err != nil {
			t.Error(err)
		}
		if v, err := open(t, dir, &sqlite.Options{ReadOnly: true}).Get(bg, "v"); v != "x" || err != nil {
			t.Errorf("%q: a reader gets %q, %v", name, v, err)
		}
	}
}

// TestFull runs into the end of the disk.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, sqlite.WithMaxPages(80))
	es := someEntries(5_000)
	added := 0
	var err error
	for err == nil && added < len(es) {
		if _, err = s.Add(bg, es[added:added+100], nil); err == nil {
			added += 100
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("Add = %v after %d pages, want ErrFull", err, added)
	}
	if want := filepath.Join(dir, ".trawl", "job.db"); !strings.Contains(err.Error(), want) {
		t.Errorf("the message is %q, want the path in it", err)
	}
	if n := waitingPages(t, s); n != int64(added) {
		t.Errorf("%d pages are there after the error, want %d", n, added)
	}
	if err := s.Set(bg, "v", "x"); err != nil {
		t.Errorf("a change that needs no space: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, nil)
	if _, err := s.Add(bg, es[added:added+100], nil); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if n := waitingPages(t, s); n != int64(added+100) {
		t.Errorf("%d pages are there in the end, want %d", n, added+100)
	}
}

// TestSync checks which commits reach the disk at once.
func TestSync(t *testing.T) {
	const off, normal, full = 0, 1, 2
	want := func(s *sqlite.Store, level int64, after string) {
		t.Helper()
		if got, err := s.SyncLevel(); got != level || err != nil {
			t.Errorf("after %s PRAGMA synchronous is %d, %v; want %d", after, got, err, level)
		}
	}
	s := open(t, t.TempDir(), nil)
	want(s, full, "Open")
	if _, err := s.Reserve(bg, []store.Name{{Path: "a"}}, nil); err != nil {
		t.Fatal(err)
	}
	want(s, normal, "Reserve")
	if _, err := s.Commit(bg, store.Commit{}); err != nil {
		t.Fatal(err)
	}
	want(s, full, "Commit")
	if _, err := s.Rename(bg, store.Name{Path: "b"}, nil); err != nil {
		t.Fatal(err)
	}
	want(s, normal, "Rename")
	if _, err := s.Add(bg, nil, nil); err != nil {
		t.Fatal(err)
	}
	want(s, full, "Add")

	s = open(t, t.TempDir(), &sqlite.Options{NoSync: true})
	if err := s.Set(bg, "v", "x"); err != nil {
		t.Fatal(err)
	}
	want(s, off, "Set with NoSync")
}

// TestViews reads a job as a person would.
func TestViews(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	ls, err := s.Acquire(bg, "w", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	mk := func(u string, k trawl.Kind) store.Entry {
		return store.Entry{
			Key: trawl.KeyOf(k, u), Host: store.HostOf("h.example"), HostName: "h.example", Due: t0,
			Request: trawl.Request{URL: u, Kind: k, Spider: "豆瓣", Depth: 1},
		}
	}
	es := []store.Entry{mk("https://h.example/a", 0), mk("http://h.example/b", 0), mk("HTTPS://h.example/c", 0), mk("=x", 0), mk("https://h.example/f.jpg", 1), mk("https://h.example/retried", 0)}
	if _, err := s.Add(bg, es, nil); err != nil {
		t.Fatal(err)
	}
	end := func(i int, st store.State) store.Outcome {
		return store.Outcome{Key: es[i].Key, Host: es[i].Host, Kind: es[i].Request.Kind, State: st, Tries: 1}
	}
	a, b, f, again := end(0, store.Done), end(1, store.Failed), end(4, store.Done), end(5, store.Waiting)
	a.Items = []store.Item{{Output: "top", Body: []byte(`{"n":1}`)}}
	b.Failure = &store.Failure{URL: es[1].Request.URL, Reason: "http", Status: 404, Tries: 1, At: t0}
	f.File = &store.File{URL: es[4].Request.URL, Path: "思/f.jpg", Size: 3, SHA256: [32]byte{0xab}, Type: "image/jpeg"}
	again.Due, again.Failure = t0, &store.Failure{Reason: "network", At: t0, Tries: 1}
	commit := func(os ...store.Outcome) {
		t.Helper()
		if _, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: os}); err != nil {
			t.Fatal(err)
		}
	}
	commit(a, b, f, again)

	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, ".trawl", "job.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := func(q, want string) {
		t.Helper()
		rows, err := db.Query(q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		defer rows.Close()
		cols, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for rows.Next() {
			vs := make([]any, len(cols))
			ps := make([]any, len(cols))
			for i := range vs {
				ps[i] = &vs[i]
			}
			if err := rows.Scan(ps...); err != nil {
				t.Fatal(err)
			}
			for i, v := range vs {
				if i > 0 {
					got.WriteByte(' ')
				}
				fmt.Fprint(&got, v)
			}
			got.WriteByte('\n')
		}
		if d := cmp.Diff(want, got.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", q, d)
		}
	}
	want("SELECT url, kind, state, tries, due, spider, rest FROM requests ORDER BY url", `=x page waiting 0 2026-03-01 12:00:00 豆瓣 {"depth":1}
HTTPS://h.example/c page waiting 0 2026-03-01 12:00:00 豆瓣 {"depth":1}
http://h.example/b page failed 1 2026-03-01 12:00:00 豆瓣 {"depth":1}
https://h.example/a page done 1 2026-03-01 12:00:00 豆瓣 {"depth":1}
https://h.example/f.jpg file done 1 2026-03-01 12:00:00 豆瓣 {"depth":1}
https://h.example/retried page waiting 1 2026-03-01 12:00:00 豆瓣 {"depth":1}
`)
	want("SELECT seq, output, body->>'n' FROM items", "1 top 1\n")
	want("SELECT path, size, type, sha256, duplicate_of FROM files", "思/f.jpg 3 image/jpeg ab"+strings.Repeat("00", 31)+" <nil>\n")
	want("SELECT url, kind, reason, status, at, state FROM failures ORDER BY url", `http://h.example/b page http 404 2026-03-01 12:00:00 failed
https://h.example/retried page network 0 2026-03-01 12:00:00 waiting
`)
	want("PRAGMA integrity_check", "ok\n")
	want("PRAGMA journal_mode", "wal\n")

	// A request that is done in the end leaves no failure behind.
	commit(end(5, store.Done))
	want("SELECT count(*) FROM failures", "1\n")
}

// TestSize keeps an eye on what a URL takes on the disk.
func TestSize(t *testing.T) {
	if sampled {
		t.Skip("slow under the race detector, which has no influence on it")
	}
	const n = 50_000
	dir := t.TempDir()
	s := open(t, dir, &sqlite.Options{NoSync: true})
	for es := someEntries(n); len(es) > 0; es = es[1000:] {
		if _, err := s.Add(bg, es[:1000], nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(filepath.Join(dir, ".trawl", "job.db"))
	if err != nil {
		t.Fatal(err)
	}
	if per := fi.Size() / n; per > 170 {
		t.Errorf("a URL of %d bytes takes %d bytes on the disk, want at most 170", len(entry(1, 1).Request.URL), per)
	}
}
