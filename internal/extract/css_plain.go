package extract

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Most selectors are names, classes and ids, below each other: "ol.grid > li",
// ".hd a". For these a matcher that knows nothing else is several times faster
// than one that is put together of interfaces and functions.

// A plainSelector is such a selector, its parts from right to left.
type plainSelector []plainPart

// A plainPart matches one element.
type plainPart struct {
	name    string // "" is any
	atom    atom.Atom
	id      string
	classes []string
	child   bool // the next part must match the parent, not any ancestor
}

// parsePlain reads a selector that is known to be right. It reports false if
// there is more to it.
func parsePlain(s string) (plainSelector, bool) {
	var sel plainSelector // from left to right
	for {
		s = strings.TrimLeft(s, " \t\r\n\f")
		if s == "" {
			break
		}
		child := false
		if s[0] == '>' && len(sel) > 0 {
			child = true
			s = strings.TrimLeft(s[1:], " \t\r\n\f")
		}
		var p plainPart
		rest := s
		if rest, _ = strings.CutPrefix(s, "*"); rest == s {
			p.name, rest = cutIdent(s)
			p.name = asciiLower(p.name)
			p.atom = atom.Lookup([]byte(p.name))
		}
		for rest != "" && (rest[0] == '.' || rest[0] == '#') {
			var ident string
			kind := rest[0]
			if ident, rest = cutIdent(rest[1:]); ident == "" {
				return nil, false
			}
			if kind == '.' {
				p.classes = append(p.classes, ident)
			} else if p.id == "" {
				p.id = ident
			} else {
				return nil, false
			}
		}
		if len(rest) == len(s) || rest != "" && !strings.ContainsRune(" \t\r\n\f>", rune(rest[0])) {
			return nil, false
		}
		s = rest
		p.child = child
		sel = append(sel, p)
	}
	for i, j := 0, len(sel)-1; i < j; i, j = i+1, j-1 {
		sel[i], sel[j] = sel[j], sel[i]
	}
	return sel, len(sel) > 0
}

// cutIdent cuts an identifier of ASCII letters, digits, "-" and "_" off s; ""
// if s begins with none.
func cutIdent(s string) (ident, rest string) {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// match tells whether the selector matches an element.
func (sel plainSelector) match(n *html.Node) bool {
	if !sel[0].match(n) {
		return false
	}
	rest := sel[1:]
	if len(rest) == 0 {
		return true
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if rest.match(p) {
			return true
		}
		if sel[0].child {
			return false
		}
	}
	return false
}

func (p *plainPart) match(n *html.Node) bool {
	if n.Type != html.ElementNode || p.name != "" && (n.DataAtom != p.atom || n.Data != p.name) {
		return false
	}
	if p.id != "" && !hasAttr(n, "id", func(v string) bool { return v == p.id }) {
		return false
	}
	for _, class := range p.classes {
		if !hasAttr(n, "class", func(v string) bool { return hasWord(v, class) }) {
			return false
		}
	}
	return true
}

func hasAttr(n *html.Node, key string, ok func(string) bool) bool {
	for i := range n.Attr {
		if a := &n.Attr[i]; a.Key == key && ok(a.Val) {
			return true
		}
	}
	return false
}

// hasWord tells whether word is among the words of s.
func hasWord(s, word string) bool {
	for len(s) >= len(word) {
		i := strings.Index(s, word)
		if i < 0 {
			return false
		}
		end := i + len(word)
		if (i == 0 || isHTMLSpace(s[i-1])) && (end == len(s) || isHTMLSpace(s[end])) {
			return true
		}
		s = s[i+1:]
		if i = strings.IndexAny(s, " \t\r\n\f"); i < 0 {
			return false
		}
		s = s[i+1:]
	}
	return false
}

func isHTMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// query appends what the selector matches in n to dst. It begins with what
// comes after at, which is n itself or an element in it. If one is set it ends
// with the first element that gives something, and returns that element.
func (sel plainSelector) query(dst []node, n, at *html.Node, want int, attr string, one bool) ([]node, *html.Node) {
	for h := at; ; {
		if h.FirstChild != nil {
			h = h.FirstChild
		} else {
			for h != n && h.NextSibling == nil {
				h = h.Parent
			}
			if h == n {
				return dst, nil
			}
			h = h.NextSibling
		}
		if h.Type == html.ElementNode && sel.match(h) {
			dst = appendWanted(dst, h, want, attr)
			if one && len(dst) > 0 {
				return dst, h
			}
		}
	}
}
