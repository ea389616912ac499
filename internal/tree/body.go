package tree

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func (b *builder) inBody() bool {
	switch b.tok.kind {
	case text:
		t := b.tok.data
		if top := b.top(); top.FirstChild == nil && (top.DataAtom == atom.Pre || top.DataAtom == atom.Listing) {
			t = cutNewline(t)
		}
		if t != "" {
			b.reactivate()
			b.addText(t)
		}
	case comment:
		b.addComment(b.top())
	case startTag:
		b.startInBody()
	case endTag:
		return b.endInBody()
	}
	return true
}

func (b *builder) startInBody() {
	switch b.tok.atom {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Center, atom.Details, atom.Dialog, atom.Dir, atom.Div,
		atom.Dl, atom.Fieldset, atom.Figcaption, atom.Figure, atom.Footer, atom.Header, atom.Hgroup, atom.Main, atom.Menu,
		atom.Nav, atom.Ol, atom.P, atom.Search, atom.Section, atom.Summary, atom.Ul, atom.Pre, atom.Listing:
		b.closeP()
		b.push()
	case atom.Li:
		b.closeItem(atom.Li, atom.Li)
		b.closeP()
		b.push()
	case atom.Dd, atom.Dt:
		b.closeItem(atom.Dd, atom.Dt)
		b.closeP()
		b.push()
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		b.closeP()
		if b.open[len(b.open)-1].traits&heading != 0 {
			b.pop()
		}
		b.push()
	case atom.A:
		if old := b.lastActive(atom.A); old != nil {
			b.endFormatting()
			if i := b.opened(old); i >= 0 {
				b.open = slices.Delete(b.open, i, i+1)
			}
			b.deactivate(old)
		}
		b.reactivate()
		b.pushFormatting()
	case atom.B, atom.Big, atom.Code, atom.Em, atom.Font, atom.I, atom.S, atom.Small, atom.Strike, atom.Strong, atom.Tt, atom.U:
		b.reactivate()
		b.pushFormatting()
	case atom.Nobr:
		b.reactivate()
		if b.find(atom.Nobr, scope) >= 0 {
			b.endFormatting()
			b.reactivate()
		}
		b.pushFormatting()
	case atom.Image, atom.Area, atom.Br, atom.Embed, atom.Img, atom.Keygen, atom.Wbr:
		if b.tok.atom == atom.Image {
			b.tok.atom, b.tok.data = atom.Img, "img"
		}
		b.reactivate()
		b.add(b.top())
	case atom.Input:
		b.close(atom.Select, scope)
		b.reactivate()
		b.add(b.top())
	case atom.Param, atom.Source, atom.Track:
		b.add(b.top())
	case atom.Hr:
		if b.find(atom.P, scope|button) >= 0 {
			b.closeImplied(atom.P)
			b.close(atom.P, scope)
		}
		if b.find(atom.Select, scope) >= 0 {
			b.closeImplied(0)
		}
		b.add(b.top())
	case atom.Form:
		if b.form == nil {
			b.closeP()
			b.form = b.push()
		}
	case atom.Button:
		if b.find(atom.Button, scope) >= 0 {
			b.closeImplied(0)
			b.close(atom.Button, scope)
		}
		b.reactivate()
		b.push()
	case atom.Select:
		if !b.close(atom.Select, scope) {
			b.reactivate()
			b.push()
		}
	case atom.Option, atom.Optgroup:
		if b.find(atom.Select, scope) >= 0 {
			except := atom.Optgroup
			if b.tok.atom == atom.Optgroup {
				except = 0
			}
			b.closeImplied(except)
		} else if b.top().DataAtom == atom.Option {
			b.pop()
		}
		b.reactivate()
		b.push()
	case atom.Textarea, atom.Iframe, atom.Noembed:
		b.addRaw(b.top())
	case atom.Xmp:
		b.closeP()
		b.reactivate()
		b.addRaw(b.top())
	case atom.Table:
		if !b.quirks {
			b.closeP()
		}
		b.push()
		b.mode = inTable
	case atom.Applet, atom.Marquee, atom.Object:
		b.reactivate()
		b.push()
		b.active = append(b.active, nil)
	case atom.Rb, atom.Rtc, atom.Rp, atom.Rt:
		if b.find(atom.Ruby, scope) >= 0 {
			except := atom.Rtc
			if b.tok.atom == atom.Rb || b.tok.atom == atom.Rtc {
				except = 0
			}
			b.closeImplied(except)
		}
		b.push()
	case atom.Html:
		b.merge(b.open[0].Node)
	case atom.Body:
		if len(b.open) >= 2 && b.open[1].DataAtom == atom.Body {
			b.merge(b.open[1].Node)
		}
	case atom.Math, atom.Svg, atom.Frameset, atom.Plaintext:
		b.odd = true
	case atom.Caption, atom.Col, atom.Colgroup, atom.Frame, atom.Head, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr:
	default:
		if !b.addMeta(b.top()) {
			b.reactivate()
			b.push()
		}
	}
}

// closeItem closes an item of a list, which one of the names is, that the next
// item ends.
func (b *builder) closeItem(name, other atom.Atom) {
	for i := len(b.open) - 1; i >= 0; i-- {
		e := b.open[i]
		if e.DataAtom == name || e.DataAtom == other {
			b.open = b.open[:i]
			return
		}
		if e.traits&special != 0 && e.traits&plainBlock == 0 {
			return
		}
	}
}

