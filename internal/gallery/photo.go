package gallery

import (
	"net/url"
	"slices"
	"strings"
)

// photoPages finds the thumbnails that link to pages of single pictures, and
// those pages: at least two on the same site, whose addresses differ only in
// the last part, and either lie below the gallery's or say what they are.
func (d *document) photoPages(all []*picture) map[*picture]string {
	shapes := make(map[string][]*picture)
	for _, p := range all {
		if p.page == "" || !p.thumb || p.sources[0].grade < gradeSet || p.level == levelMargin {
			continue
		}
		u, err := url.Parse(p.page)
		if err != nil || !sameSite(u, d.url) || isFile(u) || strings.Trim(u.Path, "/") == "" {
			continue
		}
		if shape, ok := d.photoShape(u); ok {
			shapes[shape] = append(shapes[shape], p)
		}
	}
	photos := make(map[*picture]string)
	for _, group := range shapes {
		pages := make(map[string]bool)
		for _, p := range group {
			pages[p.page] = true
		}
		if len(pages) < 2 {
			continue
		}
		for _, p := range group {
			photos[p] = p.page
		}
	}
	return photos
}

// photoShape returns what the addresses of the pages of a gallery's pictures
// have in common, and whether u may be one of them.
func (d *document) photoShape(u *url.URL) (string, bool) {
	path := strings.TrimSuffix(u.Path, "/")
	i := strings.LastIndexByte(path, '/')
	dir, last := path[:i+1], path[i+1:]
	if strings.Trim(last, "0123456789") == last && u.RawQuery == "" {
		return "", false // has no number
	}
	own := strings.TrimSuffix(d.url.Path, "/") + "/"
	if strings.HasPrefix(path, own) && own != "/" && !strings.Contains(dir, "/page/") {
		return dir, true
	}
	says := slices.ContainsFunc(append(words(dir), words(last)...), func(w string) bool {
		switch w {
		case "photo", "photos", "picture", "pictures", "pic", "pics", "image", "images", "img", "view", "viewer", "attachment", "foto", "bild", "photoview", "displayimage":
			return true
		}
		return false
	})
	return dir, says
}
