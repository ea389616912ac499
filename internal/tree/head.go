package tree

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// before is all that comes before the head.
func (b *builder) before() bool {
	switch b.tok.kind {
	case text:
		if b.tok.data = strings.TrimLeft(b.tok.data, space); b.tok.data == "" {
			return true
		}
	case comment:
		if b.mode == beforeHead {
			b.addComment(b.top())
		} else {
			b.addComment(b.root)
		}
		return true
	case doctype:
		if b.mode == initial {
			b.addDoctype()
			b.mode = beforeHTML
		}
		return true
	case startTag:
		switch {
		case b.mode == initial:
		case b.tok.atom == atom.Html && b.mode == beforeHTML:
			b.reopen(b.add(b.root))
			b.mode = beforeHead
			return true
		case b.tok.atom == atom.Html:
			b.merge(b.top())
			return true
		case b.tok.atom == atom.Head && b.mode == beforeHead:
			b.head = b.push()
			b.mode = inHead
			return true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Head, atom.Body, atom.Html, atom.Br:
		default:
			if b.mode != initial {
				return true
			}
		}
	}
	switch b.mode {
	case initial:
		b.quirks = true
		b.mode = beforeHTML
	case beforeHTML:
		b.imply(atom.Html)
		b.mode = beforeHead
	default:
		b.head = b.imply(atom.Head)
		b.mode = inHead
	}
	return false
}

// addDoctype adds the doctype and finds out what it means, by a page on which
// one sees it: with quirks a table may stand in a paragraph.
func (b *builder) addDoctype() {
	if strings.EqualFold(b.tok.data, "<!DOCTYPE html>") && strings.HasSuffix(b.tok.data, "html>") {
		n := b.alloc()
		n.Type, n.Data = html.DoctypeNode, "html"
		link(b.root, n)
		return
	}
	probe, err := html.Parse(strings.NewReader(b.tok.data + "<p><table>"))
	if err != nil || probe.FirstChild == nil || probe.FirstChild.Type != html.DoctypeNode {
		b.odd = true // Unreachable: that is how this page begins.
		return
	}
	n := probe.FirstChild
	p := n.NextSibling.LastChild.FirstChild
	b.quirks = p.FirstChild != nil
	probe.RemoveChild(n)
	link(b.root, n)
}

// anywhere does what most modes do alike with comments, late doctypes and
// another <html>, and reports whether the token was one of those.
func (b *builder) anywhere() bool {
	switch {
	case b.tok.kind == comment:
		b.addComment(b.top())
	case b.tok.kind == startTag && b.tok.atom == atom.Html:
		b.merge(b.open[0].Node)
	case b.tok.kind != doctype:
		return false
	}
	return true
}

func (b *builder) inHead() bool {
	if b.anywhere() {
		return true
	}
	switch b.tok.kind {
	case text:
		if b.leading() {
			return true
		}
	case startTag:
		switch b.tok.atom {
		case atom.Noscript:
			b.push()
			b.mode = inHeadNoscript
			return true
		case atom.Head:
			return true
		}
		if b.addMeta(b.top()) {
			return true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Head:
			b.pop()
			b.mode = afterHead
			return true
		case atom.Body, atom.Html, atom.Br:
		default:
			return true
		}
	}
	b.pop()
	b.mode = afterHead
	return false
}

// addMeta makes an element of the token if it is one of those that belong to
// the head, wherever they stand.
func (b *builder) addMeta(parent *html.Node) bool {
	switch b.tok.atom {
	case atom.Base, atom.Basefont, atom.Bgsound, atom.Link, atom.Meta:
		b.add(parent)
	case atom.Script, atom.Title, atom.Noframes, atom.Style:
		b.addRaw(parent)
	case atom.Template:
		b.odd = true
	default:
		return false
	}
	return true
}

func (b *builder) inHeadNoscript() bool {
	if b.anywhere() {
		return true
	}
	switch b.tok.kind {
	case text:
		if strings.TrimLeft(b.tok.data, space) == "" {
			b.addText(b.tok.data)
			return true
		}
	case startTag:
		switch b.tok.atom {
		case atom.Basefont, atom.Bgsound, atom.Link, atom.Meta, atom.Noframes, atom.Style:
			return b.addMeta(b.top())
		case atom.Head, atom.Noscript:
			return true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Noscript, atom.Br:
		default:
			return true
		}
	}
	b.pop()
	b.mode = inHead
	return b.tok.atom == atom.Noscript
}

func (b *builder) afterHead() bool {
	if b.anywhere() {
		return true
	}
	switch b.tok.kind {
	case text:
		if b.leading() {
			return true
		}
	case startTag:
		switch b.tok.atom {
		case atom.Body:
			b.push()
			b.mode = inBody
			return true
		case atom.Frameset:
			b.odd = true
			return true
		case atom.Head:
			return true
		}
		if b.addMeta(b.head) {
			return true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Body, atom.Html, atom.Br:
		default:
			return true
		}
	}
	b.imply(atom.Body)
	b.mode = inBody
	return false
}

// afterBody is what comes after </body> and after </html>.
func (b *builder) afterBody() bool {
	switch b.tok.kind {
	case end:
		return true
	case text:
		if strings.TrimLeft(b.tok.data, space) == "" {
			return b.inBody()
		}
	case comment:
		if b.mode == afterBody {
			b.addComment(b.open[0].Node)
		} else {
			b.addComment(b.root)
		}
		return true
	case doctype:
		if b.mode == afterAfterBody {
			return true
		}
	case startTag:
		if b.tok.atom == atom.Html {
			return b.inBody()
		}
	case endTag:
		if b.tok.atom == atom.Html && b.mode == afterBody {
			b.mode = afterAfterBody
			return true
		}
	}
	b.mode = inBody
	return false
}
