package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// textOf returns the text of a node the way a reader sees it: runs of white
// space, line breaks and the borders of blocks are one space each, and there
// is none at either end. White space is what Python's str.split takes for it,
// the no-break space and the ideographic space included. Scripts, styles and
// comments are not text, unless the node itself is one.
func textOf(n *html.Node) string {
	switch n.Type {
	case html.TextNode, html.CommentNode:
		return squeeze(n.Data)
	}
	// The usual case, an element with one text in it, needs no builder.
	if c := n.FirstChild; c != nil && c.NextSibling == nil && c.Type == html.TextNode {
		return squeeze(c.Data)
	}
	var w textWriter
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c)
	}
	return w.b.String()
}

// squeeze returns s with its white space made single and trimmed.
func squeeze(s string) string {
	if tidy(s) {
		return s
	}
	var w textWriter
	w.b.Grow(len(s))
	w.text(s)
	return w.b.String()
}

// tidy tells whether squeeze would return s as it is, without deciding it for
// characters outside ASCII that might be spaces.
func tidy(s string) bool {
	space := true // so that a leading space is untidy
	for _, r := range s {
		switch {
		case r == ' ':
			if space {
				return false
			}
			space = true
		case unicode.IsSpace(r):
			return false
		default:
			space = false
		}
	}
	return !space || s == ""
}

// blank tells whether s is white space only.
func blank(s string) bool { return strings.TrimSpace(s) == "" }

// A textWriter joins texts, with one space where there was any white space.
type textWriter struct {
	b     strings.Builder
	space bool // white space was seen since the last character
}

func (w *textWriter) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		w.text(n.Data)
		return
	case html.ElementNode:
	default:
		return
	}
	block := false
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Template:
		return
	case atom.Br:
		w.space = true
		return
	default:
		block = isBlock(n.DataAtom)
	}
	if block {
		w.space = true
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c)
	}
	if block {
		w.space = true
	}
}

func (w *textWriter) text(s string) {
	for len(s) > 0 {
		// Take a run without white space at once.
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end != 0 {
			if end < 0 {
				end = len(s)
			}
			if w.space && w.b.Len() > 0 {
				w.b.WriteByte(' ')
			}
			w.space = false
			w.b.WriteString(s[:end])
			s = s[end:]
			continue
		}
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		w.space = true
	}
}

// isBlock tells whether a browser starts a new line before the element.
func isBlock(a atom.Atom) bool {
	switch a {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body,
		atom.Caption, atom.Center, atom.Dd, atom.Details, atom.Dialog, atom.Dir,
		atom.Div, atom.Dl, atom.Dt, atom.Fieldset, atom.Figcaption,
		atom.Figure, atom.Footer, atom.Form, atom.Frameset, atom.H1, atom.H2,
		atom.H3, atom.H4, atom.H5, atom.H6, atom.Head, atom.Header, atom.Hgroup,
		atom.Hr, atom.Html, atom.Legend, atom.Li, atom.Main, atom.Menu,
		atom.Nav, atom.Ol, atom.Optgroup, atom.Option, atom.P, atom.Pre,
		atom.Section, atom.Summary, atom.Table, atom.Tbody, atom.Td,
		atom.Tfoot, atom.Th, atom.Thead, atom.Title, atom.Tr, atom.Ul:
		return true
	}
	return false
}
