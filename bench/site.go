package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/trawl-go/trawl/internal/replica"
)

// A gallerySite is list pages of pictures that are all of one size.
type gallerySite struct {
	pages, perPage, size int

	jobsPerPlace int // of trawl; 0 means 1
}

func (g *gallerySite) files() int { return g.pages * g.perPage }

// picturePath is the address of a picture on the site, from 1 on.
func picturePath(page, n int) string { return fmt.Sprintf("/p/%04d/%03d.jpg", page, n) }

// make writes the site below dir/www, and the addresses of all pictures, as
// they are behind base, to dir/list.txt and, as
// aria2 wants them, dir/list.aria2.
func (g *gallerySite) make(dir, base string) error {
	pic, err := newPicture(g.size)
	if err != nil {
		return err
	}
	www := filepath.Join(dir, "www")
	if err := os.MkdirAll(filepath.Join(www, "g"), 0o755); err != nil {
		return err
	}
	var list, aria, page strings.Builder
	for p := 1; p <= g.pages; p++ {
		if err := os.MkdirAll(filepath.Join(www, filepath.Dir(picturePath(p, 1))), 0o755); err != nil {
			return err
		}
		page.Reset()
		fmt.Fprintf(&page, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>相册 %d</title></head>\n<body>\n<ul class=\"nav\">%s</ul>\n<div class=\"page-content text-center\">\n",
			p, strings.Repeat("<li><a href=\"/\">首页</a></li>\n", 20))
		for n := 1; n <= g.perPage; n++ {
			path := picturePath(p, n)
			fmt.Fprintf(&page, `<a class="col-xs-6 col-sm-3" href="/photo/%d-%d"><img src="/loading.gif" data-original="%s" alt="图 %d" class="img-responsive lazy"><p>第 %d 张</p></a>`+"\n", p, n, path, n, n)
			fmt.Fprintf(&list, "%s%s\n", base, path)
			fmt.Fprintf(&aria, "%s%s\n out=%s\n", base, path, path[1:])
			if err := os.WriteFile(filepath.Join(www, path), pic.number(p*g.perPage+n), 0o644); err != nil {
				return err
			}
		}
		page.WriteString("<img class=\"gif\" data-original=\"/ad.gif\">\n</div>\n<div class=\"foot\"><p>页脚</p></div>\n</body></html>\n")
		if err := os.WriteFile(filepath.Join(www, "g", fmt.Sprintf("%d.html", p)), []byte(page.String()), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(www, "robots.txt"), []byte("User-agent: *\nAllow: /\n"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "list.aria2"), []byte(aria.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "list.txt"), []byte(list.String()), 0o644)
}

// filmPages is how many different pages of films there are. A server answers
// /list/N with the page of N's last digit.
const filmPages = 10

// makeFilms writes pages of 25 films each, in the markup of Douban's list, and
// returns their mean size in bytes.
func makeFilms(ctx context.Context, dir string) (size int, err error) {
	www := filepath.Join(dir, "www", "films")
	if err := os.MkdirAll(www, 0o755); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(dir, "www", "robots.txt"), []byte("User-agent: *\nAllow: /\n"), 0o644); err != nil {
		return 0, err
	}
	s := replica.New(nil)
	if err := s.Start(ctx); err != nil {
		return 0, err
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	for i := range filmPages {
		resp, err := s.Client().Get(fmt.Sprintf("https://movie.douban.com/top250?start=%d", 25*i))
		if err != nil {
			return 0, err
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			return 0, fmt.Errorf("a page of films: status %d, %w", resp.StatusCode, err)
		}
		size += len(page) / filmPages
		if err := os.WriteFile(filepath.Join(www, fmt.Sprintf("%d.html", i)), page, 0o644); err != nil {
			return 0, err
		}
	}
	return size, nil
}
