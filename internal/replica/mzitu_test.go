package replica_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/replica"
)

// crawlMzitu collects the gallery site the way the notes do, from the pages
// alone. Where the notes' page count fails, it counts by the next link.
func crawlMzitu(t testing.TB, c *http.Client) []replica.Gallery {
	var all []replica.Gallery
	for list, next := 1, "https://www.mzitu.com/"; next != ""; list++ {
		d := page(t, c, next)
		next = ""
		if a := d.all("a.next.page-numbers"); len(a) > 0 {
			next = a[0].link("href")
		}
		for _, li := range d.all(".postlist li") {
			g := replica.Gallery{URL: li.one("span > a").link("href"), Date: li.text("span.time"), List: list}
			g.ID, _ = strconv.Atoi(g.URL[strings.LastIndexByte(g.URL, '/')+1:])
			for url := g.URL; url != ""; {
				p := page(t, c, url)
				g.Title = p.text("h2")
				g.Category = p.text(".main-meta a")
				image := ""
				if img := p.all(".main-image p a img"); len(img) > 0 {
					image = img[0].link("src")
					if first := p.one("img").link("src"); first != image {
						t.Errorf("%s: the first img is %s", url, first)
					}
				}
				g.Pages = append(g.Pages, replica.GalleryPage{URL: url, Image: image})
				links := p.all(".pagenavi > a")
				last := links[len(links)-1]
				url = ""
				if last.inner() == "下一页»" {
					url = last.link("href")
				}
			}
			all = append(all, g)
		}
	}
	return all
}

func TestMzituPagesHoldWhatIsExpected(t *testing.T) {
	for _, vintage := range []string{replica.Mzitu2018, replica.Mzitu2019, replica.Mzitu2020} {
		t.Run(vintage, func(t *testing.T) {
			s, c := start(t, &replica.Options{Seed: 11, Mzitu: replica.MzituOptions{Vintage: vintage, Galleries: 29, PerList: 7, Flawed: true}})
			if d := cmp.Diff(s.Expected().Galleries, crawlMzitu(t, c)); d != "" {
				t.Errorf("pages differ from Expected (-want +got):\n%s", d)
			}
		})
	}
}

func TestMzituPagers(t *testing.T) {
	s, c := start(t, nil)
	g := s.Expected().Galleries
	tests := []struct {
		name     string
		gallery  int
		page     int
		links    string // texts of the direct children a > span
		children int    // of div.pagenavi
	}{
		{"one page", 0, 1, "«上一组 下一组»", 3},
		{"two pages, first", 1, 1, "«上一组 2 下一页»", 4},
		{"two pages, last", 1, 2, "«上一页 1 下一组»", 4},
		{"three pages, first", 2, 1, "«上一组 2 3 下一页»", 5},
		{"three pages, last", 2, 3, "«上一页 1 2 下一组»", 5},
		{"sixty pages, first", 3, 1, "«上一组 2 3 4 60 下一页»", 8},
		{"sixty pages, second", 3, 2, "«上一页 1 3 4 5 60 下一页»", 9},
		{"sixty pages, middle", 3, 30, "«上一页 1 27 28 29 31 32 33 60 下一页»", 13},
		{"sixty pages, last", 3, 60, "«上一页 1 57 58 59 下一组»", 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := page(t, c, g[tt.gallery].Pages[tt.page-1].URL)
			if got := strings.Join(d.texts(".pagenavi > a > span"), " "); got != tt.links {
				t.Errorf("links = %s, want %s", got, tt.links)
			}
			if got := len(d.all(".pagenavi > *")); got != tt.children {
				t.Errorf("%d children, want %d", got, tt.children)
			}
		})
	}
	t.Run("page one by number", func(t *testing.T) {
		url := g[3].URL
		_, a := get(t, c, url)
		_, b := get(t, c, url+"/1")
		if string(a) != string(b) {
			t.Errorf("%s/1 differs from %s", url, url)
		}
	})
	beyond := strings.Replace(g[3].Pages[59].Image, "60.jpg", "61.jpg", 1)
	for _, url := range []string{beyond, strings.Replace(g[3].Pages[0].Image, "d01", "z01", 1), strings.Replace(g[3].Pages[0].Image, "2019", "2020", 1)} {
		if resp, _ := get(t, c, url, "Referer: https://www.mzitu.com/"); resp.StatusCode != 404 {
			t.Errorf("GET %s = %s, want 404", url, resp.Status)
		}
	}
	for _, path := range []string{"/61", "/0", "/x", "/2/3"} {
		if resp, _ := get(t, c, g[3].URL+path); resp.StatusCode != 404 {
			t.Errorf("GET %s = %s, want 404", g[3].URL+path, resp.Status)
		}
	}
}

