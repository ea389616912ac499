package gallery_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
)

var update = flag.Bool("update", false, "rewrite the want section of testdata/*.txtar")

// htmlPage is a page at a URL as a server sends it.
func htmlPage(address, body string) *trawl.Page {
	return &trawl.Page{
		Request: trawl.Request{URL: address, Spider: gallery.Name},
		URL:     address, Status: 200,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   []byte(body),
	}
}

func parse(t *testing.T, p *trawl.Page) *trawl.Result {
	t.Helper()
	res, err := gallery.New(nil).Parse(t.Context(), p)
	if err != nil {
		t.Fatalf("Parse(%s): %v", p.URL, err)
	}
	return res
}

// show writes a result line by line: what is saved under which name, the
// backups indented below it, the pages that follow.
func show(res *trawl.Result) string {
	var b strings.Builder
	for _, f := range res.Files {
		fmt.Fprintf(&b, "%s <- %s\n", f.Path, f.URL)
		for _, u := range f.Backup {
			fmt.Fprintf(&b, "\tor %s\n", u)
		}
	}
	for _, p := range res.Pages {
		what := "next"
		if p.Parse != "" {
			what = p.Parse
		}
		fmt.Fprintf(&b, "%s %s %s\n", what, p.URL, p.Meta)
	}
	for _, w := range res.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

// TestPages reads the pages of testdata, one rule a file. The comment of a file
// holds the page's URL and what the file is about.
func TestPages(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			address, archive := readPage(t, file)
			page := htmlPage(address, string(archive.Files[0].Data))
			res := parse(t, page)
			checkSane(t, file, page, res)
			got := show(res)
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(archive.Files[1].Data), got); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
		})
	}
}

func readPage(t testing.TB, file string) (address string, a *txtar.Archive) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	address, _, _ = strings.Cut(string(a.Comment), "\n")
	if len(a.Files) != 2 || a.Files[0].Name != "page" || a.Files[1].Name != "want" || !strings.HasPrefix(address, "http") {
		t.Fatalf("%s: want a URL, a page and what is wanted", file)
	}
	return address, a
}

func TestRequest(t *testing.T) {
	for _, tc := range []struct {
		url  string
		kind trawl.Kind
		path string
	}{
		{"https://h.example/album/7", trawl.KindPage, ""},
		{"https://h.example/", trawl.KindPage, ""},
		{"https://h.example/a/photo.JPG?x=1", trawl.KindFile, "photo.jpg"},
		{"https://h.example/a/%E6%B9%96%E8%BE%B9.png", trawl.KindFile, "湖边.png"},
		{"https://h.example/a/photo.jpg!w300", trawl.KindFile, "photo.jpg"},
		{"https://h.example/a/photo.jpg@160w_220h", trawl.KindFile, "photo.jpg"},
		{"https://h.example/clip.mp4", trawl.KindFile, "clip.mp4"},
		{"https://h.example/set.zip", trawl.KindFile, "set.zip"},
		{"https://h.example/book.pdf", trawl.KindFile, "book.pdf"},
		{"https://h.example/a%2Fb%5Cc.jpg", trawl.KindFile, "b_c.jpg"},
		{"https://h.example/page.html", trawl.KindPage, ""},
		{"https://h.example/image.php?name=a.jpg", trawl.KindPage, ""},
		{"https://h.example/wiki/File:Photo.jpg", trawl.KindPage, ""},
		{"https://h.example/wiki/%E6%96%87%E4%BB%B6:Photo.jpg", trawl.KindPage, ""},
		{"https://github.com/o/r/blob/main/photo.png", trawl.KindPage, ""},
		{"https://h.example/v2.0", trawl.KindPage, ""},
	} {
		r, err := gallery.Request(tc.url)
		if err != nil || r.Kind != tc.kind || r.Path != tc.path || r.Spider != gallery.Name || r.Referer != "" {
			t.Errorf("Request(%s) = %+v, %v; want a %v with path %q", tc.url, r, err, tc.kind, tc.path)
		}
	}
	for _, bad := range []string{"", "h.example/a", "ftp://h.example/a.jpg", "javascript:alert(1)"} {
		if r, err := gallery.Request(bad); err == nil {
			t.Errorf("Request(%q) = %+v, want an error", bad, r)
		}
	}
}

