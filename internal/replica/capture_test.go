package replica_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/internal/replica"
)

// shapes is the set of elements under the nodes: the tags on the way down, each
// with its attributes' names and, where spiders look at them, their values.
func shapes(nodes []doc) []string {
	seen := make(map[string]bool)
	var walk func(prefix string, n *html.Node)
	walk = func(prefix string, n *html.Node) {
		if n.Type == html.ElementNode {
			var attrs []string
			for _, a := range n.Attr {
				switch {
				case strings.HasSuffix(a.Val, "-t"): // the stars differ from film to film
					attrs = append(attrs, "class=ratingN-t")
				case slices.Contains([]string{"class", "width", "property", "content", "rel", "target", "style"}, a.Key):
					attrs = append(attrs, a.Key+"="+a.Val)
				default:
					attrs = append(attrs, a.Key)
				}
			}
			slices.Sort(attrs)
			prefix += fmt.Sprintf(" > %s[%s]", n.Data, strings.Join(attrs, " "))
			seen[prefix] = true
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(prefix, c)
		}
	}
	for _, d := range nodes {
		walk("", d.node)
	}
	var out []string
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// TestSameShapeAsTheRealPages compares the markup of the records with pages of
// the real sites, which the project does not keep: set TRAWL_CAPTURES to a
// folder that has them.
func TestSameShapeAsTheRealPages(t *testing.T) {
	folder := os.Getenv("TRAWL_CAPTURES")
	if folder == "" {
		t.Skip("TRAWL_CAPTURES is not set: no real pages to compare with")
	}
	opts := func(mzitu, douban, doutula string) *replica.Options {
		return &replica.Options{Mzitu: replica.MzituOptions{Vintage: mzitu, Galleries: 60, PerList: 9}, Douban: replica.DoubanOptions{Vintage: douban}, Doutula: replica.DoutulaOptions{Vintage: doutula, Pages: 20}}
	}
	tests := []struct {
		file, url string
		opts      *replica.Options
		selectors []string
	}{
		{"douban/2018-01-11_*/start025.html", "https://movie.douban.com/top250?start=25", opts("", replica.Douban2018, ""), []string{"ol.grid_view > li", "div.paginator", "div.opt"}},
		{"douban/2022-07-05_*/start025.html", "https://movie.douban.com/top250?start=25", opts("", replica.Douban2022, ""), []string{"ol.grid_view > li", "div.paginator", "div.opt"}},
		{"douban/2022-07-05_*/start225.html", "https://movie.douban.com/top250?start=225", opts("", replica.Douban2022, ""), []string{"ol.grid_view > li", "div.paginator"}},
		{"douban/2025-04-23_*/start000.html", "https://movie.douban.com/top250", opts("", replica.Douban2025, ""), []string{"ol.grid_view > li", "div.paginator", "div.opt"}},
		{"doutula/2019-05-06_*.html", "https://www.doutula.com/photo/list/", opts("", "", replica.Doutula2019), []string{"div.page-content a.col-xs-6:has(img[class])", "ul.pagination"}},
		{"mzitu/2020-07-15_*.html", "https://www.mzitu.com/", opts(replica.Mzitu2020, "", ""), []string{"ul#pins > li", "div.subnav", "dl#like", "div.widgets_top", "div.pagination"}},
		{"snippets/mzitu_gallery_2017-08_p2of65.html", "gallery 2", opts(replica.Mzitu2018, "", ""), []string{"div.main-image", "div.pagenavi"}},
		{"snippets/mzitu_gallery_2018_p1of60.html", "gallery 1", opts(replica.Mzitu2018, "", ""), []string{"div.main-meta", "div.main-image", "div.pagenavi"}},
		{"snippets/mzitu_gallery_2020-01.html", "gallery 1", opts(replica.Mzitu2020, "", ""), []string{"div.main-meta"}},
		{"snippets/mzitu_tag_pager_2018.html", "https://www.mzitu.com/", opts(replica.Mzitu2018, "", ""), []string{"nav.navigation"}},
		{"snippets/doutula_item_2020-04.html", "https://www.doutula.com/photo/list/", opts("", "", replica.Doutula2020), []string{"img.image_dtb"}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			names, err := filepath.Glob(filepath.Join(folder, tt.file))
			if err != nil || len(names) != 1 {
				t.Fatalf("captures: %v, %v", names, err)
			}
			body, err := os.ReadFile(names[0])
			if err != nil {
				t.Fatal(err)
			}
			s, c := start(t, tt.opts)
			url := tt.url
			if n, ok := strings.CutPrefix(url, "gallery "); ok {
				url = s.Expected().Galleries[3].Pages[n[0]-'1'].URL
			}
			real, ours := parse(t, url, body), page(t, c, url)
			for _, sel := range tt.selectors {
				r, o := real.all(sel), ours.all(sel)
				if len(r) == 0 || len(o) == 0 {
					t.Errorf("%s: %d on the real page, %d here", sel, len(r), len(o))
				}
				if d := cmp.Diff(shapes(r), shapes(o)); d != "" {
					t.Errorf("%s: shape (-real +ours):\n%s", sel, d)
				}
			}
		})
	}
}

// TestNothingIsCopied looks for the real pages' texts in ours.
func TestNothingIsCopied(t *testing.T) {
	folder := os.Getenv("TRAWL_CAPTURES")
	if folder == "" {
		t.Skip("TRAWL_CAPTURES is not set: no real pages to compare with")
	}
	s := replica.New(nil)
	var all strings.Builder
	for _, f := range s.Expected().Films {
		fmt.Fprintln(&all, f.Title, f.Original, f.Quote, f.Credits)
	}
	for _, st := range s.Expected().Stickers {
		fmt.Fprintln(&all, st.Caption)
	}
	ours := all.String()
	files, _ := filepath.Glob(filepath.Join(folder, "douban/2022-07-05_*/*.html"))
	if len(files) != 10 {
		t.Fatalf("%d captures, want 10", len(files))
	}
	doutula, _ := filepath.Glob(filepath.Join(folder, "doutula/*.html"))
	for _, name := range append(files, doutula...) {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := parse(t, "https://example.test/", body)
		for _, text := range append(d.texts("ol .title:first-child, p.quote span"), d.texts("div.page-content p")...) {
			if len([]rune(text)) > 3 && strings.Contains(ours, text) {
				t.Errorf("%q is on a real page", text)
			}
		}
	}
}
