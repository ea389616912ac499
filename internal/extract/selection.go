package extract

import (
	"strings"

	"golang.org/x/net/html"
)

// A node is what a selector selects: an element, a text, the whole document,
// or one attribute of an element.
type node struct {
	h     *html.Node
	attr  string // name of the attribute; "" if it is h itself
	value string // of the attribute
}

// A Selection is a list of nodes of one page, in document order. The zero
// value is empty.
//
// Methods that speak of one node use the first, and answer "" if there is
// none. It is not safe for concurrent use, like its [Doc].
type Selection struct {
	doc   *Doc
	nodes []node // the first one, if there is a rest
	rest  *rest  // of the nodes, which few ask for; nil if there is none
}

// A rest is the nodes after the first that a selector selects, found when they
// are asked for.
type rest struct {
	sel     plainSelector
	want    int
	attr    string
	in, at  *html.Node // the search goes on after at, in in
	done    bool
	further []node // with the first, once done
}

// all returns all nodes.
func (s Selection) all() []node {
	r := s.rest
	if r == nil {
		return s.nodes
	}
	if !r.done {
		r.done = true
		r.further, _ = r.sel.query(s.nodes[:1:1], r.in, r.at, r.want, r.attr, false)
	}
	return r.further
}

// Empty tells whether there are no nodes. It may be cheaper than [Selection.Len].
func (s Selection) Empty() bool { return len(s.nodes) == 0 }

// Len returns the number of nodes.
func (s Selection) Len() int { return len(s.all()) }

// At returns a selection of the i-th node alone. It panics if there is none.
func (s Selection) At(i int) Selection {
	nodes := s.nodes
	if i > 0 {
		nodes = s.all()
	}
	return Selection{doc: s.doc, nodes: nodes[i : i+1 : i+1]}
}

// Slice returns a selection of the nodes from i up to j, every step-th.
// The bounds must be right; with a negative step it counts down.
func (s Selection) Slice(i, j, step int) Selection {
	all := s.all()
	if step == 1 {
		return Selection{doc: s.doc, nodes: all[i:j:j]}
	}
	var nodes []node
	for ; step > 0 && i < j || step < 0 && i > j; i += step {
		nodes = append(nodes, all[i])
	}
	return Selection{doc: s.doc, nodes: nodes}
}

// CSS selects from the descendants of the nodes, each match once and in
// document order. Besides the selectors of CSS it knows ::text and
// ::attr(name) at the end, and :contains("text").
//
// It returns an error only for a selector that is malformed.
func (s Selection) CSS(selector string) (Selection, error) {
	if s.doc == nil {
		return s, nil
	}
	g, err := s.doc.sels.css.Get(selector, compileCSS)
	if err != nil {
		return Selection{}, err
	}
	from := s.all()
	if g.plain != nil && len(from) == 1 && from[0].attr == "" {
		// Most look at the first node only.
		in := from[0].h
		nodes, at := g.plain.query(nil, in, in, g.want, g.attr, true)
		found := Selection{doc: s.doc, nodes: nodes}
		if len(nodes) > 1 { // texts of one element
			nodes, _ = g.plain.query(nodes, in, at, g.want, g.attr, false)
			found.nodes = nodes
		} else if len(nodes) == 1 {
			found.rest = &rest{sel: g.plain, want: g.want, attr: g.attr, in: in, at: at}
		}
		return found, nil
	}
	var nodes []node
	for _, n := range from {
		if n.attr == "" {
			nodes = g.query(nodes, n.h)
		}
	}
	if len(from) > 1 {
		nodes = dedupe(nodes)
	}
	return Selection{doc: s.doc, nodes: nodes}, nil
}

// dedupe drops nodes that were seen before. Two of the selected nodes may lie
// in each other; the outer comes first and brings all that the inner has, so
// the order stays.
func dedupe(nodes []node) []node {
	seen := make(map[node]bool, len(nodes))
	out := nodes[:0]
	for _, n := range nodes {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// Text returns the text of the first node as a reader sees it: white space is
// made single and trimmed, <br> and the borders of blocks count as white
// space, scripts and styles are left out. White space is what Python's
// str.split takes for it, so &nbsp; and the ideographic space are too.
// An attribute's text is its value, as it is written.
func (s Selection) Text() string {
	if len(s.nodes) == 0 {
		return ""
	}
	return s.nodes[0].text()
}

// Texts returns the text of every node; see [Selection.Text].
func (s Selection) Texts() []string {
	all := s.all()
	texts := make([]string, len(all))
	for i, n := range all {
		texts[i] = n.text()
	}
	return texts
}

func (n node) text() string {
	if n.attr != "" {
		return n.value
	}
	return textOf(n.h)
}

// Attr returns an attribute of the first node, as it is written, and whether
// it is there. Names are matched without regard to case.
func (s Selection) Attr(name string) (value string, ok bool) {
	if len(s.nodes) == 0 {
		return "", false
	}
	n := s.nodes[0]
	if n.attr != "" {
		return n.value, strings.EqualFold(n.attr, name)
	}
	for _, a := range n.h.Attr {
		if a.Key == name || strings.EqualFold(a.Key, name) {
			return a.Val, true
		}
	}
	return "", false
}

// Href returns the address that the first node links to, absolute: of its
// href, or of the node itself if it is an attribute. "" if it has none.
func (s Selection) Href() string { return s.link("href") }

// Src returns the address of what the first node shows, absolute: of its src,
// or of the node itself if it is an attribute. "" if it has none.
func (s Selection) Src() string { return s.link("src") }

func (s Selection) link(name string) string {
	if len(s.nodes) == 0 {
		return ""
	}
	n := s.nodes[0]
	if n.attr != "" {
		return s.doc.Abs(n.value)
	}
	value, _ := s.Attr(name)
	return s.doc.Abs(value)
}

// Name returns the name of the first node: "a" for an element, "href" for an
// attribute, "#text" for a text, "#document" for the document.
func (s Selection) Name() string {
	if len(s.nodes) == 0 {
		return ""
	}
	n := s.nodes[0]
	if n.attr != "" {
		return n.attr
	}
	switch n.h.Type {
	case html.TextNode:
		return "#text"
	case html.CommentNode:
		return "#comment"
	case html.DocumentNode:
		return "#document"
	}
	return n.h.Data
}

// HTML returns the first node as HTML, its own tags included. The value of an
// attribute is returned as it is.
func (s Selection) HTML() string {
	if len(s.nodes) == 0 {
		return ""
	}
	n := s.nodes[0]
	if n.attr != "" {
		return n.value
	}
	var b strings.Builder
	// Rendering into memory fails only for trees that a parser cannot make.
	if err := html.Render(&b, n.h); err != nil {
		return ""
	}
	return b.String()
}
