package replica

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"net/url"
	"strings"
)

// site is one of the sites: a few hosts and what they have. Its answers depend
// on the seed and the options alone; refusals are the server's business.
type site interface {
	hosts() []string
	// family lists the domains that count as the host's own in a Referer.
	family(host string) []string
	// answer is what the host, one of hosts, has under u. The zero answer
	// means there is nothing.
	answer(host string, u *url.URL) answer
}

// answer is what a site has under a URL: a body, a picture or a redirect.
type answer struct {
	status      int // zero means 200 where there is something, else 404
	contentType string
	body        []byte
	picture     *picture
	cookie      string // Set-Cookie
}

// picture is a picture not drawn yet.
type picture struct {
	name   string // its URL without the scheme; decides how it looks
	format format
	size   image.Point
	// shownOn is the page that shows the picture, gallery that page's first
	// page. A Referer policy may ask for one of them.
	shownOn, gallery string
}

// page collects HTML.
type page struct{ bytes.Buffer }

// f appends formatted HTML; values are escaped by the caller, with esc, where
// they may need it.
func (p *page) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *page) s(s string) { p.WriteString(s) }

func (p *page) answer() answer {
	return answer{contentType: "text/html; charset=utf-8", body: p.Bytes()}
}

func esc(s string) string { return html.EscapeString(s) }

// text is an answer of a few plain bytes, for style sheets and the like.
func text(contentType, body string) answer {
	return answer{contentType: contentType, body: []byte(body)}
}

// static answers what every page of a site links to besides its content: style
// sheets, scripts, icons. It has the zero answer for everything else.
func static(host, path string) answer {
	switch {
	case strings.HasSuffix(path, ".css"):
		return text("text/css; charset=utf-8", "body{font:16px sans-serif}\n")
	case strings.HasSuffix(path, ".js"):
		return text("application/javascript", "// replica\n")
	case path == "/favicon.ico":
		return answer{picture: &picture{name: host + path, format: formatPNG, size: image.Pt(16, 16)}}
	case strings.HasPrefix(path, "/static/"), strings.HasPrefix(path, "/img/"), strings.HasPrefix(path, "/css/img/"), strings.HasPrefix(path, "/pics/"):
		return answer{picture: &picture{name: host + path, format: formatOf(path), size: image.Pt(48, 48)}}
	}
	return answer{}
}

// numbers are the page numbers a pager shows on page cur of total: the ends, and
// some to both sides of cur. A zero stands for dots.
func numbers(cur, total, side int) []int {
	var ns []int
	for n := 1; n <= total; n++ {
		switch {
		case n == 1, n == total, n >= cur-side && n <= cur+side:
			ns = append(ns, n)
		case ns[len(ns)-1] != 0:
			ns = append(ns, 0)
		}
	}
	return ns
}
