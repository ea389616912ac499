package tree

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	// maxDepth is how deep elements may be nested. x/net refuses more.
	maxDepth = 512

	// space is what the algorithm takes for white space.
	space = " \t\n\f\r"
)

// A builder makes the tree of the tokens that its scanner reads. Names such as
// "the stack of open elements" are those of the standard, section 13.2.
type builder struct {
	scanner
	root  *html.Node
	nodes []html.Node // of these the next ones are allocated

	mode   mode
	quirks bool
	head   *html.Node // once there was one
	form   *html.Node // that is open

	open []element // the stack of open elements

	// The list of active formatting elements. A nil is a marker.
	active []*html.Node

	joined int // bytes that were copied to join texts
}

// An element is open.
type element struct {
	*html.Node
	traits traits
}

// A mode is an insertion mode.
type mode uint8

const (
	initial mode = iota
	beforeHTML
	beforeHead
	inHead
	inHeadNoscript
	afterHead
	inBody
	inTable
	inCaption
	inColumnGroup
	inTableBody
	inRow
	inCell
	afterBody
	afterAfterBody
)

// step does with the token what the mode says. It reports false if the mode
// changed and the token is to be looked at again.
func (b *builder) step() bool {
	if b.odd {
		return true
	}
	switch b.mode {
	case initial, beforeHTML, beforeHead:
		return b.before()
	case inHead:
		return b.inHead()
	case inHeadNoscript:
		return b.inHeadNoscript()
	case afterHead:
		return b.afterHead()
	case inTable:
		return b.inTable()
	case inCaption:
		return b.inCaption()
	case inColumnGroup:
		return b.inColumnGroup()
	case inTableBody:
		return b.inTableBody()
	case inRow:
		return b.inRow()
	case inCell:
		return b.inCell()
	case afterBody, afterAfterBody:
		return b.afterBody()
	}
	return b.inBody()
}

func (b *builder) alloc() *html.Node {
	if len(b.nodes) == 0 {
		b.nodes = b.memory.nodes.next()
	}
	n := &b.nodes[0]
	b.nodes = b.nodes[1:]
	return n
}

// link makes n the last child of parent.
func link(parent, n *html.Node) {
	n.Parent = parent
	if last := parent.LastChild; last != nil {
		n.PrevSibling = last
		last.NextSibling = n
	} else {
		parent.FirstChild = n
	}
	parent.LastChild = n
}

// top returns the current node.
func (b *builder) top() *html.Node { return b.open[len(b.open)-1].Node }

func (b *builder) pop() { b.open = b.open[:len(b.open)-1] }

// add makes an element of the token, the last child of parent.
func (b *builder) add(parent *html.Node) *html.Node {
	n := b.alloc()
	n.Type, n.DataAtom, n.Data, n.Attr = html.ElementNode, b.tok.atom, b.tok.data, b.tok.attr
	link(parent, n)
	return n
}

// push makes an element of the token and opens it.
func (b *builder) push() *html.Node {
	n := b.add(b.top())
	b.reopen(n)
	return n
}

// reopen puts an element on the stack.
func (b *builder) reopen(n *html.Node) {
	if len(b.open) >= maxDepth {
		b.odd = true
	}
	b.open = append(b.open, element{n, traitsOf(n.DataAtom)})
}

// imply makes an element that the page only implies and opens it.
func (b *builder) imply(a atom.Atom) *html.Node {
	n := b.alloc()
	n.Type, n.DataAtom, n.Data = html.ElementNode, a, a.String()
	parent := b.root
	if len(b.open) > 0 {
		parent = b.top()
	}
	link(parent, n)
	b.reopen(n)
	return n
}

// addText adds text to the current node.
func (b *builder) addText(t string) {
	if t == "" {
		return
	}
	parent := b.top()
	if last := parent.LastChild; last != nil && last.Type == html.TextNode {
		last.Data += t
		if b.joined += len(last.Data); b.joined > 1<<20+4*len(b.scanner.text) {
			b.odd = true
		}
		return
	}
	n := b.alloc()
	n.Type, n.Data = html.TextNode, t
	link(parent, n)
}

