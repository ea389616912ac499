package xpath

import (
	"slices"
	"sync"

	"golang.org/x/net/html"
)

// nameIndex lists the tree nodes of each name code in document order, so that
// descendant::a is two binary searches.
type nameIndex struct {
	start []int32 // list[start[c]:start[c+1]] has code c
	list  []int32
}

// of returns the nodes with code c in [from, to).
func (x *nameIndex) of(c, from, to int32) []int32 {
	l := x.list[x.start[c]:x.start[c+1]]
	if from > 0 {
		i, _ := slices.BinarySearch(l, from)
		l = l[i:]
	}
	if len(l) > 0 && l[len(l)-1] >= to {
		i, _ := slices.BinarySearch(l, to)
		l = l[:i]
	}
	return l
}

// noteScan records that n nodes were looked at by a search for a name. The
// index costs about as much as two scans of the page, so it is built once
// that much has been spent without it: a page queried once never pays.
func (d *Doc) noteScan(n int64) {
	if d.byName.Load() != nil || d.scanned.Add(n) < 2*int64(len(d.recs)) {
		return
	}
	d.nameOnce.Do(func() {
		x := &nameIndex{
			start: make([]int32, len(d.names.names)+1),
			list:  make([]int32, len(d.recs)),
		}
		for i := range d.recs {
			x.start[d.recs[i].code+1]++
		}
		for c := 1; c < len(x.start); c++ {
			x.start[c] += x.start[c-1]
		}
		next := slices.Clone(x.start)
		for i := range d.recs {
			c := d.recs[i].code
			x.list[next[c]] = int32(i)
			next[c]++
		}
		d.byName.Store(x)
	})
}

// withID returns the first element whose id attribute is id.
func (d *Doc) withID(id string) (int32, bool) {
	d.idOnce.Do(func() {
		d.byID = make(map[string]int32)
		for i := range d.recs {
			if d.recs[i].code < codeElement {
				continue
			}
			attrs := d.nodes[i].Attr
			if k := attrIndex(attrs, "id"); k >= 0 {
				if _, taken := d.byID[attrs[k].Val]; !taken {
					d.byID[attrs[k].Val] = int32(i)
				}
			}
		}
	})
	i, ok := d.byID[id]
	return i, ok
}

// finder answers Doc.Node. The first few questions climb the tree; once the
// climbing has cost as much as a map of the whole document, the map is made.
type finder struct {
	mu    sync.Mutex // guards the fields below
	spent int
	all   map[*html.Node]int32
}

// Node returns the Node of a tree node of this document. It reports false
// for a node of another tree, for one left out of the index (a doctype), and
// for nil.
//
// It takes constant time, amortised: many calls together cost at most a few
// times what NewDoc did.
func (d *Doc) Node(h *html.Node) (Node, bool) {
	if h == nil {
		return Node{}, false
	}
	if h == d.nodes[0] {
		return Node{d, 0}, true
	}
	d.find.mu.Lock()
	defer d.find.mu.Unlock()
	if d.find.all == nil && d.find.spent > 2*len(d.nodes) {
		d.find.all = make(map[*html.Node]int32, len(d.nodes))
		for i, h := range d.nodes {
			d.find.all[h] = int32(i)
		}
	}
	var i int32
	var ok bool
	if d.find.all != nil {
		i, ok = d.find.all[h]
	} else {
		i, ok = d.climbLocked(h)
	}
	if !ok {
		return Node{}, false
	}
	return Node{d, treeRef(i)}, true
}

// climbLocked finds h by walking up to the root and down again.
func (d *Doc) climbLocked(h *html.Node) (int32, bool) {
	var path []*html.Node
	for p := h; p != d.nodes[0]; p = p.Parent {
		if p == nil {
			return 0, false
		}
		path = append(path, p)
		d.find.spent++
	}
	i := int32(0)
	for _, h := range slices.Backward(path) {
		end := d.recs[i].end
		for i++; i < end && d.nodes[i] != h; i = d.recs[i].end {
			d.find.spent++
		}
		if i >= end {
			return 0, false
		}
	}
	return i, true
}
