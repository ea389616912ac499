package gallery_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
	"github.com/trawl-go/trawl/internal/replica"
)

// collect runs the spider from a URL over everything that it asks for, and
// returns the pages that it read and the files that it would save.
func collect(t *testing.T, c *http.Client, start string) (pages []string, files []trawl.Request) {
	t.Helper()
	spider := gallery.New(nil)
	first, err := gallery.Request(start)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[trawl.Key]bool{first.Key(): true}
	for queue := []trawl.Request{first}; len(queue) > 0; queue = queue[1:] {
		r := queue[0]
		pages = append(pages, r.URL)
		res, err := spider.Parse(t.Context(), get(t, c, r))
		if err != nil {
			t.Fatalf("Parse(%s): %v", r.URL, err)
		}
		for _, w := range res.Warnings {
			t.Errorf("%s: %s", r.URL, w)
		}
		for _, next := range append(res.Files, res.Pages...) {
			if seen[next.Key()] {
				continue
			}
			seen[next.Key()] = true
			if next.Kind == trawl.KindFile {
				files = append(files, next)
				continue
			}
			next.Depth = r.Depth + 1
			queue = append(queue, next)
		}
	}
	return pages, files
}

func get(t *testing.T, c *http.Client, r trawl.Request) *trawl.Page {
	t.Helper()
	resp, err := c.Get(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", r.URL, resp.Status, err)
	}
	return &trawl.Page{Request: r, URL: r.URL, Status: resp.StatusCode, Header: resp.Header, Body: body}
}

// TestAlbums collects every album of the replica, in UTF-8 and in GBK that
// nobody declares: all full pictures, in order, and nothing else.
func TestAlbums(t *testing.T) {
	for _, charset := range []replica.Charset{replica.UTF8, replica.GBKUnstated} {
		s := replica.New(&replica.Options{Seed: 7})
		s.Change("*", func(r *replica.Rules) { r.Charset = charset })
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := s.Client()
		t.Cleanup(func() {
			c.CloseIdleConnections()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		for _, album := range s.Expected().Albums {
			t.Run(album.Name+string(charset), func(t *testing.T) {
				pages, files := collect(t, c, album.URL)
				want := append(slices.Clone(album.Pages), album.Details...)
				if d := cmp.Diff(want, pages); d != "" {
					t.Errorf("pages (-want +got):\n%s", d)
				}
				var urls []string
				for i, f := range files {
					urls = append(urls, f.URL)
					dir, name, _ := strings.Cut(f.Path, "/")
					if dir != album.Title || name == "" {
						t.Errorf("path of file %d = %q, want it in %q", i, f.Path, album.Title)
					}
					if !slices.Contains(pages, f.Referer) {
						t.Errorf("Referer of %s = %q, want a page of the album", f.URL, f.Referer)
					}
					for _, b := range f.Backup {
						if !slices.Contains(album.Others, b) || strings.Contains(b, "/img/") {
							t.Errorf("backup %s of %s is no smaller size", b, f.URL)
						}
					}
				}
				if d := cmp.Diff(album.Pictures, urls); d != "" {
					t.Errorf("pictures (-want +got):\n%s", d)
				}
			})
		}
	}
}
