package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/postgres/pgtest"
)

// TestFigures prints what docs/many-machines.md says of several processes. It
// takes minutes, and a quiet machine, so it only runs with TRAWL_FIGURES=1; it
// fails for nothing but what stands in its way.
func TestFigures(t *testing.T) {
	if os.Getenv("TRAWL_FIGURES") == "" {
		t.Skip("it measures: TRAWL_FIGURES=1 runs it")
	}
	db := pgtest.New(t, nil)
	program := buildTrawl(t)
	t.Run("workers", func(t *testing.T) { figureWorkers(t, program, db) })
	t.Run("kills", func(t *testing.T) { figureKills(newFaultTest(t, program, db, "kills")) })
	for _, lease := range []time.Duration{time.Second, 4 * time.Second, 15 * time.Second} {
		t.Run("fail-over "+lease.String(), func(t *testing.T) { figureFailOver(newFaultTest(t, program, db, "over-"+lease.String()), lease) })
	}
}

// figureWorkers measures pages a second of 1, 2 and 4 processes, each with 8
// page workers, where a page takes 100 ms to come and no host limits them.
func figureWorkers(t *testing.T, program string, db *pgtest.Server) {
	const pages = 600 // measured for each process
	one := 0.0
	for _, n := range []int{1, 2, 4} {
		f := newFaultTest(t, program, db, fmt.Sprintf("workers-%d", n))
		f.web = &web{hosts: 192, pages: 10_000, latency: 100 * time.Millisecond, bare: true}
		f.web.start(t)
		if err := os.WriteFile(f.spider, []byte(f.web.spider(0)), 0o666); err != nil {
			t.Fatal(err)
		}
		var ps []*faultProcess
		for range n {
			ps = append(ps, f.start(""))
			f.web.more(t, 20)
		}
		// All have their share when none gives back any more.
		f.query("SELECT count(DISTINCT owner) FROM part WHERE until > clock_timestamp()", n)
		f.query(fmt.Sprintf("SELECT count(*) FROM (SELECT FROM part WHERE until > clock_timestamp() GROUP BY owner HAVING count(*) <= %d) AS x", (64+n-1)/n), n)
		f.web.more(t, 100*n)
		began := time.Now()
		f.web.more(t, pages*n)
		rate := pages * float64(n) / time.Since(began).Seconds()
		if n == 1 {
			one = rate
		}
		t.Logf("%d processes: %.1f pages/s, %.3f of %d times one", n, rate, rate/one/float64(n), n)
		for _, p := range ps {
			p.interrupt()
			p.wait(exitInterrupted)
		}
	}
}

// query waits until the database answers with a number.
func (f *faultTest) query(sql string, want int) {
	f.Helper()
	db := f.connect()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		var got int
		if err := db.QueryRow(f.Context(), "SELECT ("+sql+") FROM pg_sleep(0.1)").Scan(&got); err != nil {
			f.Fatal(err)
		}
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			f.Fatalf("%s: %d after 2 minutes, want %d", sql, got, want)
		}
	}
}

// figureKills counts what kills of one of two processes cost.
func figureKills(f *faultTest) {
	f.web.pages = 200
	ps := []*faultProcess{f.start(""), f.start("")}
	twice := func() (n int) {
		asked := make(map[string]int)
		for _, h := range f.web.log() {
			asked[h.url()]++
		}
		for _, k := range asked {
			n += k - 1
		}
		return n
	}
	kills := 0
	for ; kills < 10; kills++ {
		f.web.more(f.T, 100)
		_ = ps[0].cmd.Process.Kill()
		ps[0].wait(-1)
		ps = append(ps[1:], f.start(""))
	}
	for _, p := range ps {
		p.wait(0)
	}
	f.Logf("%d kills: %d requests done twice, %.1f a kill", kills, twice(), float64(twice())/float64(kills))
}

// figureFailOver measures how long after the death of a process its hosts are
// asked again, the last of them.
func figureFailOver(f *faultTest, lease time.Duration) {
	f.web = &web{hosts: 30, pages: 100_000, latency: 10 * time.Millisecond, bare: true}
	f.web.start(f.T)
	if err := os.WriteFile(f.spider, []byte(f.web.spider(200*time.Millisecond)), 0o666); err != nil {
		f.Fatal(err)
	}
	f.lease = lease
	a, b := f.start(""), f.start("")
	f.web.more(f.T, 20)
	f.query("SELECT count(*) FROM (SELECT FROM part WHERE until > clock_timestamp() GROUP BY owner HAVING count(*) <= 32) AS x", 2)
	f.web.more(f.T, 300)
	died := time.Now()
	_ = a.cmd.Process.Kill()
	a.wait(-1)
	before := len(f.web.log())
	f.web.until(f.T, "a request to each host", func(hits []hit) bool {
		seen := make(map[string]bool)
		for _, h := range hits[before:] {
			if h.at.After(died) {
				seen[h.host] = true
			}
		}
		return len(seen) == f.web.hosts
	})
	took := time.Since(died)
	f.Logf("lease %v: every host was asked again %.1fs after the death of its owner, %.2f leases", lease, took.Seconds(), took.Seconds()/lease.Seconds())
	b.interrupt()
	b.wait(exitInterrupted)
}