func (b *builder) endInBody() bool {
	switch a := b.tok.atom; a {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Button, atom.Center, atom.Details, atom.Dialog, atom.Dir,
		atom.Div, atom.Dl, atom.Fieldset, atom.Figcaption, atom.Figure, atom.Footer, atom.Header, atom.Hgroup, atom.Listing,
		atom.Main, atom.Menu, atom.Nav, atom.Ol, atom.Pre, atom.Search, atom.Section, atom.Select, atom.Summary, atom.Ul:
		if b.find(a, scope) >= 0 {
			b.closeImplied(0)
			b.close(a, scope)
		}
	case atom.P:
		if b.find(atom.P, scope|button) < 0 {
			b.imply(atom.P)
		}
		b.closeP()
	case atom.Li:
		b.close(atom.Li, scope|list)
	case atom.Dd, atom.Dt:
		b.close(a, scope)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		if i := b.inScope(heading, scope); i >= 0 {
			b.open = b.open[:i]
		}
	case atom.A, atom.B, atom.Big, atom.Code, atom.Em, atom.Font, atom.I, atom.Nobr, atom.S, atom.Small, atom.Strike,
		atom.Strong, atom.Tt, atom.U:
		b.endFormatting()
	case atom.Form:
		form := b.form
		b.form = nil
		if i := b.find(atom.Form, scope); form != nil && i >= 0 && b.open[i].Node == form {
			b.closeImplied(0)
			if i := b.opened(form); i >= 0 {
				b.open = slices.Delete(b.open, i, i+1)
			}
		}
	case atom.Body:
		if b.find(atom.Body, scope) >= 0 {
			b.mode = afterBody
		}
	case atom.Html:
		if b.find(atom.Body, scope) >= 0 {
			b.mode = afterBody
			return false
		}
	case atom.Applet, atom.Marquee, atom.Object:
		if b.close(a, scope) {
			b.clearActive()
		}
	case atom.Br:
		b.tok.kind = startTag
		return false
	case atom.Template:
	default:
		b.endOther()
	}
	return true
}

// endOther is the end tag of an element without rules of its own.
func (b *builder) endOther() {
	for i := len(b.open) - 1; i >= 0; i-- {
		e := b.open[i]
		if e.DataAtom == b.tok.atom && (e.DataAtom != 0 || e.Data == b.tok.data) {
			b.open = b.open[:i]
			return
		}
		if e.traits&special != 0 {
			return
		}
	}
}

// pushFormatting makes an element of the token and opens it as a formatting
// element. Of those that are alike, three are active at most.
func (b *builder) pushFormatting() {
	n := b.push()
	if len(n.Attr) > 1 { // x/net sorts them, to compare them
		slices.SortFunc(n.Attr, func(a, b html.Attribute) int { return strings.Compare(a.Key, b.Key) })
	}
	alike := 0
	for i := len(b.active) - 1; i >= 0 && b.active[i] != nil; i-- {
		if a := b.active[i]; a.DataAtom == n.DataAtom && slices.Equal(a.Attr, n.Attr) {
			if alike++; alike >= 3 {
				b.active = slices.Delete(b.active, i, i+1)
			}
		}
	}
	b.active = append(b.active, n)
}

// reactivate opens formatting elements anew that were closed by something else
// than their own end tags.
func (b *builder) reactivate() {
	i := len(b.active)
	for i > 0 && b.active[i-1] != nil && b.opened(b.active[i-1]) < 0 {
		i--
	}
	for ; i < len(b.active); i++ {
		old := b.active[i]
		n := b.alloc()
		n.Type, n.DataAtom, n.Data, n.Attr = old.Type, old.DataAtom, old.Data, slices.Clone(old.Attr)
		link(b.top(), n)
		b.reopen(n)
		b.active[i] = n
	}
}

// lastActive returns the last active formatting element with a name, up to a
// marker; nil if there is none.
func (b *builder) lastActive(a atom.Atom) *html.Node {
	for i := len(b.active) - 1; i >= 0 && b.active[i] != nil; i-- {
		if b.active[i].DataAtom == a {
			return b.active[i]
		}
	}
	return nil
}

func (b *builder) deactivate(n *html.Node) {
	if i := slices.Index(b.active, n); i >= 0 {
		b.active = slices.Delete(b.active, i, i+1)
	}
}

// clearActive drops the formatting elements up to the last marker.
func (b *builder) clearActive() {
	for i := len(b.active) - 1; i >= 0; i-- {
		if b.active[i] == nil {
			b.active = b.active[:i]
			return
		}
	}
	if len(b.active) == 0 {
		b.odd = true // Unreachable: who calls this has put a marker there.
	}
	b.active = b.active[:0]
}

// endFormatting ends the formatting element that the token names. Where it
// overlaps a block, the standard has what is called the adoption agency; that is
// beyond us.
func (b *builder) endFormatting() {
	if top := b.top(); top.Data == b.tok.data && !slices.Contains(b.active, top) {
		b.pop()
		return
	}
	n := b.lastActive(b.tok.atom)
	if n == nil {
		b.endOther()
		return
	}
	i := b.opened(n)
	if i < 0 {
		b.deactivate(n)
		return
	}
	if b.find(b.tok.atom, scope) < 0 {
		return
	}
	for _, e := range b.open[i:] {
		if e.traits&special != 0 {
			b.odd = true
			return
		}
	}
	b.open = b.open[:i]
	b.deactivate(n)
}