func (b *builder) addComment(parent *html.Node) {
	n := b.alloc()
	n.Type, n.Data = html.CommentNode, b.tok.data
	link(parent, n)
}

// leading adds the white space that a text begins with, and leaves the rest of
// it as the token. It reports whether that was all.
func (b *builder) leading() (all bool) {
	rest := strings.TrimLeft(b.tok.data, space)
	b.addText(b.tok.data[:len(b.tok.data)-len(rest)])
	b.tok.data = rest
	return rest == ""
}

// addRaw makes an element of the token, a child of parent, with all up to its
// end tag as its text.
func (b *builder) addRaw(parent *html.Node) {
	n := b.add(parent)
	t := b.raw(n.Data)
	switch n.DataAtom {
	case atom.Title:
		t = b.unescape(t, false)
	case atom.Textarea:
		t = cutNewline(b.unescape(t, false))
	}
	if t != "" {
		c := b.alloc()
		c.Type, c.Data = html.TextNode, t
		link(n, c)
	}
}

// cutNewline drops the line break that a <pre> or <textarea> may begin with.
func cutNewline(t string) string {
	return strings.TrimPrefix(strings.TrimPrefix(t, "\r"), "\n")
}

// merge gives an element the attributes of the token that it does not have.
func (b *builder) merge(n *html.Node) {
	for _, a := range b.tok.attr {
		if !slices.ContainsFunc(n.Attr, func(have html.Attribute) bool { return have.Key == a.Key }) {
			n.Attr = append(n.Attr, a)
		}
	}
}

// inScope returns where on the stack the innermost element is that has one of
// the traits any, with none that has one of stop further in; -1 if there is none.
func (b *builder) inScope(any, stop traits) int {
	for i := len(b.open) - 1; i >= 0; i-- {
		t := b.open[i].traits
		if t&any != 0 {
			return i
		}
		if t&stop != 0 {
			return -1
		}
	}
	return -1
}

// find is inScope for one element.
func (b *builder) find(a atom.Atom, stop traits) int {
	for i := len(b.open) - 1; i >= 0; i-- {
		if b.open[i].DataAtom == a {
			return i
		}
		if b.open[i].traits&stop != 0 {
			return -1
		}
	}
	return -1
}

// close closes the innermost element a and all within. It reports whether
// there is one in scope.
func (b *builder) close(a atom.Atom, stop traits) bool {
	i := b.find(a, stop)
	if i >= 0 {
		b.open = b.open[:i]
	}
	return i >= 0
}

// closeP closes a paragraph that is open.
func (b *builder) closeP() { b.close(atom.P, scope|button) }

// closeImplied closes the elements whose end tags may be left out, up to one
// that is called except.
func (b *builder) closeImplied(except atom.Atom) {
	for len(b.open) > 0 {
		if e := b.open[len(b.open)-1]; e.traits&implied == 0 || e.DataAtom == except {
			return
		}
		b.pop()
	}
}

// closeTo closes elements until one with the traits is the current node.
func (b *builder) closeTo(t traits) {
	for len(b.open) > 1 && b.open[len(b.open)-1].traits&t == 0 {
		b.pop()
	}
}

// opened returns where on the stack n is; -1 if it is not there.
func (b *builder) opened(n *html.Node) int {
	for i := len(b.open) - 1; i >= 0; i-- {
		if b.open[i].Node == n {
			return i
		}
	}
	return -1
}

// resetMode finds the mode that belongs to the stack.
func (b *builder) resetMode() {
	for i := len(b.open) - 1; i >= 0; i-- {
		switch b.open[i].DataAtom {
		case atom.Td, atom.Th:
			b.mode = inCell
		case atom.Tr:
			b.mode = inRow
		case atom.Tbody, atom.Thead, atom.Tfoot:
			b.mode = inTableBody
		case atom.Caption:
			b.mode = inCaption
		case atom.Colgroup:
			b.mode = inColumnGroup
		case atom.Table:
			b.mode = inTable
		case atom.Body:
			b.mode = inBody
		case atom.Head, atom.Html:
			b.odd = true // a table outside of the body; there is none
		default:
			continue
		}
		return
	}
}
