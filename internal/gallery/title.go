package gallery

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/trawl-go/trawl/internal/extract"
)

// maxTitle bounds a heading that serves as the name of a folder, in characters.
const maxTitle = 100

// title returns the name of the gallery: the page's only h1 if it is short and
// not the site's name, else its title without the site's name, else the last
// part of its address.
func (d *document) title() string {
	var heading, title, site string
	headings := 0
	for n := range elements(d.root) {
		switch n.DataAtom {
		case atom.H1:
			t := text(n)
			if t == "" || utf8.RuneCountInString(t) > maxTitle || wordsHave(attr(n, "class")+" "+attr(n, "id"), "logo", "site", "brand") {
				continue
			}
			if a := firstLink(n); a != "" && isHome(d.abs(a), d.url) {
				continue
			}
			headings++
			heading = t
		case atom.Title:
			if title == "" && closest(n, atom.Svg) == nil {
				title = text(n)
			}
		case atom.Meta:
			if strings.EqualFold(attr(n, "property"), "og:site_name") {
				site = attr(n, "content")
			}
		}
	}
	parts := splitTitle(title)
	if headings == 1 && !sameText(heading, site) && !(len(parts) > 1 && sameText(heading, parts[len(parts)-1])) {
		return heading
	}
	if t := withoutSite(title, parts, site, d.url.Hostname()); t != "" {
		return t
	}
	if stem, _ := extract.SplitName(strings.TrimSuffix(d.url.Scheme+"://"+d.url.Host+d.url.EscapedPath(), "/")); stem != "" && d.url.Path != "/" && d.url.Path != "" {
		return stem
	}
	return d.url.Hostname()
}

// A part is one of a title's, and where it stands in it.
type part struct {
	text       string
	start, end int
}

// splitTitle splits a title at what stands between a page's name and its
// site's: | anywhere, - and its like between spaces, _ beside a space or a
// character that is not ASCII.
func splitTitle(title string) []string {
	var out []string
	for _, p := range titleParts(title) {
		out = append(out, p.text)
	}
	return out
}

func titleParts(title string) []part {
	var parts []part
	start := 0
	add := func(end int) {
		if t := strings.TrimSpace(title[start:end]); t != "" {
			parts = append(parts, part{t, start, end})
		}
	}
	for i, r := range title {
		before, _ := utf8.DecodeLastRuneInString(title[:i])
		size := utf8.RuneLen(r)
		if r == utf8.RuneError || i == 0 {
			continue
		}
		after, _ := utf8.DecodeRuneInString(title[i+size:])
		spaces := unicode.IsSpace(before) && unicode.IsSpace(after)
		cut := false
		switch r {
		case '|', '｜', '»', '«':
			cut = true
		case '-', '–', '—', '－', '·', '•', ':', '~', '/':
			cut = spaces
		case '_':
			cut = spaces || before >= 0x80 || after >= 0x80
		}
		if cut {
			add(i)
			start = i + size
		}
	}
	add(len(title))
	return parts
}

// withoutSite returns a title without the site's name, which is the last part
// unless the first is known to be it.
func withoutSite(title string, parts []string, site, host string) string {
	if len(parts) < 2 {
		return strings.TrimSpace(title)
	}
	all := titleParts(title)
	last := len(all) - 1
	first := sameText(all[0].text, site) || inHost(all[0].text, host)
	if first && !sameText(all[last].text, site) && !inHost(all[last].text, host) {
		return strings.TrimSpace(title[all[1].start:all[last].end])
	}
	return strings.TrimSpace(title[all[0].start:all[last-1].end])
}

// inHost tells whether a text is the name of the host: "Photo Site" of
// www.photosite.example.
func inHost(s, host string) bool {
	name := strings.Join(words(s), "")
	for label := range strings.SplitSeq(strings.TrimPrefix(host, "www."), ".") {
		if len(name) > 2 && (name == label || name == strings.ReplaceAll(host, ".", "")) {
			return true
		}
	}
	return false
}

func sameText(a, b string) bool {
	return a != "" && strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

func wordsHave(s string, want ...string) bool {
	for _, w := range words(s) {
		for _, x := range want {
			if w == x {
				return true
			}
		}
	}
	return false
}

// isHome tells whether a link on page leads to the front page and page is not
// the front page itself.
func isHome(address string, page *url.URL) bool {
	u, err := url.Parse(address)
	return err == nil && isFrontPage(u, page) && !isFrontPage(page, page)
}

// firstLink returns the address of the first link in an element, or around it.
func firstLink(n *html.Node) string {
	for c := range elements(n) {
		if c.DataAtom == atom.A {
			return attr(c, "href")
		}
	}
	if a := closest(n, atom.A); a != nil {
		return attr(a, "href")
	}
	return ""
}
