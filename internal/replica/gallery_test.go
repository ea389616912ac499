package replica_test

import (
	"fmt"
	"image"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/replica"
)

// candidates are the addresses an element offers, largest last.
func candidates(d doc) []string {
	var out []string
	if src := d.attr("src"); src != "" && !strings.HasPrefix(src, "data:") && !strings.Contains(src, "blank.gif") {
		out = append(out, d.link("src"))
	}
	for _, name := range []string{"srcset", "data-srcset", "data-src", "data-original", "data-lazy-src"} {
		for _, part := range strings.Split(d.attr(name), ",") {
			if f := strings.Fields(part); len(f) > 0 {
				out = append(out, d.resolve(f[0]))
			}
		}
	}
	return out
}

// crawlAlbum collects an album from its pages: the full pictures and all the
// other ones.
func crawlAlbum(t testing.TB, c *http.Client, name string) replica.Album {
	a := replica.Album{Name: name, URL: "https://photos.example.test/album/" + name + "/"}
	best := regexp.MustCompile(`/full/|size=full`)
	add := func(list *[]string, url string) {
		if !slices.Contains(*list, url) {
			*list = append(*list, url)
		}
	}
	collect := func(d doc) {
		for _, e := range d.all("img, source, a[href]") {
			urls := candidates(e)
			if e.has("href") {
				urls = []string{e.link("href")}
				if !best.MatchString(urls[0]) {
					continue
				}
			}
			for _, u := range urls {
				if best.MatchString(u) {
					add(&a.Pictures, u)
				} else {
					add(&a.Others, u)
				}
			}
		}
	}
	for url := a.URL; url != ""; {
		a.Pages = append(a.Pages, url)
		d := page(t, c, url)
		// The base element counts for all links of a page.
		if base := d.all("base"); len(base) > 0 {
			d.url, _ = d.url.Parse(base[0].attr("href"))
		}
		a.Title = d.text("h1")
		collect(d)
		for _, link := range d.all(`.photos a[href^="/photo/"]`) {
			add(&a.Details, link.link("href"))
			collect(page(t, c, link.link("href")))
		}
		url = ""
		for _, next := range d.all(".pager a") {
			to := next.link("href")
			if (next.attr("rel") == "next" || next.inner() == "下一页" || strings.HasPrefix(next.inner(), "Next")) &&
				!strings.Contains(to, "#") && !slices.Contains(a.Pages, to) {
				url = to
			}
		}
	}
	return a
}

func TestAlbumsHoldWhatIsExpected(t *testing.T) {
	s, c := start(t, &replica.Options{Seed: 4, Albums: replica.AlbumOptions{Size: image.Pt(48, 32)}})
	sorted := func(list []string) []string { return slices.Sorted(slices.Values(list)) }
	for _, want := range s.Expected().Albums {
		t.Run(want.Name, func(t *testing.T) {
			got := crawlAlbum(t, c, want.Name)
			blank := "https://photos.example.test/img/blank.gif" // left out by candidates
			got.Others = append(got.Others, blank)
			got.Others, want.Others = sorted(got.Others), sorted(want.Others)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("pages differ from Expected (-want +got):\n%s", d)
			}
			for _, url := range slices.Concat(want.Pictures, want.Others) {
				if resp, _ := get(t, c, url, "Referer: https://elsewhere.example/"); resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "image/") {
					t.Errorf("GET %s = %s", url, resp.Status)
				}
			}
		})
	}
	t.Run("index", func(t *testing.T) {
		var got, want []string
		for _, a := range page(t, c, "https://photos.example.test/").all(".albums a") {
			got = append(got, a.link("href"))
		}
		for _, a := range s.Expected().Albums {
			want = append(want, a.URL)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("index (-want +got):\n%s", d)
		}
	})
	t.Run("nothing else", func(t *testing.T) {
		for _, path := range []string{"/album/none/", "/album/plain/2", "/photo/plain/1", "/photo/detail/9", "/album", "/image?album=query&id=99&size=full", "/trap"} {
			if resp, _ := get(t, c, "https://photos.example.test"+path); resp.StatusCode != 404 {
				t.Errorf("GET %s = %s, want 404", path, resp.Status)
			}
		}
		for _, path := range []string{"/full/plain/09.jpg", "/full/plain/1.jpg", "/huge/plain/01.jpg", "/full/plain/05.jpg"} {
			if resp, _ := get(t, c, "https://img.example.test"+path); resp.StatusCode != 404 {
				t.Errorf("GET %s = %s, want 404", path, resp.Status)
			}
		}
	})
}

// TestAlbumMarkup holds the raw facts that parsing hides.
func TestAlbumMarkup(t *testing.T) {
	_, c := start(t, nil)
	for name, facts := range map[string][]string{
		"srcset":   {" 320w, ", " 1600w\"", "/01.jpg 320w", " 3x\""},
		"lazy":     {"class='lazy'src='data:image/gif", "data-src='", "data-original='", "data-lazy-src='", "data-srcset='"},
		"picture":  {"<picture>", "<source media="},
		"noscript": {"<noscript><img src=\""},
		"linked":   {"<a href=\"//img.example.test/full/linked/01.jpg\""},
		"query":    {"&amp;id=1&amp;size=full", "&#38;id=2&#38;size=full"},
		"base":     {"<base href=\"https://img.example.test/full/base/\">", "<img src=\"01.jpg\""},
		"next-rel": {"<link rel=\"next\" href=\"?page=2\">"},
		"next-cn":  {"next-cn/2\">下一页</a>"},
		"next-en":  {"<a href=\"p2.html\"><b>Next</b>"},
	} {
		_, body := get(t, c, fmt.Sprintf("https://photos.example.test/album/%s/", name))
		for _, fact := range facts {
			if !strings.Contains(string(body), fact) {
				t.Errorf("%s: no %s", name, fact)
			}
		}
	}
}
