package postgres_test

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
)

// BenchmarkCommitRows measures commits of 16 and 256 pages in a job that
// already has requests, a million or TRAWL_ROWS of them. Each page has a record
// of 200 bytes and ten links: two are new, four lead to any of the requests that
// there are, and four to its neighbours. The server syncs.
func BenchmarkCommitRows(b *testing.B) {
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("TRAWL_ROWS")); err == nil {
		rows = n
	}
	server := pgtest.New(b, &pgtest.Options{Sync: true, Settings: []string{"shared_buffers = 1GB", "max_wal_size = 8GB"}})
	job := newJob()
	s := open(b, server.URL("postgres"), &postgres.Options{Job: job})
	fill(b, server.URL("postgres"), job, rows)
	ls, err := s.Acquire(bg, "w", 0, 24*time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	page := func(i int) store.Entry { return entry(fmt.Sprintf("host-number-%d.example", i/500), i) }
	if _, err := s.Add(bg, []store.Entry{page(0)}, nil); err != nil {
		b.Fatal(err)
	}
	record := fmt.Appendf(nil, "%0200d", 1)
	done, found := 0, 1
	for _, group := range []int{16, 256} {
		b.Run(fmt.Sprintf("rows %d/group %d", rows, group), func(b *testing.B) {
			last := done + b.N
			for done < last {
				c := store.Commit{Leases: ls}
				for n := min(group, found-done, last-done); n > 0; n-- {
					e := page(done)
					o := store.Outcome{Key: e.Key, Host: e.Host, Part: s.Part(e.Host), State: store.Done, Items: []store.Item{{Output: "s", Body: record}}}
					for i := range 4 {
						o.Children = append(o.Children, old(rand.IntN(rows)), page(max(0, done-i)))
					}
					o.Children = append(o.Children, page(found), page(found+1))
					c.Outcomes = append(c.Outcomes, o)
					done, found = done+1, found+2
				}
				if _, err := s.Commit(bg, c); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
		})
	}
}

// old is one of the requests that fill makes.
func old(i int) store.Entry {
	e := entry(fmt.Sprintf("old-%d.example", i/500), i)
	e.Host, e.Key = store.HostID(i/500)<<32|1, trawl.Key(md5.Sum(fmt.Append(nil, i)))
	return e
}

// fill gives a job requests that are done, 500 of a host.
func fill(b *testing.B, url, job string, rows int) {
	b.Helper()
	c, err := pgx.Connect(bg, url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(bg)
	schema := pgx.Identifier{"trawl_" + job}.Sanitize()
	for _, sql := range []string{
		`INSERT INTO ` + schema + `.request(host, key, due, origin, kind, state, tries, spider, url, rest)
			SELECT (i / 500)::bigint << 32 | 1, md5(i::text)::uuid, i, 0, 0, 1, 1, 's', 'https://old-' || i / 500 || '.example/' || i, ''
			FROM generate_series(0, ` + strconv.Itoa(rows-1) + `) AS i`,
		"VACUUM ANALYZE " + schema + ".request",
		"CHECKPOINT",
	} {
		if _, err := c.Exec(bg, sql); err != nil {
			b.Fatal(err)
		}
	}
}
