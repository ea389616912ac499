package xpath

import (
	"slices"

	"golang.org/x/net/html"
)

// attrName returns the name as written in the page: x/net splits xlink:href
// and a few others inside svg and math.
func attrName(a *html.Attribute) string {
	if a.Namespace == "" {
		return a.Key
	}
	return a.Namespace + ":" + a.Key
}

// isNamed reports whether attrName(a) == name, without building it.
func isNamed(a *html.Attribute, name string) bool {
	if a.Namespace == "" {
		return a.Key == name
	}
	n := len(a.Namespace)
	return len(name) == n+1+len(a.Key) && name[n] == ':' && name[:n] == a.Namespace && name[n+1:] == a.Key
}

// attrIndex returns the position of the attribute called name, or -1. When a
// page repeats an attribute the first one counts.
func attrIndex(attrs []html.Attribute, name string) int {
	for k := range attrs {
		if isNamed(&attrs[k], name) {
			return k
		}
	}
	return -1
}

// attrTable has the attributes of a document side by side. Without it, asking
// an element for an attribute means to go to the tree, which on a large page
// is a wait for memory each time.
type attrTable struct {
	start []int32 // the attributes of node i are [start[i], start[i+1])
	code  []int32 // their names by number; -1 if one before it has the name
	val   []string
	names map[string]int32
}

// noteAsked records that n elements were asked for an attribute. Like the name
// index, the table is made once that has cost as much as the table does.
func (d *Doc) noteAsked(n int64) {
	if d.attrs.Load() != nil || d.asked.Add(n) < int64(len(d.recs)) {
		return
	}
	d.attrOnce.Do(func() { d.attrs.Store(newAttrTable(d)) })
}

func newAttrTable(d *Doc) *attrTable {
	total := 0
	for i := range d.recs {
		if d.recs[i].code >= codeElement {
			total += len(d.nodes[i].Attr)
		}
	}
	t := &attrTable{
		start: make([]int32, 0, len(d.recs)+1),
		code:  make([]int32, 0, total),
		val:   make([]string, 0, total),
		names: make(map[string]int32),
	}
	var seen []attrSeen // by name
	for i := range d.recs {
		t.start = append(t.start, int32(len(t.code)))
		if d.recs[i].code < codeElement {
			continue
		}
		attrs := d.nodes[i].Attr
		for k := range attrs {
			name := attrName(&attrs[k])
			code, ok := t.names[name]
			if !ok {
				code = int32(len(seen))
				t.names[name] = code
				seen = append(seen, attrSeen{last: -1, values: make(map[string]string)})
			}
			s := &seen[code]
			if s.last == int32(i) {
				code = -1
			}
			s.last = int32(i)
			t.code = append(t.code, code)
			t.val = append(t.val, s.same(attrs[k].Val))
		}
	}
	t.start = append(t.start, int32(len(t.code)))
	return t
}

// attrSeen is what has been seen of the attributes of one name.
type attrSeen struct {
	last   int32             // the node that had it last
	values map[string]string // its values, while there are few
}

// same returns v, as the string that was used for it before if there is one:
// comparing the classes of a large page then stays within the cache.
func (s *attrSeen) same(v string) string {
	if s.values == nil {
		return v
	}
	if old, ok := s.values[v]; ok {
		return old
	}
	if len(s.values) == 64 {
		s.values = nil
		return v
	}
	s.values[v] = v
	return v
}

// attrSlot returns the slot of an attribute name, see exec.attrCodes.
func (l *lowerer) attrSlot(name string) int {
	k := slices.Index(l.attrNames, name)
	if k < 0 {
		k = len(l.attrNames)
		l.attrNames = append(l.attrNames, name)
	}
	return k
}

// attrPlace returns which attribute of tree node i has the name in the slot,
// or -1.
func (x *exec) attrPlace(i int32, slot int) int {
	if t := x.attrs; t != nil {
		start, end, want := t.start[i], t.start[i+1], x.attrCodes[slot]
		x.spend(1 + int(end-start)/8)
		if want >= 0 {
			for k, code := range t.code[start:end] {
				if code == want {
					return k
				}
			}
		}
		return -1
	}
	if !x.doc.isElement(i) {
		x.spend(1)
		return -1
	}
	attrs := x.doc.nodes[i].Attr
	x.asked++
	x.spend(1 + len(attrs)/8)
	return attrIndex(attrs, x.expr.attrNames[slot])
}

// attr returns the value of the attribute of r whose name is in the slot.
func (x *exec) attr(r ref, slot int) (string, bool) {
	if r.isAttr() {
		return "", false
	}
	i := r.index()
	k := x.attrPlace(i, slot)
	if k < 0 {
		return "", false
	}
	return x.attrValue(i, k), true
}

// attrValue returns the value of the k-th attribute of tree node i.
func (x *exec) attrValue(i int32, k int) string {
	if t := x.attrs; t != nil {
		return t.val[t.start[i]+int32(k)]
	}
	return x.doc.nodes[i].Attr[k].Val
}

// nextAttr returns the place of the next attribute of tree node i that c
// wants, or -1. Of attributes with the same name only the first exists.
func (c *cursor) nextAttr(x *exec, i int32) int {
	if c.slot >= 0 {
		if c.k > 0 {
			return -1
		}
		c.k = 1
		return x.attrPlace(i, c.slot)
	}
	if t := x.attrs; t != nil {
		all := t.code[t.start[i]:t.start[i+1]]
		for c.k < len(all) {
			c.k++
			if all[c.k-1] >= 0 {
				return c.k - 1
			}
		}
		return -1
	}
	if !x.doc.isElement(i) {
		return -1
	}
	attrs := x.doc.nodes[i].Attr
	x.asked++
	for c.k < len(attrs) {
		k := c.k
		c.k++
		if !c.repeated(attrs, k) {
			return k
		}
	}
	return -1
}

// repeated reports whether an attribute before the k-th has its name.
func (c *cursor) repeated(attrs []html.Attribute, k int) bool {
	if len(attrs) <= 32 {
		return attrIndex(attrs[:k], attrName(&attrs[k])) >= 0
	}
	if k == 0 {
		c.seen = make(map[string]bool, len(attrs))
	}
	name := attrName(&attrs[k])
	was := c.seen[name]
	c.seen[name] = true
	return was
}
