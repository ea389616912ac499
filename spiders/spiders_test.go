package spiders_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/spiders"
)

// load loads a built-in spider.
func load(t testing.TB, name string, args map[string]string) *spider.Spider {
	t.Helper()
	src, ok := spiders.Source(name)
	if !ok {
		t.Fatalf("no spider %s", name)
	}
	s, err := spider.Load(name+".star", src, &spider.Options{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// capture returns the files of a pattern in the folder TRAWL_CAPTURES, and
// skips the test if there is no such folder.
func capture(t testing.TB, pattern string) []string {
	t.Helper()
	dir := os.Getenv("TRAWL_CAPTURES")
	if dir == "" {
		t.Skip("TRAWL_CAPTURES is not set; it names a folder of pages of the real sites")
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s in %s: %v", pattern, dir, err)
	}
	return files
}

// parse runs a spider over a file.
func parse(t testing.TB, s *spider.Spider, file, url string, req trawl.Request) *trawl.Result {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	req.URL = url
	res, err := s.Parse(context.Background(), &trawl.Page{
		Request: req, URL: url, Status: 200, Body: body,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
	})
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(file), err)
	}
	if len(res.Failed) > 0 || len(res.Warnings) > 0 {
		t.Errorf("%s: failed %v, warnings %v", filepath.Base(file), res.Failed, res.Warnings)
	}
	return res
}

// sum is the hash of what was written to it, in hexadecimal.
func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func TestNames(t *testing.T) {
	if diff := cmp.Diff([]string{"douban", "doutula", "mzitu"}, spiders.Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	for _, name := range spiders.Names() {
		if got := load(t, name, nil).Settings(); got.Name != name || len(got.Match) == 0 {
			t.Errorf("%s: Settings %+v, want its name and a match", name, got)
		}
	}
	if _, ok := spiders.Source("none"); ok {
		t.Error("there is a spider none")
	}
}

// starts returns the start URLs of a spider.
func starts(t *testing.T, s *spider.Spider) (urls []string) {
	t.Helper()
	for r, err := range s.Start(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, r.URL)
	}
	return urls
}

func TestStarts(t *testing.T) {
	for _, tt := range []struct {
		name        string
		args        map[string]string
		n           int
		first, last string
	}{
		{"mzitu", nil, 1, "https://www.mzitu.com/page/1/", "https://www.mzitu.com/page/1/"},
		{"mzitu", map[string]string{"pages": "3"}, 3, "https://www.mzitu.com/page/1/", "https://www.mzitu.com/page/3/"},
		{"douban", nil, 10, "https://movie.douban.com/top250?start=0", "https://movie.douban.com/top250?start=225"},
		{"doutula", nil, 9, "https://www.doutula.com/photo/list/?page=1", "https://www.doutula.com/photo/list/?page=9"},
	} {
		got := starts(t, load(t, tt.name, tt.args))
		if len(got) != tt.n || got[0] != tt.first || got[tt.n-1] != tt.last {
			t.Errorf("%s %v starts at %q, want %d from %s to %s", tt.name, tt.args, got, tt.n, tt.first, tt.last)
		}
	}
}

func TestDoutulaSettings(t *testing.T) {
	set := load(t, "doutula", nil).Settings()
	if set.Producers != 5 || set.Consumers != 5 || set.PageQueue != 100 || set.FileQueue != 1000 {
		t.Errorf("Settings %+v, want 5 producers and consumers, queues of 100 and 1000", set)
	}
}

// The hashes below are of values that lxml, an independent parser, found in
// the same files with selectors of its own: a line each of rank, title,
// rating, votes, quote, link and poster, with tabs between them.
func TestDoubanCaptures(t *testing.T) {
	s := load(t, "douban", nil)
	all, quoteless := 0, 0
	for _, tt := range []struct {
		date             string
		films, quoteless int
		sum              string
	}{
		{"2017-04-12", 25, 0, "6987d06ec96b80fbfe4fbf6b5ab57b25c5ba44c0b6e721c8563fb609c6bc7d18"},
		{"2018-01-11", 250, 2, "70ea6eef4b3c1d5e4041ecc9fdf8b2b90b46d252a193fa51fec9f7fc67805fe7"},
		{"2018-01-19", 250, 0, "1b6e5c2416d8eccd4570f6e8e751f2bffb54668506901de0434a304496789c7e"},
		{"2018-01-30", 250, 3, "d6a01d5dda7d0aaef80a0d2eaa41948312d3d76d623015ec8007c43c11639910"},
		{"2018-09-12", 250, 2, "71fc034f965fc3e354d834417525e8bc8e344209353ef62ca3af4ced334b99a6"},
		{"2018-10-06", 250, 0, "a4b0635ac0311d3e378ed46c0410639ba857eb626591745fe45562055050ee5d"},
		{"2019-09-04", 250, 2, "b28fc5da7ccababc959bc24d9dfdf9f7486e1e89af3a6ef522a8c77ac6e8fe0f"},
		{"2019-09-08", 250, 1, "24eec1b8b591cd00e37e8916e5a66f989e16d8b2a3e965f443f3ff4bcb12dc15"},
		{"2021-01-15", 250, 7, "4b6f0e238ed8512561fa61a5dcc9a98f212faca2dd08ecbbda1527f09ac4aeb0"},
		{"2022-07-05", 250, 13, "7a2ac479f459fc083afeeb75c9778251e4bf80fb74778db8df1d3711e1c9d3d1"},
		{"2025-04-23", 25, 0, "ae9c8c263dddc10a0e8d0ef574bcbf1780ea8be55516ca752faaeb893b377d5c"},
		{"2025-06-07", 25, 0, "cdb436073e864721fac0f2a038fc9ea369e9ffff02107655168537fba546ee16"},
	} {
		h := sha256.New()
		films, none := 0, 0
		files := capture(t, "douban/"+tt.date+"_*/*.html")
		slices.Sort(files)
		for page, file := range files {
			res := parse(t, s, file, fmt.Sprintf("https://movie.douban.com/top250?start=%d", page*25), trawl.Request{})
			if len(res.Items) != 25 || len(res.Files) != 25 || len(res.Pages) != 0 {
				t.Fatalf("%s page %d: %d items, %d files, %d pages; want 25, 25, 0", tt.date, page, len(res.Items), len(res.Files), len(res.Pages))
			}
			for _, it := range res.Items {
				films++
				f := filmOf(t, it)
				if f.quote == "" {
					none++
				}
				poster := res.Files[f.poster]
				if want := fmt.Sprintf("posters/%d.jpg", films); poster.Path != want {
					t.Errorf("%s: poster of rank %d at %q, want %q", tt.date, f.rank, poster.Path, want)
				}
				fmt.Fprintf(h, "%d\t%s\t%.1f\t%d\t%s\t%s\t%s\n", f.rank, f.title, f.rating, f.votes, f.quote, f.link, poster.URL)
			}
		}
		if films != tt.films || none != tt.quoteless || sum(h) != tt.sum {
			t.Errorf("%s: %d films, %d without quote, %s; want %d, %d, %s", tt.date, films, none, sum(h), tt.films, tt.quoteless, tt.sum)
		}
		all += films
		quoteless += none
	}
	if all != 2325 || quoteless != 30 {
		t.Errorf("%d films, %d without quote; want 2325, 30", all, quoteless)
	}
}

type film struct {
	rank, votes        int64
	title, quote, link string
	rating             float64
	poster             trawl.FileRef
}

// filmOf reads an item of douban, and fails the test if it has another shape.
func filmOf(t *testing.T, it trawl.Item) (f film) {
	t.Helper()
	var names []string
	v := make(map[string]any)
	for _, field := range it.Fields {
		names = append(names, field.Name)
		v[field.Name] = field.Value
	}
	if want := []string{"rank", "title", "rating", "votes", "quote", "link", "poster"}; it.Output != "top250" || !slices.Equal(names, want) {
		t.Fatalf("item to %q with %v, want top250 with %v", it.Output, names, want)
	}
	if v["quote"] == nil {
		v["quote"] = ""
	}
	return film{
		rank: v["rank"].(int64), votes: v["votes"].(int64), rating: v["rating"].(float64),
		title: v["title"].(string), quote: v["quote"].(string), link: v["link"].(string),
		poster: v["poster"].(trawl.FileRef),
	}
}

func TestDoutulaCapture(t *testing.T) {
	s := load(t, "doutula", nil)
	res := parse(t, s, capture(t, "doutula/2019-05-06_*.html")[0], "https://www.doutula.com/photo/list/?page=1", trawl.Request{})
	h := sha256.New()
	paths := make(map[string]bool)
	for _, f := range res.Files {
		if f.Referer != "" || len(f.Backup) > 1 {
			t.Errorf("%s: referer %q, backup %q; want none and one at most", f.URL, f.Referer, f.Backup)
		}
		paths[f.Path] = true
		// Some are their own backup.
		fmt.Fprintf(h, "%s\t%s\t%s\n", f.URL, f.Path, slices.Concat(f.Backup, []string{f.URL})[0])
	}
	// By lxml: address, path and backup.
	const want = "d8643f77769d4d0f8e3d486f5f65f82cd59d5f72bfa0c16dd1323306b0c9ed67"
	if len(res.Files) != 68 || len(paths) != 67 || sum(h) != want {
		t.Errorf("%d files, %d paths, %s; want 68, 67, %s", len(res.Files), len(paths), sum(h), want)
	}
}

func TestDoutulaSnippets(t *testing.T) {
	s := load(t, "doutula", nil)
	for _, tt := range []struct{ file, path string }{
		{"snippets/doutula_item_2018-11.html", "imgs/动耳朵.gif"},
		{"snippets/doutula_item_2020-04.html", "imgs/20200429144626_SIegEr.gif"},
	} {
		body, err := os.ReadFile(capture(t, tt.file)[0])
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, slices.Concat([]byte(`<div class="page-content text-center">`), body), 0o666); err != nil {
			t.Fatal(err)
		}
		res := parse(t, s, file, "https://www.doutula.com/photo/list/?page=1", trawl.Request{})
		if len(res.Files) != 1 || res.Files[0].Path != tt.path {
			t.Errorf("%s: files %+v, want one at %s", tt.file, res.Files, tt.path)
		}
	}
}

