package gallery

import (
	"fmt"
	"iter"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/extract"
	"github.com/trawl-go/trawl/internal/tree"
)

// A document is one HTML page. It is not safe for concurrent use.
type document struct {
	url     *url.URL // of the page, after redirects
	address string   // the same, as text
	base    string   // what links are relative to
	root    *html.Node
	doc     *extract.Doc

	// Memos, by element, of what would make a page of many images slow.
	alone   map[*html.Node]bool     // onlyPicture
	ads     map[*html.Node]bool     // isAdvertisement
	pagers  map[*html.Node]bool     // isPager
	offered map[*html.Node][]source // pictureSources
}

// parseDocument builds the tree. It does so beside doc, whose tree is its own,
// because the rules here look at the neighbours and ancestors of nodes.
func parseDocument(u *url.URL, doc *extract.Doc) (*document, error) {
	root, err := tree.Parse(doc.Text(), nil)
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	d := &document{url: u, address: u.String(), root: root, doc: doc,
		alone: make(map[*html.Node]bool), ads: make(map[*html.Node]bool),
		pagers: make(map[*html.Node]bool), offered: make(map[*html.Node][]source)}
	d.base = d.address
	for n := range elements(root) {
		if n.DataAtom == atom.Body {
			break
		}
		if n.DataAtom == atom.Base && attr(n, "href") != "" {
			if b, err := trawl.ParseURL(extract.Join(d.address, attr(n, "href"))); err == nil {
				d.base = b.String()
			}
			break
		}
	}
	return d, nil
}

// abs returns a link of the page as an absolute address without fragment, or
// "" if it is none that can be fetched.
func (d *document) abs(ref string) string {
	if ref = strings.TrimSpace(ref); ref == "" || ref[0] == '#' {
		return ""
	}
	var address string
	if _, query, ok := strings.Cut(ref, "?"); ok && !isASCII(query) {
		address = d.doc.Abs(ref) // knows how the page's encoding escapes it
	} else {
		address = extract.Join(d.base, ref)
	}
	u, err := trawl.ParseURL(address)
	if err != nil || len(address) > maxURL {
		return ""
	}
	return u.String()
}

// maxURL bounds the length of an address, in bytes; servers refuse longer ones
// and data has been found in their place.
const maxURL = 8 << 10

// elements yields the elements below n in document order, but not those of a
// <template>, which are not shown.
func elements(n *html.Node) iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) { walk(n, yield) }
}

func walk(n *html.Node, yield func(*html.Node) bool) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode || c.DataAtom == atom.Template {
			continue
		}
		if !yield(c) || !walk(c, yield) {
			return false
		}
	}
	return true
}

// ancestors yields at most max elements around n, from the inside out.
func ancestors(n *html.Node, max int) iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		for p := n.Parent; p != nil && p.Type == html.ElementNode && max > 0; p, max = p.Parent, max-1 {
			if !yield(p) {
				return
			}
		}
	}
}

// memo returns what is remembered of n, and computes it the first time.
func memo[V any](m map[*html.Node]V, n *html.Node, compute func(*html.Node) V) V {
	v, ok := m[n]
	if !ok {
		v = compute(n)
		m[n] = v
	}
	return v
}

// anyDepth is more than the parser allows elements to nest.
const anyDepth = 1 << 20

// closest returns the innermost element around n with this name, or nil.
func closest(n *html.Node, name atom.Atom) *html.Node {
	for p := range ancestors(n, anyDepth) {
		if p.DataAtom == name {
			return p
		}
	}
	return nil
}

// attr returns an attribute, trimmed; "" if it is not there.
func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// text returns the text of an element, white space made single.
func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type != html.TextNode || c.Parent.DataAtom == atom.Script || c.Parent.DataAtom == atom.Style {
			continue
		}
		b.WriteString(c.Data)
		b.WriteByte(' ')
		if b.Len() > 4096 {
			break
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// words splits a name as programmers write them: "siteLogo_2x" gives site,
// logo, 2x. The words are in lower case.
func words(s string) []string {
	var out []string
	start, prev := 0, ' '
	flush := func(end int) {
		if start < end {
			out = append(out, strings.ToLower(s[start:end]))
		}
	}
	for i, r := range s {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush(i)
			start = i + len(string(r))
		case unicode.IsUpper(r) && unicode.IsLower(prev):
			flush(i)
			start = i
		}
		prev = r
	}
	flush(len(s))
	return out
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// sameSite compares hosts, with and without "www.".
func sameSite(a, b *url.URL) bool {
	return strings.TrimPrefix(a.Host, "www.") == strings.TrimPrefix(b.Host, "www.")
}
