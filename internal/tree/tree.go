// Package tree builds the tree of an HTML page.
//
// [Parse] gives the tree that golang.org/x/net/html gives, several times
// faster. It knows the everyday part of the standard's algorithm: nested and
// unclosed elements, formatting elements, tables, forms, scripts. At the first
// thing beyond that (SVG, templates, framesets, text between the cells of a
// table, formatting that overlaps blocks, a page cut inside a tag) it gives up
// and has x/net parse the page. So there is one authority on what broken HTML
// means, and what this package does know is checked against it, page by page.
//
// Where the speed comes from: texts and values are parts of the page and not
// copies, and nodes and attributes are allocated by the hundred, in a [Memory]
// that can be used again for the next page. The price is that one node keeps
// the page and its whole tree in memory.
package tree

import (
	"strings"

	"golang.org/x/net/html"
)

// Parse returns the document that text is, which must be valid UTF-8, as a
// browser without scripting reads it. The tree refers to text. It is made in
// the memory m, and valid until that is used again; nil gives it memory of its
// own.
//
// It returns an error if elements are nested more than 512 deep.
func Parse(text string, m *Memory) (*html.Node, error) {
	if root, ok := Quick(text, m); ok {
		return root, nil
	}
	// With scripting on, what stands in <noscript> is text, and the images
	// of a lazy page are lost with it.
	return html.ParseWithOptions(strings.NewReader(text), html.ParseOptionEnableScripting(false))
}

// Quick is Parse that reports false, and gives no tree, where Parse turns to
// x/net.
func Quick(text string, m *Memory) (root *html.Node, ok bool) {
	if m == nil {
		m = new(Memory)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return nil, false
	}
	if strings.IndexByte(text, '\r') >= 0 {
		text = newlines.Replace(text)
	}
	b := builder{scanner: scanner{text: text, memory: m}, mode: initial}
	b.root = b.alloc()
	b.root.Type = html.DocumentNode
	for {
		b.next()
		for !b.step() {
		}
		if b.odd {
			return nil, false
		}
		if b.tok.kind == end {
			return b.root, true
		}
	}
}

// newlines makes every line break one character, as a browser does before it
// looks at the page.
var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")