func TestStart(t *testing.T) {
	s := gallery.New(&gallery.Options{URLs: []string{"https://h.example/a", "https://h.example/b.jpg", "bad", "https://h.example/c"}})
	var got []string
	var failed error
	for r, err := range s.Start(t.Context()) {
		if err != nil {
			failed = err
			continue
		}
		got = append(got, r.Kind.String()+" "+r.URL)
	}
	want := []string{"page https://h.example/a", "file https://h.example/b.jpg"}
	if d := cmp.Diff(want, got); d != "" || failed == nil {
		t.Errorf("Start yields (-want +got), then error %v:\n%s", failed, d)
	}
}

// TestBodies tells pages from other bodies, whatever the server calls them.
func TestBodies(t *testing.T) {
	const page = `<p><img src="a.jpg">`
	jpeg := "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
	for _, tc := range []struct {
		name, contentType, body string
		html                    bool
	}{
		{"page", "text/html", page, true},
		{"page without a type", "", page, true},
		{"page called a picture", "image/jpeg", "<!DOCTYPE html>" + page, true},
		{"page called bytes", "application/octet-stream", "<html>" + page, true},
		{"page that begins with text", "text/html; charset=gbk", "hello" + page, true},
		{"xhtml", "application/xhtml+xml", `<?xml version="1.0"?><html>` + page + `</p></html>`, true},
		{"xhtml called xml", "text/xml", `<?xml version="1.0"?><html>` + page + `</p></html>`, true},
		{"empty page", "text/html", "", true},
		{"picture", "image/jpeg", jpeg, false},
		{"picture called a page", "text/html", jpeg, false},
		{"drawing", "image/svg+xml", `<!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>`, false},
		{"json", "application/json", `{"html":"<p><img src=a.jpg>"}`, false},
		{"feed", "application/rss+xml", `<?xml version="1.0"?><rss/>`, false},
		{"text", "text/plain", "a < b", false},
		{"pdf called a page", "text/html", "%PDF-1.4\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := htmlPage("https://h.example/dir/%E5%9B%BE.jpg?v=2", tc.body)
			p.Header.Set("Content-Type", tc.contentType)
			p.Request.Referer = "https://h.example/from"
			res := parse(t, p)
			if tc.html {
				if len(res.Files) == 1 && res.Files[0].URL == p.URL {
					t.Error("the body is saved as it is, want it read as a page")
				}
				return
			}
			want := &trawl.Result{Files: []trawl.Request{{
				URL: p.URL, Kind: trawl.KindFile, Spider: gallery.Name, Path: "图.jpg", Loose: true, Referer: "https://h.example/from",
			}}}
			if d := cmp.Diff(want, res); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
		})
	}
}

