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
	server := pgtest.New(b, &pgtest.Options{Sync: true})
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
			logged := number(b, server.URL("postgres"), "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
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
			size := "SELECT sum(%s(format('%%I.%%I', $1::text, t)))::float8 FROM unnest(ARRAY[%s]) AS t"
			schema := "trawl_" + job
			b.ReportMetric(number(b, server.URL("postgres"), fmt.Sprintf(size, "pg_total_relation_size", "'request', 'host'"), schema)/float64(found), "B/URL")
			b.ReportMetric(number(b, server.URL("postgres"), fmt.Sprintf(size, "pg_relation_size", "'request_pkey', 'request_queue'"), schema)/float64(found), "indexB/URL")
			b.ReportMetric((number(b, server.URL("postgres"), "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")-logged)/float64(done), "logB/page")
		})
	}
}

// number returns what a query of one number does.
func number(b *testing.B, url, sql string, args ...any) (n float64) {
	b.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(bg)
	if err := c.QueryRow(bg, sql, args...).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}