func TestMzituCaptures(t *testing.T) {
	s := load(t, "mzitu", nil)
	t.Run("list", func(t *testing.T) {
		res := parse(t, s, capture(t, "mzitu/2020-07-15_*.html")[0], "https://www.mzitu.com/page/1/", trawl.Request{})
		h := sha256.New()
		for _, p := range res.Pages {
			fmt.Fprintln(h, p.URL)
			if p.Parse != "parse_gallery" {
				t.Errorf("%s is parsed by %q, want parse_gallery", p.URL, p.Parse)
			}
		}
		const want = "c9d9720be7c1cb44f6b70219168501e68013bce236625aa9f7259467181079e0" // by lxml
		if len(res.Pages) != 24 || len(res.Files) != 0 || sum(h) != want {
			t.Errorf("%d galleries, %d files, %s; want 24, 0, %s", len(res.Pages), len(res.Files), sum(h), want)
		}
	})
	for _, tt := range []struct {
		file, url, image, title string
		pages                   int
	}{
		{"2017-08_p2of65", "http://www.mzitu.com/101256", "http://i.meizitu.net/2017/08/27c02.jpg", "Neutral gallery title A", 65},
		{"2018_p1of60", "http://www.mzitu.com/155507", "http://i.meizitu.net/2018/10/01a01.jpg", "Neutral gallery title B", 60},
		{"2020-01", "https://www.mzitu.com/219871", "https://i5.mmzztt.com/2020/01/12c01.jpg", "Neutral gallery title C", 1},
	} {
		t.Run(tt.file, func(t *testing.T) {
			file := capture(t, "snippets/mzitu_gallery_"+tt.file+".html")[0]
			// A gallery is recognized when it comes by itself, too.
			for _, fn := range []string{"parse_gallery", ""} {
				res := parse(t, s, file, tt.url, trawl.Request{Parse: fn})
				if len(res.Pages) != tt.pages-1 {
					t.Errorf("%d more pages, want %d", len(res.Pages), tt.pages-1)
				}
				for i, p := range res.Pages {
					if want := fmt.Sprintf("%s/%d", tt.url, i+2); p.URL != want || p.Parse != "parse_picture" {
						t.Errorf("page %d is %s for %q, want %s for parse_picture", i+2, p.URL, p.Parse, want)
					}
				}
				wantPicture(t, res, tt.image, path.Join(tt.title, "1.jpg"), tt.url)
			}
			res := parse(t, s, file, tt.url+"/7", trawl.Request{Parse: "parse_picture", Meta: []byte(`{"title": "a/b", "n": 7}`)})
			wantPicture(t, res, tt.image, "a_b/7.jpg", tt.url+"/7")
		})
	}
}

func wantPicture(t *testing.T, res *trawl.Result, url, path, referer string) {
	t.Helper()
	if len(res.Files) != 1 {
		t.Fatalf("%d files, want 1", len(res.Files))
	}
	f := res.Files[0]
	if f.URL != url || f.Path != path || f.Referer != referer {
		t.Errorf("file %s at %q from %q; want %s at %q from %q", f.URL, f.Path, f.Referer, url, path, referer)
	}
}