// TestTitles names the folder of a gallery.
func TestTitles(t *testing.T) {
	long := strings.Repeat("很长的标题", 30)
	for _, tc := range []struct{ name, url, html, want string }{
		{"h1", "https://h.example/g/1", `<title>x - y</title><h1> 湖边的 <b>早晨</b></h1>`, "湖边的 早晨"},
		{"two h1", "https://h.example/g/1", `<title>梯田 - 图库</title><h1>一</h1><h1>二</h1>`, "梯田"},
		{"long h1", "https://h.example/g/1", `<title>梯田</title><h1>` + long + `</h1>`, "梯田"},
		{"h1 is the logo", "https://h.example/g/1", `<title>梯田 - 图库</title><h1><a href="/">图库首页</a></h1>`, "梯田"},
		{"h1 is the site's name", "https://h.example/g/1", `<title>梯田 | 图库</title><h1>图库</h1>`, "梯田"},
		{"h1 of the front page", "https://h.example/", `<title>t</title><h1><a href="/">图库</a></h1>`, "图库"},
		{"dash", "https://h.example/g/1", `<title>Lake - Dawn - Site</title>`, "Lake - Dawn"},
		{"no spaces around the dash", "https://h.example/g/1", `<title>Lake-Dawn</title>`, "Lake-Dawn"},
		{"bar without spaces", "https://h.example/g/1", `<title>梯田|图库</title>`, "梯田"},
		{"underscore", "https://h.example/g/1", `<title>梯田_风光_图库</title>`, "梯田_风光"},
		{"underscore in a name", "https://h.example/g/1", `<title>IMG_0001</title>`, "IMG_0001"},
		{"en dash", "https://h.example/g/1", `<title>Dawn – The Site</title>`, "Dawn"},
		{"site first by host", "https://www.photosite.example/g/1", `<title>Photo Site - Dawn</title>`, "Dawn"},
		{"site first by name", "https://h.example/g/1", `<meta property="og:site_name" content="图库"><title>图库 - 梯田</title>`, "梯田"},
		{"nothing but the address", "https://h.example/g/%E6%A2%AF%E7%94%B0.html", ``, "梯田"},
		{"nothing but the folder", "https://h.example/g/dawn/", `<title> </title>`, "dawn"},
		{"nothing but the host", "https://h.example/", ``, "h.example"},
		{"separators", "https://h.example/g/1", `<h1>a/b\c</h1>`, "a_b_c"},
		{"dots", "https://h.example/g/1", `<h1>..</h1>`, "_"},
		{"title of a drawing", "https://h.example/g/1", `<title>Dawn</title><svg><title>icon</title></svg>`, "Dawn"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := parse(t, htmlPage(tc.url, tc.html+`<p><img src="/a.jpg">`))
			if len(res.Files) != 1 || res.Files[0].Path != tc.want+"/a.jpg" {
				t.Errorf("files = %v, want one at %q", res.Files, tc.want+"/a.jpg")
			}
		})
	}
}

// TestFollowing carries the title and the numbers from page to page.
func TestFollowing(t *testing.T) {
	first := parse(t, htmlPage("https://h.example/g/5", `<h1>梯田</h1><img src="/image.php?id=1"><img src="/image.php?id=2"><a href="/g/5/2">下一页</a>`))
	if len(first.Pages) != 1 {
		t.Fatalf("pages = %v, want the next one", first.Pages)
	}
	next := htmlPage("https://h.example/g/5/2", `<h1>梯田 (2)</h1><img src="/image.php?id=3"><a href="/g/5/3">下一页</a>`)
	next.Request = first.Pages[0]
	if next.Request.Referer != "https://h.example/g/5" {
		t.Errorf("Referer = %q, want the page's URL", next.Request.Referer)
	}
	second := parse(t, next)
	if len(second.Files) != 1 || second.Files[0].Path != "梯田/003" {
		t.Errorf("files of page 2 = %v, want 梯田/003", second.Files)
	}

	t.Run("to a picture", func(t *testing.T) {
		p := *next
		p.Header = http.Header{"Content-Type": {"image/png"}}
		p.Body = []byte("\x89PNG\r\n\x1a\n")
		p.URL = "https://h.example/g/5/2.png"
		if res := parse(t, &p); len(res.Files) != 1 || res.Files[0].Path != "梯田/2.png" {
			t.Errorf("files = %v, want 梯田/2.png", res.Files)
		}
	})
	t.Run("MaxPages", func(t *testing.T) {
		for depth, want := range []int{1, 1, 0} {
			next.Request.Depth = depth
			res, err := gallery.New(&gallery.Options{MaxPages: 3}).Parse(t.Context(), next)
			if err != nil || len(res.Pages) != want {
				t.Errorf("at depth %d: %d pages, %v; want %d", depth, len(res.Pages), err, want)
			}
		}
	})
	t.Run("broken Meta", func(t *testing.T) {
		p := *next
		p.Request.Meta = []byte(`{"title":7}`)
		if _, err := gallery.New(nil).Parse(t.Context(), &p); err == nil {
			t.Error("no error")
		}
	})
}

