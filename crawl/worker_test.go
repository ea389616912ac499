package crawl_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
)

// TestHangingHosts has more hosts hang than there are workers, until all of
// the one that answers is done.
func TestHangingHosts(t *testing.T) {
	const hanging, n = 12, 40
	w := newWorld(t)
	done := make(chan struct{})
	w.handle = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Host, "hang") {
			select {
			case <-done:
			case <-t.Context().Done():
			}
		}
		return false
	}
	s := &goSpider{
		set:   trawl.Settings{Hosts: []string{"*"}},
		start: []string{"https://a.example.test/"},
		parse: func(p *trawl.Page) *trawl.Result {
			r := &trawl.Result{}
			add := func(host string, i int) {
				u := fmt.Sprintf("https://%s.example.test/%d", host, i)
				r.Pages = append(r.Pages, trawl.Request{URL: u})
				r.Files = append(r.Files, trawl.Request{URL: u + ".jpg", Path: host + "/" + strconv.Itoa(i) + ".jpg"})
			}
			if p.URL != "https://a.example.test/" {
				return r
			}
			for h := range hanging {
				for i := range 4 {
					add("hang"+strconv.Itoa(h), i)
				}
			}
			for i := range n {
				add("a", i)
			}
			return r
		},
	}
	o := w.options()
	for h := range hanging {
		o.HTTP.ConnectTo[fmt.Sprintf("hang%d.example.test", h)] = w.server.Listener.Addr().String()
	}
	o.Crawl.Producers, o.Crawl.Consumers, o.Crawl.Patience = 2, 3, 10*time.Millisecond
	quick := 0
	one := func(u string) {
		if strings.Contains(u, "/a.") {
			if quick++; quick == 2*n+1 {
				close(done)
			}
		}
	}
	o.Crawl.Events.Page = func(e crawl.PageDone) { one(e.URL) }
	o.Crawl.Events.File = func(e crawl.FileDone) { one(e.URL) }
	sum := w.mustRun(t.TempDir(), s, o)
	if sum.Pages.Done != 4*hanging+n+1 || sum.Files.Done != 4*hanging+n {
		t.Errorf("summary = %+v", sum)
	}
}
