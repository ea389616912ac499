package gallery

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/trawl-go/trawl/internal/extract"
)

// nameFiles returns the path of each picture: TITLE/NAME.EXT.
//
// Names come from the addresses. A picture whose address has none is numbered,
// and if most names are alike, all are. Numbers run on from page to page.
func nameFiles(m meta, pics []*picture) []string {
	names := make([]string, len(pics))
	exts := make([]string, len(pics))
	distinct := make(map[string]bool)
	for i, p := range pics {
		names[i], exts[i] = pictureName(p.url())
		if names[i] != "" {
			distinct[names[i]+exts[i]] = true
		}
	}
	number := len(pics) > 1 && 2*len(distinct) <= len(pics)
	for i := range pics {
		if number || names[i] == "" {
			names[i] = fmt.Sprintf("%03d", m.Files+i+1)
		}
		names[i] = component(m.Title) + "/" + component(names[i]+exts[i])
	}
	return names
}

// pictureName returns the name that an address gives its picture, and the
// extension; "" for what it does not say.
func pictureName(address string) (stem, ext string) {
	u, err := url.Parse(address)
	if err != nil {
		return "", ""
	}
	if stem, ext = extract.SplitName(address); isPictureExt(ext) && stem != "" {
		return stem, ext
	}
	// The picture may be an argument of what scales it: /scale?url=/a/b.jpg,
	// or stand before its size: /a/b.jpg/800x600.
	for _, pair := range strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		_, value, _ := strings.Cut(pair, "=")
		if value, err = url.QueryUnescape(value); err != nil {
			continue
		}
		if s, e := extract.SplitName(value); isPictureExt(e) && s != "" {
			return s, e
		}
	}
	parts := strings.Split(u.Path, "/")
	for i := len(parts) - 2; i > 0; i-- {
		if s, e := extract.SplitName("/" + parts[i]); isPictureExt(e) && s != "" && !strings.ContainsAny(parts[i], "%?#") {
			return s, e
		}
	}
	switch {
	case isPictureExt(ext): // ".jpg" alone
		return "", ext
	case isScriptExt(ext) || isGeneric(stem) && u.RawQuery != "":
		return "", ""
	}
	if f := "." + strings.ToLower(u.Query().Get("format")); ext == "" && isPictureExt(f) {
		ext = f
	}
	return stem, ext
}

// isGeneric tells whether a name says only that it is a picture's.
func isGeneric(stem string) bool {
	switch strings.ToLower(stem) {
	case "image", "img", "photo", "picture", "pic", "show", "view", "get", "file", "download", "thumb", "index", "media", "attachment":
		return true
	}
	return false
}

// fileName is the path of a file that is not a picture of a page.
func fileName(u *url.URL) string {
	stem, ext := extract.SplitName(u.String())
	if stem+ext == "" {
		return component(u.Hostname())
	}
	return component(stem + ext)
}

// component makes a text one component of a path: without separators and
// control characters, not empty, "." or "..", of at most 100 characters. What
// else a file system asks for is up to the engine.
func component(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '\\':
			return '_'
		case unicode.IsControl(r) || r == unicode.ReplacementChar:
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 100 {
		ext := ""
		if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 6 {
			ext = s[i:]
		}
		s = strings.TrimSpace(string(r[:100-len(ext)])) + ext
	}
	if strings.Trim(s, ".") == "" {
		return "_"
	}
	return s
}
