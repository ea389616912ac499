package xpath

import (
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Every tree node has a name code. Codes below codeElement stand for kinds of
// node; the others are element names, numbered in the order in which they were
// met. A node test is then always a range of codes: text() is
// [codeText, codeText], * is [codeElement, ∞), node() is everything, and a
// name is one code.
const (
	codeDocument = iota
	codeText
	codeComment
	codeElement // the first element name
)

// rec is one tree node in document order. Children of i start at i+1, its
// following sibling is end (if that is still inside the parent), and its
// subtree is [i, end).
type rec struct {
	code   int32 // name code
	parent int32 // -1 at the root
	prev   int32 // preceding sibling, -1 if none
	end    int32 // first node after the subtree
}

// A Doc is an index over a parsed tree, the thing expressions run on.
//
// It is immutable and safe for concurrent use. It keeps the tree it was made
// from: do not change that tree while the Doc is in use.
type Doc struct {
	recs  []rec
	nodes []*html.Node // nodes[i] is the source of recs[i]
	names nameTable

	// What is made when a page has been used enough to pay for it.
	scanned  atomic.Int64 // nodes looked at that byName would have skipped
	byName   atomic.Pointer[nameIndex]
	nameOnce sync.Once
	asked    atomic.Int64 // elements asked for an attribute without attrs
	attrs    atomic.Pointer[attrTable]
	attrOnce sync.Once
	idOnce   sync.Once
	byID     map[string]int32
	find     finder
}

// NewDoc indexes the tree under root.
//
// The root is what "/" selects. Pass the *html.Node that html.Parse returns;
// any other node works too and then stands for the root of the tree that
// expressions see, whatever is above it. A nil root gives an empty document.
// Doctypes are not part of the XPath data model and are left out.
//
// The cost is one walk over the tree and 24 bytes a node. NewDoc does not
// recurse, so depth does not matter. It keeps root: the tree must not change.
func NewDoc(root *html.Node) *Doc {
	if root == nil {
		root = &html.Node{Type: html.DocumentNode}
	}
	n := countNodes(root)
	recs, nodes := make([]rec, n), make([]*html.Node, n)
	d := &Doc{}
	d.names.init()

	h := root
	next := int32(0) // index of the next node
	parent, prev := int32(-1), int32(-1)
	for {
		code := d.names.codeOf(h)
		if code < 0 && h == root {
			code = codeDocument
		}
		self := prev // of a node left out, the preceding sibling stays what it was
		if code >= 0 {
			self = next
			next++
			recs[self] = rec{code: code, parent: parent, prev: prev, end: next}
			nodes[self] = h
			if h.FirstChild != nil {
				parent, prev = self, -1
				h = h.FirstChild
				continue
			}
		}
		for {
			if h == root {
				d.recs, d.nodes = recs[:next], nodes[:next]
				return d
			}
			if h.NextSibling != nil {
				prev = self
				h = h.NextSibling
				break
			}
			h = h.Parent
			self = parent
			parent = recs[self].parent
			recs[self].end = next
		}
	}
}

// countNodes counts the nodes NewDoc keeps (and the few it leaves out), so
// that the index is allocated once and at its size.
func countNodes(root *html.Node) int {
	n := 0
	h := root
	for {
		n++
		if h.FirstChild != nil {
			h = h.FirstChild
			continue
		}
		for h != root && h.NextSibling == nil {
			h = h.Parent
		}
		if h == root {
			return n
		}
		h = h.NextSibling
	}
}

// Root returns the root node, what "/" selects.
func (d *Doc) Root() Node { return Node{d, 0} }

// Len returns the number of tree nodes (attributes not counted).
func (d *Doc) Len() int { return len(d.recs) }

// nameTable numbers element names. Names that are atoms, nearly all of them,
// are found by their atom without looking at the string.
type nameTable struct {
	names  []string // by code; those below codeElement are ""
	slots  []atomSlot
	used   int
	others map[string]int32
}

type atomSlot struct {
	atom atom.Atom // 0 is a free slot
	code int32
}

func (t *nameTable) init() {
	t.names = make([]string, codeElement, 64)
	t.slots = make([]atomSlot, 128)
}

// slot returns where a is or belongs. The table is never full.
func (t *nameTable) slot(a atom.Atom) *atomSlot {
	mask := uint32(len(t.slots) - 1)
	for i := uint32(a) * 0x9E3779B1 >> 15; ; i++ {
		s := &t.slots[i&mask]
		if s.atom == a || s.atom == 0 {
			return s
		}
	}
}

// codeOf returns the code of h, new if need be, or -1 if h has no place in
// the XPath data model.
func (t *nameTable) codeOf(h *html.Node) int32 {
	switch h.Type {
	case html.ElementNode:
	case html.TextNode:
		return codeText
	case html.CommentNode:
		return codeComment
	case html.DocumentNode:
		return codeDocument
	default:
		return -1
	}
	a := h.DataAtom
	if a == 0 || a.String() != h.Data { // a tree built by hand may lack atoms
		a = atom.Lookup([]byte(h.Data))
	}
	if a == 0 {
		return t.codeOfOther(h.Data)
	}
	s := t.slot(a)
	if s.atom == 0 {
		*s = atomSlot{a, t.add(h.Data)}
		code := s.code
		if t.used++; t.used > len(t.slots)/2 {
			t.grow()
		}
		return code
	}
	return s.code
}

func (t *nameTable) codeOfOther(name string) int32 {
	code, ok := t.others[name]
	if !ok {
		if t.others == nil {
			t.others = make(map[string]int32)
		}
		code = t.add(name)
		t.others[name] = code
	}
	return code
}

func (t *nameTable) add(name string) int32 {
	t.names = append(t.names, name)
	return int32(len(t.names) - 1)
}

func (t *nameTable) grow() {
	old := t.slots
	t.slots = make([]atomSlot, 2*len(old))
	for _, s := range old {
		if s.atom != 0 {
			*t.slot(s.atom) = s
		}
	}
}

// lookup returns the code of a name, or -1 if no element has it. The atom is
// that of name, or 0.
func (t *nameTable) lookup(a atom.Atom, name string) int32 {
	if a != 0 {
		if s := t.slot(a); s.atom == a {
			return s.code
		}
		return -1
	}
	if code, ok := t.others[name]; ok {
		return code
	}
	return -1
}

// A ref names a node of a Doc: the tree index above, and below it 0 for the
// tree node itself or k+1 for its k-th attribute. Refs sort in document order.
type ref uint64

func treeRef(i int32) ref             { return ref(i) << 32 }
func attrRef(i int32, k int) ref      { return ref(i)<<32 | ref(k+1) }
func (r ref) index() int32            { return int32(r >> 32) }
func (r ref) isAttr() bool            { return uint32(r) != 0 }
func (r ref) attr() int               { return int(uint32(r)) - 1 }
func (d *Doc) isElement(i int32) bool { return d.recs[i].code >= codeElement }

func (d *Doc) attribute(r ref) *html.Attribute { return &d.nodes[r.index()].Attr[r.attr()] }

// name returns what name() is for r.
func (d *Doc) name(r ref) string {
	if r.isAttr() {
		return attrName(d.attribute(r))
	}
	return d.names.names[d.recs[r.index()].code]
}

// text returns the string-value of r.
func (d *Doc) text(r ref) string {
	s, rest := d.textParts(r)
	if rest < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s)
	for i := rest; i < d.recs[r.index()].end; i++ {
		if d.recs[i].code == codeText {
			b.WriteString(d.nodes[i].Data)
		}
	}
	return b.String()
}

// textParts returns the string-value of r when one text holds all of it, with
// rest -1. Otherwise it returns the first text, and rest is the second.
func (d *Doc) textParts(r ref) (s string, rest int32) {
	if r.isAttr() {
		return d.attribute(r).Val, -1
	}
	i := r.index()
	if c := d.recs[i].code; c == codeText || c == codeComment {
		return d.nodes[i].Data, -1
	}
	first := int32(-1)
	for j, end := i+1, d.recs[i].end; j < end; j++ {
		if d.recs[j].code != codeText {
			continue
		}
		if first >= 0 {
			return d.nodes[first].Data, j
		}
		first = j
	}
	if first < 0 {
		return "", -1
	}
	return d.nodes[first].Data, -1
}
