package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

// benchHosts returns the number of hosts for n URLs.
func benchHosts(n int) int { return min(20_000, n/50) }

// benchURLs returns how many URLs a store is to hold when it is measured:
// 100,000, or what TRAWL_BENCH_URLS says.
func benchURLs(b *testing.B) int {
	v := os.Getenv("TRAWL_BENCH_URLS")
	if v == "" {
		return 100_000
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// benchEntry is the k-th URL of a host, of 80 bytes.
func benchEntry(host, k int) store.Entry {
	e := entry(k, host)
	e.Due = t0.AddDate(0, 0, k%2)
	return e
}

// load fills a store with n URLs, 50 of a host at a time, in commits of 1000.
func load(b *testing.B, s store.Store, n int) {
	r := rand.New(rand.NewPCG(1, 2))
	hosts := benchHosts(n)
	var es []store.Entry
	for k := 0; n > 0; k += 50 {
		for _, h := range r.Perm(hosts) {
			for j := range min(50, n) {
				es = append(es, benchEntry(h, k+j))
				n--
			}
			if len(es) >= 1000 || n == 0 {
				if _, err := s.Add(bg, es, nil); err != nil {
					b.Fatal(err)
				}
				es = es[:0]
			}
			if n == 0 {
				return
			}
		}
	}
}

// BenchmarkAdd reports the URLs added a second and what one takes on the disk.
func BenchmarkAdd(b *testing.B) {
	n := benchURLs(b)
	for b.Loop() {
		dir := b.TempDir()
		s, err := sqlite.Open(bg, dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		load(b, s, n)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		fi, err := os.Stat(filepath.Join(dir, ".trawl", "job.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(fi.Size())/float64(n), "disk-B/URL")
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "URLs/s")
}

// BenchmarkCommit reports the pages done a second in groups of different
// sizes. Each page has one record of 200 bytes and ten links of its host, of
// which eight are known. The pages are read with Due.
func BenchmarkCommit(b *testing.B) {
	n := benchURLs(b)
	dir := b.TempDir()
	s, err := sqlite.Open(bg, dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	load(b, s, n)
	ls, err := s.Acquire(bg, "w", 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	body := fmt.Appendf(nil, `{"text":%q}`, make([]byte, 45))
	fresh := n
	for _, group := range []int{1, 16, 100, 256} {
		b.Run(strconv.Itoa(group), func(b *testing.B) {
			r := rand.New(rand.NewPCG(3, uint64(b.N)))
			pages := 0
			for b.Loop() {
				hosts := r.Perm(benchHosts(n))[:group]
				var qs []store.HostQuery
				for _, h := range hosts {
					qs = append(qs, store.HostQuery{Host: entry(0, h).Host, Limit: 1})
				}
				bs, err := s.Due(bg, ls[0], t0.AddDate(1, 0, 0), qs)
				if err != nil {
					b.Fatal(err)
				}
				c := store.Commit{Leases: ls}
				for i, batch := range bs {
					host := hosts[i]
					for _, e := range batch.Entries {
						o := store.Outcome{Key: e.Key, Host: e.Host, State: store.Done, Tries: 1, Items: []store.Item{{Output: "s", Body: body}}}
						for range 8 {
							o.Children = append(o.Children, benchEntry(host, r.IntN(50)))
						}
						o.Children = append(o.Children, benchEntry(host, fresh), benchEntry(host, fresh+1))
						fresh += 2
						c.Outcomes = append(c.Outcomes, o)
					}
				}
				if _, err := s.Commit(bg, c); err != nil {
					b.Fatal(err)
				}
				pages += len(c.Outcomes)
			}
			b.ReportMetric(float64(pages)/b.Elapsed().Seconds(), "pages/s")
		})
	}
}

// BenchmarkDue reports what it takes to read the next 64 pages of one host:
// one that has nearly all URLs, and one of many.
func BenchmarkDue(b *testing.B) {
	n := benchURLs(b)
	s, err := sqlite.Open(bg, b.TempDir(), &sqlite.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := 0; i < n; i += 1000 {
		es := make([]store.Entry, 1000)
		for j := range es {
			es[j] = entry(i+j, 0)
			if j%10 == 0 {
				es[j] = entry(i+j, i+j)
			}
		}
		if _, err := s.Add(bg, es, nil); err != nil {
			b.Fatal(err)
		}
	}
	ls, err := s.Acquire(bg, "w", 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	for _, bm := range []struct {
		name string
		host func(i int) int
	}{
		{"huge", func(int) int { return 0 }},
		{"small", func(i int) int { return i * 10 % n }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i++
				q := []store.HostQuery{{Host: entry(0, bm.host(i)).Host, Limit: 64}}
				if _, err := s.Due(bg, ls[0], t0, q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("hosts", func(b *testing.B) {
		var after store.HostID
		for b.Loop() {
			hs, err := s.Hosts(bg, ls[0], after, 1000)
			if err != nil {
				b.Fatal(err)
			}
			after = 0
			if len(hs) > 0 {
				after = hs[len(hs)-1].ID
			}
		}
	})
}

// BenchmarkReserve reports what a name costs, in calls for 100 names.
func BenchmarkReserve(b *testing.B) {
	s, err := sqlite.Open(bg, b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	n := 0
	for b.Loop() {
		names := make([]store.Name, 100)
		for i := range names {
			names[i] = store.Name{Key: entry(n, 0).Key, Path: fmt.Sprintf("思考中 %d/%d.jpg", n/100, i)}
			n++
		}
		if _, err := s.Reserve(bg, names, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "names/s")
}

// BenchmarkOpen reports what a new job costs.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		s, err := sqlite.Open(bg, b.TempDir(), nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitFiles reports the files done a second in groups of 256, each
// with a content of its own, with and without a limit from which on equal ones
// are held.
func BenchmarkCommitFiles(b *testing.B) {
	for _, hold := range []int{0, 5} {
		b.Run("hold="+strconv.Itoa(hold), func(b *testing.B) {
			s, err := sqlite.Open(bg, b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			ls, err := s.Acquire(bg, "w", 0, 0)
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(5, 6))
			files := 0
			for b.Loop() {
				es := make([]store.Entry, 256)
				c := store.Commit{Leases: ls, Hold: hold}
				for i := range es {
					es[i] = benchEntry(files%100, files)
					files++
					f := &store.File{URL: es[i].Request.URL, Path: fmt.Sprintf("dir/%d.jpg", files), Size: 1000, Type: "image/jpeg"}
					for j := range f.SHA256 {
						f.SHA256[j] = byte(r.Uint32())
					}
					c.Outcomes = append(c.Outcomes, store.Outcome{Key: es[i].Key, Host: es[i].Host, State: store.Done, Tries: 1, File: f})
				}
				b.StopTimer()
				if _, err := s.Add(bg, es, nil); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := s.Commit(bg, c); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(files)/b.Elapsed().Seconds(), "files/s")
		})
	}
}
