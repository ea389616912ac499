package spiders_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/replica"
	"github.com/trawl-go/trawl/internal/spider"
)

// collect runs a spider over a replica, pages only, and returns all results.
func collect(t *testing.T, s *spider.Spider, site *replica.Server) (all trawl.Result) {
	t.Helper()
	var queue []trawl.Request
	for r, err := range s.Start(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		queue = append(queue, r)
	}
	seen := make(map[trawl.Key]bool)
	for len(queue) > 0 {
		req := queue[0]
		queue = queue[1:]
		if seen[req.Key()] {
			continue
		}
		seen[req.Key()] = true
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", req.URL, nil)
		if req.Referer != "" {
			r.Header.Set("Referer", req.Referer)
		}
		site.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%s: status %d", req.URL, w.Code)
		}
		res, err := s.Parse(context.Background(), &trawl.Page{Request: req, URL: req.URL, Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()})
		if err != nil {
			t.Fatalf("%s: %v", req.URL, err)
		}
		queue = append(queue, res.Pages...)
		for i := range res.Items { // make file references count from the start
			for j, f := range res.Items[i].Fields {
				if ref, ok := f.Value.(trawl.FileRef); ok {
					res.Items[i].Fields[j].Value = ref + trawl.FileRef(len(all.Files))
				}
			}
		}
		all.Files = append(all.Files, res.Files...)
		all.Items = append(all.Items, res.Items...)
		all.Failed = append(all.Failed, res.Failed...)
		all.Warnings = append(all.Warnings, res.Warnings...)
		all.Pages = append(all.Pages, req)
	}
	return all
}

// fileLines writes files as lines.
func fileLines(files []trawl.Request) (lines []string) {
	for _, f := range files {
		lines = append(lines, fmt.Sprintf("%s at %s from %q or %v", f.URL, f.Path, f.Referer, f.Backup))
	}
	return lines
}

func TestMzituReplica(t *testing.T) {
	for _, vintage := range []string{replica.Mzitu2018, replica.Mzitu2019, replica.Mzitu2020} {
		t.Run(vintage, func(t *testing.T) {
			site := replica.New(&replica.Options{Mzitu: replica.MzituOptions{Vintage: vintage, Galleries: 14, PerList: 5, Flawed: true}})
			got := collect(t, load(t, "mzitu", map[string]string{"pages": "3"}), site)
			var want []string
			pages := 3
			for _, g := range site.Expected().Galleries {
				title := g.Title
				if title == "" {
					title = strconv.Itoa(g.ID)
				}
				title = strings.ReplaceAll(title, "/", "_")
				for n, p := range g.Pages {
					pages++
					if p.Image != "" {
						want = append(want, fmt.Sprintf("%s at %s/%d.jpg from %q or []", p.Image, title, n+1, p.URL))
					}
				}
			}
			lines := fileLines(got.Files)
			if diff := cmp.Diff(sorted(want), sorted(lines)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if len(got.Pages) != pages {
				t.Errorf("%d pages, want %d", len(got.Pages), pages)
			}
			// One page has no picture.
			if diff := cmp.Diff([]string{"mzitu.star:20: page.save got no address"}, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoubanReplica(t *testing.T) {
	for _, vintage := range []string{replica.Douban2018, replica.Douban2022, replica.Douban2025} {
		t.Run(vintage, func(t *testing.T) {
			site := replica.New(&replica.Options{Douban: replica.DoubanOptions{Vintage: vintage}})
			got := collect(t, load(t, "douban", nil), site)
			var want, lines []string
			for _, f := range site.Expected().Films {
				want = append(want, fmt.Sprintf("%d %s %.1f %d %q %s %s at posters/%d.jpg", f.Rank, f.Title, f.Rating, f.Votes, f.Quote, f.Link, f.Poster, f.Rank))
			}
			for _, it := range got.Items {
				f := filmOf(t, it)
				poster := got.Files[f.poster]
				lines = append(lines, fmt.Sprintf("%d %s %.1f %d %q %s %s at %s", f.rank, f.title, f.rating, f.votes, f.quote, f.link, poster.URL, poster.Path))
			}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("films (-want +got):\n%s", diff)
			}
			if len(got.Failed) > 0 || len(got.Warnings) > 0 || len(got.Files) != 250 {
				t.Errorf("%d files, failed %v, warnings %v; want 250 and none", len(got.Files), got.Failed, got.Warnings)
			}
		})
	}
}

func TestDoutulaReplica(t *testing.T) {
	unwanted := regexp.MustCompile(`[?？.，。！!*]`)
	for _, vintage := range []string{replica.Doutula2019, replica.Doutula2020} {
		t.Run(vintage, func(t *testing.T) {
			site := replica.New(&replica.Options{Doutula: replica.DoutulaOptions{Vintage: vintage, Pages: 3}})
			got := collect(t, load(t, "doutula", map[string]string{"pages": "3"}), site)
			var want []string
			for _, s := range site.Expected().Stickers {
				abs := func(u string) string {
					if strings.HasPrefix(u, "//") {
						return "https:" + u
					}
					return u
				}
				file, _, _ := strings.Cut(s.Original[strings.LastIndex(s.Original, "/")+1:], "!")
				stem, ext, _ := strings.Cut(file, ".")
				if ext != "" && ext != "null" {
					ext = "." + ext
				} else {
					ext = ""
				}
				name := unwanted.ReplaceAllString(s.Caption, "")
				if name == "" {
					name = stem
				}
				backup := []string{abs(s.Backup)}
				if backup[0] == abs(s.Original) {
					backup = nil
				}
				want = append(want, fmt.Sprintf("%s at imgs/%s%s from \"\" or %v", abs(s.Original), strings.ReplaceAll(name, "/", "_"), ext, backup))
			}
			if diff := cmp.Diff(want, fileLines(got.Files)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if len(got.Failed) > 0 || len(got.Warnings) > 0 || len(got.Files) != 3*68 {
				t.Errorf("%d files, failed %v, warnings %v; want %d and none", len(got.Files), got.Failed, got.Warnings, 3*68)
			}
			for _, f := range got.Files {
				if strings.Contains(f.Path, "!") || strings.HasSuffix(f.Path, ".null") {
					t.Errorf("path %q", f.Path)
				}
			}
		})
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
