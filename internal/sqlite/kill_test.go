//go:build unix

package sqlite_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

// crawlHosts is the number of hosts of [crawl]. Page i, of host i%crawlHosts,
// leads to the pages 3i+1 to 3i+3 and back to page i/2.
const crawlHosts = 7

func crawlPage(i int) store.Entry { return entry(i, i%crawlHosts) }

// crawl goes on with a job whose pages have links to further ones, until it is
// killed, and prints after each commit how many are done. The backlog holds n
// requests.
func crawl(dir string, n int) error {
	s, err := sqlite.Open(bg, dir, sqlite.WithBacklog(n))
	if err != nil {
		return err
	}
	ls, err := s.Acquire(bg, "w", 0, 0)
	if err != nil {
		return err
	}
	if _, err := s.Add(bg, []store.Entry{crawlPage(0)}, nil); err != nil {
		return err
	}
	for {
		c := store.Commit{Leases: ls}
		hs, err := s.Hosts(bg, ls[0], 0, crawlHosts)
		if err != nil {
			return err
		}
		for _, h := range hs {
			bs, err := s.Due(bg, ls[0], t0, []store.HostQuery{{Host: h.ID, Limit: 5}})
			if err != nil {
				return err
			}
			for _, e := range bs[0].Entries {
				o := store.Outcome{Key: e.Key, Host: e.Host, State: store.Done, Tries: 1}
				i := crawlNumber(e.Request.URL)
				for _, k := range []int{3*i + 1, 3*i + 2, 3*i + 3, i / 2} {
					o.Children = append(o.Children, crawlPage(k))
				}
				c.Outcomes = append(c.Outcomes, o)
			}
		}
		if len(c.Outcomes) == 0 {
			return fmt.Errorf("nothing is due of %d hosts", len(hs))
		}
		if _, err := s.Commit(bg, c); err != nil {
			return err
		}
		st, err := s.Stats(bg)
		if err != nil {
			return err
		}
		fmt.Println("done", st.Pages.Done)
	}
}

// crawlNumber is the number of a page, 0 of one that is none of the crawl.
func crawlNumber(url string) int {
	i, _ := strconv.Atoi(strings.TrimLeft(url[strings.LastIndexByte(url, '/')+1:], "0"))
	return i
}

// TestKill kills a process that commits, again and again, and looks each time
// whether all is there that it had told of, and all that came of that.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rounds := 12
	if sampled {
		rounds = 4
	}
	for round := range rounds {
		// With a backlog of 8 every commit folds, with one of 100 some do.
		cmd, out, _ := child(t, "crawl", []int{8, 100, 0}[round%3], dir)
		var told int
		for range 3 + 5*round {
			if _, err := fmt.Sscan(line(t, out, "done "), &told); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		checkCrawl(t, dir, told)
	}
}

// checkCrawl checks a job of [crawl] of which so many pages have been told to
// be done.
func checkCrawl(t *testing.T, dir string, told int) {
	t.Helper()
	v := openView(t, dir, nil)
	defer func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}()
	done := map[int]bool{}
	known := map[int]bool{}
	for _, p := range strings.Fields(v.ask(t, "SELECT state || url FROM requests")) {
		i := crawlNumber(p)
		if known[i] {
			t.Fatalf("the view has page %d twice", i)
		}
		known[i] = true
		if strings.HasPrefix(p, "done") {
			done[i] = true
		}
	}
	st, err := v.Stats(bg)
	if err != nil {
		t.Fatal(err)
	}
	if len(done) < told || int(st.Pages.Done) != len(done) || int(st.Pages.Total()) != len(known) {
		t.Fatalf("%d pages are done and %d known by the view, %d and %d by the totals; want at least %d done",
			len(done), len(known), st.Pages.Done, st.Pages.Total(), told)
	}
	// What is due is what is known and not done, and is the children of what is done.
	want := map[int]bool{0: true}
	for i := range done {
		for _, k := range []int{3*i + 1, 3*i + 2, 3*i + 3, i / 2} {
			want[k] = true
		}
	}
	for i := range done {
		delete(want, i)
	}
	hs, err := v.Hosts(bg, v.ls[0], 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hs {
		bs, err := v.Due(bg, v.ls[0], t0, []store.HostQuery{{Host: h.ID, Limit: 1 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		if len(bs[0].Entries) == 0 {
			t.Errorf("%s is listed and has nothing waiting", h.Name)
		}
		for _, e := range bs[0].Entries {
			i := crawlNumber(e.Request.URL)
			if !want[i] {
				t.Fatalf("page %d is due: it is done, nobody found it, or it comes twice", i)
			}
			delete(want, i)
		}
	}
	if len(want) > 0 {
		t.Fatalf("%d pages were found and are not due", len(want))
	}
}
