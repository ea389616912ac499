package replica

import (
	"fmt"
	"image"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// AlbumOptions shape the generic picture site. The zero value is the default.
type AlbumOptions struct {
	// Pictures is how many pictures an album page has; zero means 8.
	Pictures int
	// Pages is how many pages the albums with a "next" link have; zero
	// means 4. All other albums have one.
	Pages int
	// Size is the size of a full picture in pixels; zero means 480 by 320.
	Size image.Point
}

// Album is an album of the generic site. Its albums differ in how the pages
// refer to their pictures; the name says how.
type Album struct {
	Name     string
	URL      string
	Title    string
	Pages    []string // URLs, in order; the first is URL
	Details  []string // pages of single pictures that the album links to
	Pictures []string // the full pictures, in order
	Others   []string // pictures on the same pages not worth collecting: thumbnails, icons, avatars
}

// albums is the generic picture site: an index at /, albums at /album/NAME/.
type albums struct {
	AlbumOptions
	dice dice
}

const (
	albumHost   = "photos.example.test"
	albumImages = "img.example.test"
	albumRoot   = "https://" + albumHost
)

// style is how an album refers to its pictures, and how to its next page.
type style struct {
	name, title string
	// item writes the n-th picture (from 1).
	item func(s *albums, p *page, a style, n int)
	// next writes the link from page k to the next; nil means the album has
	// one page. On the last page it writes what a careless site leaves there.
	next func(s *albums, p *page, a style, k int)
	// full is the URL of a picture where it is not the usual one.
	full func(a style, n int) string
	base bool // the page has a base element
	// others are the sizes, besides the full one, that the page refers to.
	others []string
	detail bool // pictures are on pages of their own
}

// styles lists the albums. The order is part of the site.
func styles() []style {
	return []style{
		{name: "plain", title: "湖边的早晨", item: plainItem},
		{name: "srcset", title: "山间四季", item: srcsetItem, others: []string{"320", "800"}},
		{name: "lazy", title: "慢慢打开的花", item: lazyItem},
		{name: "picture", title: "海岸线", item: pictureItem, others: []string{"320", "800"}},
		{name: "noscript", title: "竹林听雨", item: noscriptItem},
		{name: "linked", title: "茶园一日", item: linkedItem, others: []string{"thumb"}},
		{name: "query", title: "石桥与水", item: queryItem, full: queryURL, others: []string{"thumb"}},
		{name: "base", title: "雪地足迹", item: baseItem, base: true},
		{name: "detail", title: "候鸟笔记", item: detailItem, others: []string{"thumb"}, detail: true},
		{name: "next-rel", title: "沙丘", item: plainItem, next: nextRel},
		{name: "next-cn", title: "梯田", item: plainItem, next: nextChinese},
		{name: "next-en", title: "Lighthouses", item: linkedItem, next: nextEnglish, others: []string{"thumb"}},
	}
}

func newAlbums(o AlbumOptions, d dice) *albums { return &albums{o, d} }

func (s *albums) hosts() []string { return []string{albumHost, albumImages} }

func (s *albums) family(string) []string { return []string{"example.test"} }

func (s *albums) pages(a style) int {
	if a.next == nil {
		return 1
	}
	return s.Pages
}

// pageURL is page k of an album, from 1. Each kind of pager has its own form.
func (s *albums) pageURL(a style, k int) string {
	u := albumRoot + "/album/" + a.name + "/"
	switch {
	case k == 1:
		return u
	case a.name == "next-rel":
		return u + "?page=" + strconv.Itoa(k)
	case a.name == "next-en":
		return u + "p" + strconv.Itoa(k) + ".html"
	}
	return u + strconv.Itoa(k)
}

func detailURL(a style, n int) string { return fmt.Sprintf("%s/photo/%s/%d", albumRoot, a.name, n) }

// file is the picture n of an album in a size: full, 800, 320 or thumb.
func file(a style, size string, n int) string {
	ext := "jpg"
	if n%7 == 5 && a.name != "query" {
		ext = "png"
	}
	return fmt.Sprintf("https://%s/%s/%s/%02d.%s", albumImages, size, a.name, n, ext)
}

func (a style) fullURL(n int) string {
	if a.full != nil {
		return a.full(a, n)
	}
	return file(a, "full", n)
}

func queryURL(a style, n int) string {
	return fmt.Sprintf("%s/image?album=%s&id=%d&size=full", albumRoot, a.name, n)
}

func (s *albums) expected() []Album {
	var all []Album
	for _, a := range styles() {
		e := Album{Name: a.name, URL: s.pageURL(a, 1), Title: a.title, Others: slices.Clone(furniture())}
		for k := 1; k <= s.pages(a); k++ {
			e.Pages = append(e.Pages, s.pageURL(a, k))
		}
		for n := 1; n <= s.pages(a)*s.Pictures; n++ {
			e.Pictures = append(e.Pictures, a.fullURL(n))
			if a.detail {
				e.Details = append(e.Details, detailURL(a, n))
			}
			for _, size := range a.others {
				e.Others = append(e.Others, file(a, size, n))
			}
		}
		all = append(all, e)
	}
	return all
}

// furniture is the pictures every page has around its content.
func furniture() []string {
	return []string{
		albumRoot + "/img/logo.png", albumRoot + "/img/icon-home.png", albumRoot + "/img/icon-share.png",
		albumRoot + "/img/avatars/3.png", albumRoot + "/img/avatars/8.png", albumRoot + "/img/blank.gif",
	}
}

func (s *albums) size(name string) (image.Point, bool) {
	switch name {
	case "full":
		return s.Size, true
	case "800":
		return image.Pt(max(1, s.Size.X/2), max(1, s.Size.Y/2)), true
	case "320":
		return image.Pt(max(1, s.Size.X/3), max(1, s.Size.Y/3)), true
	case "thumb":
		return image.Pt(120, 80), true
	}
	return image.Point{}, false
}

func (s *albums) style(name string) (style, bool) {
	for _, a := range styles() {
		if a.name == name {
			return a, true
		}
	}
	return style{}, false
}

func (s *albums) answer(host string, u *url.URL) answer {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if host == albumImages {
		return s.file(u.Path, parts)
	}
	switch parts[0] {
	case "":
		return s.index()
	case "deep.html":
		return deepPage(600)
	case "image":
		a, ok := s.style(u.Query().Get("album"))
		n, err := strconv.Atoi(u.Query().Get("id"))
		if !ok || err != nil || n < 1 || n > s.pages(a)*s.Pictures || a.fullURL(n) != albumRoot+u.RequestURI() {
			return answer{}
		}
		return answer{picture: &picture{name: host + u.RequestURI(), format: formatJPEG, size: s.Size, shownOn: s.pageURL(a, 1), gallery: s.pageURL(a, 1)}}
	case "album", "photo":
		if len(parts) < 2 {
			return answer{}
		}
		a, ok := s.style(parts[1])
		k := 1
		if q := u.Query().Get("page"); q != "" {
			k, _ = strconv.Atoi(q)
		} else if len(parts) == 3 {
			k, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(parts[2], "p"), ".html"))
		}
		switch {
		case !ok || k < 1 || len(parts) > 3:
			return answer{}
		case parts[0] == "photo" && a.detail && k <= s.Pictures:
			return s.detail(a, k)
		case parts[0] == "album" && k <= s.pages(a):
			return s.album(a, k)
		}
		return answer{}
	}
	return static(host, u.Path)
}

// file answers for /SIZE/ALBUM/NN.ext on the image host.
func (s *albums) file(path string, parts []string) answer {
	if len(parts) != 3 {
		return answer{}
	}
	size, known := s.size(parts[0])
	a, ok := s.style(parts[1])
	number, _, _ := strings.Cut(parts[2], ".")
	n, err := strconv.Atoi(number)
	if !known || !ok || err != nil || n < 1 || n > s.pages(a)*s.Pictures || file(a, parts[0], n) != "https://"+albumImages+path {
		return answer{}
	}
	return answer{picture: &picture{name: albumImages + path, format: formatOf(path), size: size,
		shownOn: s.pageURL(a, (n-1)/s.Pictures+1), gallery: s.pageURL(a, 1)}}
}
