package xpath

import "golang.org/x/net/html"

// A Node is an element, text, comment or attribute of a Doc, or the document
// itself. It is a small value: copy it, compare it with ==, use it as a map
// key. The zero Node belongs to no document and has no name, text or tree node.
//
// Nodes are safe for concurrent use.
type Node struct {
	doc *Doc
	ref ref
}

// Doc returns the document the node belongs to, nil for the zero Node.
func (n Node) Doc() *Doc { return n.doc }

// HTML returns the tree node, for an attribute the element that has it.
// It returns nil for the zero Node.
func (n Node) HTML() *html.Node {
	if n.doc == nil {
		return nil
	}
	return n.doc.nodes[n.ref.index()]
}

// IsAttr reports whether the node is an attribute.
func (n Node) IsAttr() bool { return n.ref.isAttr() }

// Name returns the name of an element or attribute as the tree has it, and ""
// for other nodes. Names keep their prefix: "xlink:href".
func (n Node) Name() string {
	if n.doc == nil {
		return ""
	}
	return n.doc.name(n.ref)
}

// String returns the string-value: an attribute's value, the text of a text
// or comment, and for the others all text below them, in order and unchanged.
func (n Node) String() string {
	if n.doc == nil {
		return ""
	}
	return n.doc.text(n.ref)
}

// Attr returns the value of the element's attribute called name, and whether
// there is one. Nodes that are not elements have none.
func (n Node) Attr(name string) (string, bool) {
	if n.doc == nil || n.IsAttr() || !n.doc.isElement(n.ref.index()) {
		return "", false
	}
	attrs := n.doc.nodes[n.ref.index()].Attr
	if k := attrIndex(attrs, name); k >= 0 {
		return attrs[k].Val, true
	}
	return "", false
}

// Before reports whether n comes before m in the document order of the Doc
// that both belong to.
func (n Node) Before(m Node) bool { return n.doc == m.doc && n.ref < m.ref }
