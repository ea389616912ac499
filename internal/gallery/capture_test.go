package gallery_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
)

var canonical = regexp.MustCompile(`<link rel="canonical" href="(https?://[^"]+)"`)

// TestCaptures reads real pages, by the hundred, and checks what holds for any
// page. With -v it prints what was found.
func TestCaptures(t *testing.T) {
	dir := os.Getenv("TRAWL_CAPTURES")
	if dir == "" {
		t.Skip("TRAWL_CAPTURES is not set: no captured pages to read")
	}
	spider := gallery.New(nil)
	pages := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(filepath.Ext(path), "htm") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pages++
		name, _ := filepath.Rel(dir, path)
		address := "https://site.example/gallery/" + filepath.Base(path)
		if m := canonical.FindSubmatch(body); m != nil {
			address = string(m[1])
		}
		page := &trawl.Page{
			Request: trawl.Request{URL: address, Spider: gallery.Name},
			URL:     address, Status: 200, Body: body,
			Header: http.Header{"Content-Type": {"text/html"}},
		}
		res, err := spider.Parse(t.Context(), page)
		if err != nil {
			t.Logf("%s: %v", name, err)
			return nil
		}
		checkSane(t, name, page, res)
		if testing.Verbose() {
			t.Logf("== %s: %d files, %d pages, %q", name, len(res.Files), len(res.Pages), res.Warnings)
			for _, f := range res.Files {
				t.Logf("   %s <- %.150s (+%d)", f.Path, f.URL, len(f.Backup))
			}
			for _, p := range res.Pages {
				t.Logf("   page %s %s", p.Parse, p.URL)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 100 {
		t.Errorf("read %d pages below %s, want at least 100", pages, dir)
	}
}

// checkSane checks what holds for the result of any page.
func checkSane(t *testing.T, name string, page *trawl.Page, res *trawl.Result) {
	t.Helper()
	seen := make(map[trawl.Key]bool)
	for _, f := range append(res.Files[:len(res.Files):len(res.Files)], res.Pages...) {
		for _, u := range append([]string{f.URL}, f.Backup...) {
			if _, err := trawl.Canonical(u); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, u := range f.Backup {
			if trawl.KeyOf(f.Kind, u) == f.Key() {
				t.Errorf("%s: %s is its own backup", name, u)
			}
		}
		if seen[f.Key()] {
			t.Errorf("%s: %s %s twice", name, f.Kind, f.URL)
		}
		seen[f.Key()] = true
		if f.Spider != gallery.Name {
			t.Errorf("%s: %s is for spider %q", name, f.URL, f.Spider)
		}
		switch f.Kind {
		case trawl.KindFile:
			dir, file, ok := strings.Cut(f.Path, "/")
			if !ok || dir == "" || file == "" || strings.ContainsAny(file, "/\\\x00\n") || strings.Trim(dir, ".") == "" || strings.Trim(file, ".") == "" {
				t.Errorf("%s: path %q is not TITLE/NAME", name, f.Path)
			}
		case trawl.KindPage:
			if f.Key() == page.Request.Key() {
				t.Errorf("%s: leads to itself", name)
			}
			if f.Path != "" {
				t.Errorf("%s: page with path %q", name, f.Path)
			}
		}
	}
	if len(seen) == 0 && len(res.Warnings) == 0 {
		t.Errorf("%s: nothing found, and no warning", name)
	}
}

// TestCapturesKnown reads real pages of which everyone can see what is on them.
func TestCapturesKnown(t *testing.T) {
	dir := os.Getenv("TRAWL_CAPTURES")
	if dir == "" {
		t.Skip("TRAWL_CAPTURES is not set: no captured pages to read")
	}
	for _, tc := range []struct {
		file, url   string
		files       int    // exactly, or at least if atLeast is set
		atLeast     bool   // the page has pictures of its own around the wanted ones
		first, next string // part of the first wanted picture's URL; URL of the next page
	}{
		{"douban/2018-01-19_majunjun12345/start000.html", "https://movie.douban.com/top250", 25, false, "/public/p480747492.jpg", "https://movie.douban.com/top250?start=25&filter="},
		{"douban/2018-01-19_majunjun12345/start225.html", "https://movie.douban.com/top250?start=225", 25, false, "/public/", ""},
		{"maoyan/2017-12_0.html", "https://maoyan.com/board/4", 10, false, "/movie/20803f59291c47e1e116c11963ce019e68711.jpg", "https://maoyan.com/board/4?offset=10"},
		{"doutula/2019-05-06_yonzhan2_photo_list.html", "https://www.doutula.com/photo/list/", 68, true, "ws4.sinaimg.cn/bmiddle/", "https://www.doutula.com/photo/list/?page=2"},
		{"mzitu/2020-07-15_jjj333_home_list.neutral.html", "https://www.mzitu.com/", 24, true, "i.mmzztt.com/thumb/2020/06/237645_236.jpg", "https://www.mzitu.com/page/2/"},
		{"lists/stopgame_page_2.html", "https://metarankings.ru/best-pc-games/page/2/", 30, true, "/Rayman-Legends-cover", "https://metarankings.ru/best-pc-games/page/3/"},
		{"wpull/xkcd_1.html", "http://xkcd.com/1/", 2, false, "imgs.xkcd.com/comics/barrel_cropped_(1).jpg", "http://xkcd.com/2/"},
		{"readability/lazy-image-1.html", "https://medium.example/p/1", 10, false, "/max/3788/", ""},
		{"readability/wikipedia.html", "https://en.wikipedia.org/wiki/Mozilla", 7, true, "/440px-Mozilla_Firefox_logo_2013.svg.png", ""},
		{"readability/blogger.html", "https://blog.example/1", 3, false, "/s1600/block-diagram.png", ""},
		{"toscrape/quotes_page1.html", "https://quotes.toscrape.com/", 0, false, "", "https://quotes.toscrape.com/page/2/"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(dir, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			res := parse(t, htmlPage(tc.url, string(body)))
			if n := len(res.Files); n != tc.files && !(tc.atLeast && n > tc.files) {
				t.Errorf("%d files, want %d", n, tc.files)
			}
			if !slices.ContainsFunc(res.Files, func(f trawl.Request) bool { return strings.Contains(f.URL, tc.first) }) && tc.files > 0 {
				t.Errorf("no file from %s", tc.first)
			}
			next := ""
			for _, p := range res.Pages {
				next += p.URL
			}
			if next != tc.next {
				t.Errorf("next = %q, want %q", next, tc.next)
			}
		})
	}
}