// TestPhotoPage reads the page of a single picture, to which a thumbnail led.
func TestPhotoPage(t *testing.T) {
	for _, tc := range []struct{ name, html, want string }{
		{"one picture", `<img src="/full/3.jpg" width=800 height=600>`, "梯田/3.jpg <- https://h.example/full/3.jpg\n\tor https://h.example/t/3.jpg\n"},
		{"others beside it", `<img src="/full/3.jpg"><a href="/photo/4"><img src="/t/4.jpg" width=120 height=80></a><a href="/photo/4">Next</a>`, "梯田/3.jpg <- https://h.example/full/3.jpg\n\tor https://h.example/t/3.jpg\n"},
		{"no picture", `<p>gone`, "梯田/3.jpg <- https://h.example/t/3.jpg\n"},
		{"no name", `<img src="/full?id=3">`, "梯田/full <- https://h.example/full?id=3\n\tor https://h.example/t/3.jpg\n"},
		{"generic name", `<img src="/image?id=3">`, "梯田/008 <- https://h.example/image?id=3\n\tor https://h.example/t/3.jpg\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := htmlPage("https://h.example/photo/3", tc.html)
			p.Request.Parse = "photo"
			p.Request.Meta = []byte(`{"title":"梯田","files":7,"thumb":"https://h.example/t/3.jpg"}`)
			if d := cmp.Diff(tc.want, show(parse(t, p))); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
		})
	}
}

// TestGBK reads a page whose encoding nobody declares; its queries are escaped
// in that encoding.
func TestGBK(t *testing.T) {
	html := `<title>湖边的早晨_图库</title><p>这里是一些普通的中文句子，用来让编码可以被认出来。</p><img src="/img?名=早晨"><a href="?页=2">下一页</a>`
	body, err := simplifiedchinese.GBK.NewEncoder().String(html)
	if err != nil {
		t.Fatal(err)
	}
	p := htmlPage("https://h.example/g", body)
	p.Header.Set("Content-Type", "text/html")
	want := "湖边的早晨/001 <- https://h.example/img?%C3%FB=%D4%E7%B3%BF\n" +
		"next https://h.example/g?%D2%B3=2 {\"title\":\"湖边的早晨\",\"files\":1}\n"
	if d := cmp.Diff(want, show(parse(t, p))); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
}

func Example() {
	spider := gallery.New(nil)
	request, err := gallery.Request("https://photos.example/terraces")
	if err != nil {
		fmt.Println(err)
		return
	}
	// The engine fetches the page.
	page := &trawl.Page{Request: request, URL: request.URL, Body: []byte(`<!DOCTYPE html>
		<title>梯田 - 图库</title>
		<a href="/full/1.jpg"><img src="/thumb/1.jpg"></a>
		<a href="/terraces/2">下一页</a>`)}
	result, err := spider.Parse(context.Background(), page)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range result.Files {
		fmt.Println(f.Path, f.URL)
	}
	for _, p := range result.Pages {
		fmt.Println("then", p.URL)
	}
	// Output:
	// 梯田/1.jpg https://photos.example/full/1.jpg
	// then https://photos.example/terraces/2
}

// FuzzParse checks what holds for any page.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		address, a := readPage(f, file)
		f.Add(address, "text/html", a.Files[0].Data)
	}
	f.Add("http://h.example/%zz", "", []byte(`<a href="?p=2">&gt;</a><img srcset=", ,a 1x 2w,(">`))
	spider := gallery.New(nil)
	f.Fuzz(func(t *testing.T, address, contentType string, body []byte) {
		page := &trawl.Page{Request: trawl.Request{URL: address}, URL: address, Header: http.Header{"Content-Type": {contentType}}, Body: body}
		res, err := spider.Parse(t.Context(), page)
		if err != nil {
			return
		}
		if len(res.Files) == 1 && res.Files[0].Key() == trawl.KeyOf(trawl.KindFile, address) {
			return // the body itself
		}
		checkSane(t, "fuzz", page, res)
	})
}
