package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
)

// BenchmarkCommit measures pages, each with ten links, of which two are new,
// and a record of 200 bytes, in commits of several sizes. The server syncs.
func BenchmarkCommit(b *testing.B) {
	pgtest.Need(b)
	server, err := pgtest.Start(&pgtest.Options{Sync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	for _, group := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("group %d", group), func(b *testing.B) {
			job := newJob()
			s := open(b, server.URL("postgres"), &postgres.Options{Job: job})
			ls, err := s.Acquire(bg, "w", 0, time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			page := func(i int) store.Entry {
				return entry(fmt.Sprintf("host-number-%d.example", i/500), i)
			}
			if _, err := s.Add(bg, []store.Entry{page(0)}, nil); err != nil {
				b.Fatal(err)
			}
			record := fmt.Appendf(nil, "%0200d", 1)
			done, found := 0, 1
			b.ResetTimer()
			for done < b.N {
				c := store.Commit{Leases: ls}
				for n := min(group, found-done); n > 0; n-- {
					e := page(done)
					o := store.Outcome{Key: e.Key, Host: e.Host, Part: s.Part(e.Host), State: store.Done, Items: []store.Item{{Output: "s", Body: record}}}
					for i := range 8 {
						o.Children = append(o.Children, page(max(0, done-i)))
					}
					o.Children = append(o.Children, page(found), page(found+1))
					c.Outcomes = append(c.Outcomes, o)
					done, found = done+1, found+2
				}
				if _, err := s.Commit(bg, c); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "pages/s")
			b.ReportMetric(bytesOf(b, server.URL("postgres"), job)/float64(found), "B/URL")
		})
	}
}

// bytesOf is what the requests and hosts of a job take on disk.
func bytesOf(b *testing.B, url, job string) (n float64) {
	b.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(bg)
	err = c.QueryRow(bg, "SELECT sum(pg_total_relation_size(format('%I.%I', $1::text, t)))::float8 FROM unnest(ARRAY['request', 'host']) AS t", "trawl_"+job).Scan(&n)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