func TestMzituMarkup(t *testing.T) {
	tests := []struct {
		vintage string
		want    []string
		not     []string
	}{
		{replica.Mzitu2018, []string{"aria-current='page'class='page-numbers current'", "class='page-numbers'href='", `src="https://i.meizitu.net/20`}, []string{"width=\"400\""}},
		{replica.Mzitu2019, []string{"aria-current='page' class='page-numbers current'", `src="https://i5.meizitu.net/20`}, []string{"'href='", "width=\"400\""}},
		{replica.Mzitu2020, []string{"aria-current='page' class='page-numbers current'", `src="https://i5.mmzztt.com/20`, `width="400" height="600"`}, []string{"'href='"}},
	}
	for _, tt := range tests {
		t.Run(tt.vintage, func(t *testing.T) {
			s, c := start(t, &replica.Options{Mzitu: replica.MzituOptions{Vintage: tt.vintage}})
			_, list := get(t, c, "https://www.mzitu.com/page/2/")
			_, first := get(t, c, s.Expected().Galleries[0].URL)
			html := string(list) + string(first)
			for _, w := range append(tt.want, "class='lazy' src='", "<span class=\"time\">2019-") {
				if !strings.Contains(html, w) {
					t.Errorf("markup lacks %s", w)
				}
			}
			for _, w := range tt.not {
				if strings.Contains(html, w) {
					t.Errorf("markup has %s", w)
				}
			}
			d := parse(t, "https://www.mzitu.com/page/2/", list)
			if got := len(d.all("#like a")); got != 20 {
				t.Errorf("%d links in the sidebar, want 20", got)
			}
		})
	}
}

func TestMzituTitlesCollide(t *testing.T) {
	titles := make(map[string]int)
	for _, g := range replica.New(&replica.Options{Mzitu: replica.MzituOptions{Galleries: 500}}).Expected().Galleries {
		titles[g.Title]++
	}
	if len(titles) != 499 {
		t.Errorf("%d titles for 500 galleries, want one pair of equal ones", len(titles))
	}
}

func TestMzituLists(t *testing.T) {
	s, c := start(t, nil)
	want := s.Expected().Galleries
	t.Run("archive", func(t *testing.T) {
		d := page(t, c, "https://www.mzitu.com/all/")
		var urls []string
		for _, a := range d.all("div.all > ul.archives > li > p.url > a") {
			urls = append(urls, a.link("href"))
		}
		var all []string
		for _, g := range want {
			all = append(all, g.URL)
		}
		if diff := cmp.Diff(all, urls); diff != "" {
			t.Errorf("archive (-want +got):\n%s", diff)
		}
	})
	t.Run("category", func(t *testing.T) {
		d := page(t, c, "https://www.mzitu.com/")
		sum := 0
		for _, a := range d.all("#menu-nav a")[1:5] {
			n := len(page(t, c, a.link("href")).all("#pins > li"))
			sum += n
		}
		if sum != len(want) {
			t.Errorf("categories list %d galleries, want %d", sum, len(want))
		}
	})
	t.Run("beyond the end", func(t *testing.T) {
		if n := len(page(t, c, "https://www.mzitu.com/page/99/").all("#pins > li")); n != 0 {
			t.Errorf("%d galleries, want none", n)
		}
	})
	t.Run("thumbnails", func(t *testing.T) {
		for _, img := range page(t, c, "https://www.mzitu.com/").all("#pins img") {
			url := img.link("data-original")
			if resp, _ := get(t, c, url, "Referer: https://www.mzitu.com/"); resp.StatusCode != 200 {
				t.Errorf("GET %s = %s", url, resp.Status)
			}
		}
	})
}

func TestMzituRefererPolicies(t *testing.T) {
	s, c := start(t, nil)
	g := s.Expected().Galleries[3]
	second := g.Pages[1]
	other := s.Expected().Galleries[4]
	referers := map[string]string{"none": "", "foreign": "https://evil.example/", "lookalike": "https://notmzitu.com/", "home": "https://www.mzitu.com/", "itself": second.Image,
		"gallery": g.URL, "page": second.URL, "next": g.Pages[2].URL, "other": other.URL, "longer": g.URL + "9"}
	tests := []struct {
		policy replica.RefererPolicy
		ok     string // names of referers
	}{
		{replica.RefererAny, "none foreign lookalike home itself gallery page next other longer"},
		{replica.RefererNoForeign, "none home itself gallery page next other longer"},
		{replica.RefererOwn, "home itself gallery page next other longer"},
		{replica.RefererGallery, "gallery page next"},
		{replica.RefererPage, "page"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("policy %q", tt.policy), func(t *testing.T) {
			s.Change("i5.meizitu.net", func(r *replica.Rules) { r.Referer = tt.policy })
			for name, referer := range referers {
				var headers []string
				if referer != "" {
					headers = []string{"Referer: " + referer}
				}
				resp, _ := get(t, c, second.Image, headers...)
				want := 403
				if slices.Contains(strings.Fields(tt.ok), name) {
					want = 200
				}
				if resp.StatusCode != want {
					t.Errorf("Referer %s: %d, want %d", name, resp.StatusCode, want)
				}
			}
		})
	}
	t.Run("page one has two URLs", func(t *testing.T) {
		for _, referer := range []string{g.URL, g.URL + "/1"} {
			if resp, _ := get(t, c, g.Pages[0].Image, "Referer: "+referer); resp.StatusCode != 200 {
				t.Errorf("Referer %s: %s", referer, resp.Status)
			}
		}
	})
}
