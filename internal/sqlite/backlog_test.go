package sqlite_test

import (
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

// A jobView is a job with its database open to a foreign reader.
type jobView struct {
	*sqlite.Store
	ls []store.Lease
	db *sql.DB
}

func openView(t *testing.T, dir string, opts *sqlite.Options) *jobView {
	t.Helper()
	v := &jobView{Store: open(t, dir, opts)}
	var err error
	if v.ls, err = v.Acquire(bg, "w", 0, 0); err != nil {
		t.Fatal(err)
	}
	if v.db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, ".trawl", "job.db")+"?mode=ro"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.db.Close() })
	return v
}

// ask returns the rows that a query yields, a line each.
func (v *jobView) ask(t *testing.T, q string) string {
	t.Helper()
	rows, err := v.db.Query(q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		b.WriteString(s + "\n")
	}
	return b.String()
}

// TestBacklogIsSeen does the same commits in jobs that fold at once, now and
// then and never, and compares what the views tell of them after each.
func TestBacklogIsSeen(t *testing.T) {
	const view = "SELECT concat_ws(' ', url, kind, state, tries, due, spider, rest, key) FROM requests ORDER BY url"
	jobs := map[int]*jobView{}
	for _, n := range []int{1, 20, 0} {
		opts := sqlite.WithBacklog(n)
		opts.NoSync = true
		jobs[n] = openView(t, t.TempDir(), opts)
		if _, err := jobs[n].Add(bg, someEntries(200), nil); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 12 {
		for n, j := range jobs {
			r := rand.New(rand.NewPCG(1, uint64(round)))
			c := store.Commit{Leases: j.ls}
			for range 8 {
				i := r.IntN(200)
				e := entry(i, i/50%1000)
				o := store.Outcome{Key: e.Key, Host: e.Host, State: store.Done, Tries: 1}
				if r.IntN(5) == 0 {
					o.State, o.Failure = store.Failed, &store.Failure{Reason: "http", Status: 404}
				}
				for range 3 {
					k := r.IntN(60)
					child := entry(k+1000, k%6) // some of new hosts
					child.Request.Depth = 2
					child.Due = t0
					o.Children = append(o.Children, child)
				}
				c.Outcomes = append(c.Outcomes, o)
			}
			// Children that earlier commits may have found end too.
			for range 4 {
				k := r.IntN(60)
				e := entry(k+1000, k%6)
				c.Outcomes = append(c.Outcomes, store.Outcome{Key: e.Key, Host: e.Host, State: store.Done, Tries: 1})
			}
			if _, err := j.Commit(bg, c); err != nil {
				t.Fatalf("backlog %d: %v", n, err)
			}
		}
		want := jobs[1].ask(t, view)
		if n := strings.Count(want, "\n"); n <= 200 {
			t.Fatalf("round %d: the view has %d requests, want more than 200", round, n)
		}
		for n, j := range jobs {
			if d := cmp.Diff(want, j.ask(t, view)); d != "" {
				t.Fatalf("round %d: view with a backlog of %d (-folded at once +got):\n%s", round, n, d)
			}
		}
	}
	if got := jobs[0].ask(t, "SELECT count(*) FROM change"); got == "0\n" {
		t.Error("the job that never folds has no backlog")
	}
	if n := jobs[1].ask(t, "SELECT count(*) FROM change AS c JOIN host AS h ON h.id = c.host WHERE c.id > h.folded"); len(n) > 3 {
		t.Errorf("the job that folds at once has a backlog of %s", n)
	}

	// An update folds everything.
	for _, n := range []int{1, 20, 0} {
		if _, err := jobs[n].Update(bg, false); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(jobs[1].ask(t, view), jobs[n].ask(t, view)); d != "" {
			t.Errorf("after an update, a backlog of %d (-folded at once +got):\n%s", n, d)
		}
	}
}

// TestCommitWritesLittle counts the pages that commits write to the log of
// the database: five or more for each page fetched if each change went to its
// place.
func TestCommitWritesLittle(t *testing.T) {
	const hosts, groups, group = 400, 20, 200
	dir := t.TempDir()
	s := open(t, dir, &sqlite.Options{NoSync: true})
	ls, err := s.Acquire(bg, "w", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for h := range hosts {
		var es []store.Entry
		for i := range 50 {
			es = append(es, entry(50*h+i, h))
		}
		if _, err := s.Add(bg, es, nil); err != nil {
			t.Fatal(err)
		}
	}
	size := func() int64 {
		fi, err := os.Stat(filepath.Join(dir, ".trawl", "job.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size() / (4096 + 24)
	}
	before := size()
	for g := range groups {
		c := store.Commit{Leases: ls}
		for i := range group {
			h := (g*group + i) % hosts
			e := entry(50*h+g, h)
			o := store.Outcome{Key: e.Key, Host: e.Host, State: store.Done, Tries: 1}
			for j := range 2 {
				o.Children = append(o.Children, entry(100_000+1000*g+2*i+j, h))
			}
			c.Outcomes = append(c.Outcomes, o)
		}
		r, err := s.Commit(bg, c)
		if err != nil {
			t.Fatal(err)
		}
		if r.NewPages != 2*group {
			t.Fatalf("NewPages = %d, want %d", r.NewPages, 2*group)
		}
	}
	if n := size() - before; n > groups*group/4 {
		t.Errorf("%d commits of %d pages wrote %d pages of the database, want at most one for four", groups, group, n)
	}
}
