package xpath

import "math"

// nodeTest is what a step asks of a node. What code a name has depends on the
// document: slot says where in exec.codes it is, or for the attribute axes
// in exec.attrCodes. Prefixes (p:*) are lowered to a predicate.
type nodeTest struct {
	kind testKind
	slot int
	attr bool // of an attribute axis
}

// codes returns the range of codes the test admits in x.doc; lo > hi if none.
func (t *nodeTest) codes(x *exec) (lo, hi int32) {
	switch t.kind {
	case testNode:
		return 0, math.MaxInt32
	case testAny:
		return codeElement, math.MaxInt32
	case testName:
		if !t.attr {
			if c := x.codes[t.slot]; c >= 0 {
				return c, c
			}
		}
	case testText:
		return codeText, codeText
	case testComment:
		return codeComment, codeComment
	}
	return 1, 0 // HTML has no processing instructions
}

// walkMode is how a cursor gets from one node to the next.
type walkMode uint8

const (
	walkNone     walkMode = iota
	walkScan              // up through [i, end)
	walkList              // up through list, from the name index
	walkHop               // from sibling to sibling, until end
	walkBack              // from sibling to sibling, backwards
	walkUp                // from parent to parent
	walkScanBack          // down through [0, i], without the ancestors of end
	walkListBack          // the same through list
	walkAttrs             // the attributes of i
	walkDeep              // the attributes of the elements in [i, end)
)

// A cursor yields the nodes on an axis that pass the node test, in the order
// of the axis.
type cursor struct {
	mode   walkMode
	first  bool // single comes first
	single ref
	lo, hi int32
	i, end int32
	k      int // next attribute, or place in list
	list   []int32
	slot   int             // of the attribute wanted, -1 for all
	seen   map[string]bool // for elements with very many attributes
}

// listWorth is the size of a subtree from which searching the name index
// beats scanning the records.
const listWorth = 48

// open starts the axis of a step at r.
func (x *exec) open(st *step, r ref) cursor {
	var c cursor
	c.lo, c.hi = st.test.codes(x)
	recs := x.doc.recs
	i := r.index()
	n := &recs[i]
	if r.isAttr() {
		return x.openAtAttr(st, r, c)
	}
	if c.lo > c.hi && st.axis != axisAttribute && st.axis != axisDeepAttribute {
		return c
	}
	switch st.axis {
	case axisChild:
		c.mode, c.i, c.end = walkHop, i+1, n.end
	case axisDescendant:
		x.scan(&c, i+1, n.end)
	case axisDescendantOrSelf:
		x.scan(&c, i, n.end)
	case axisAttribute:
		if n.code >= codeElement {
			c.openAttrs(&st.test, walkAttrs)
			c.i = i
		}
	case axisDeepAttribute:
		c.openAttrs(&st.test, walkDeep)
		c.i, c.end = i, n.end
	case axisSelf:
		c.one(x, i)
	case axisParent:
		c.one(x, n.parent)
	case axisAncestor:
		c.mode, c.i = walkUp, n.parent
	case axisAncestorOrSelf:
		c.mode, c.i = walkUp, i
	case axisFollowingSibling:
		if n.parent >= 0 {
			c.mode, c.i, c.end = walkHop, n.end, recs[n.parent].end
		}
	case axisPrecedingSibling:
		c.mode, c.i = walkBack, n.prev
	case axisFollowing:
		x.scan(&c, n.end, int32(len(recs)))
	case axisPreceding:
		x.scanBack(&c, i)
	}
	return c
}

// openAtAttr starts the axis of a step at an attribute, which has no
// children and no siblings.
func (x *exec) openAtAttr(st *step, r ref, c cursor) cursor {
	i := r.index()
	switch st.axis {
	case axisSelf, axisDescendantOrSelf:
		c.single, c.first = r, st.test.kind == testNode
	case axisParent:
		c.one(x, i)
	case axisAncestorOrSelf:
		c.single, c.first = r, st.test.kind == testNode
		fallthrough
	case axisAncestor:
		if c.lo <= c.hi {
			c.mode, c.i = walkUp, i
		}
	case axisFollowing:
		if c.lo <= c.hi {
			x.scan(&c, i+1, int32(len(x.doc.recs)))
		}
	case axisPreceding:
		if c.lo <= c.hi {
			x.scanBack(&c, i)
		}
	}
	return c
}

// one makes c yield tree node i if it passes the test.
func (c *cursor) one(x *exec, i int32) {
	if i >= 0 && c.admits(x.doc.recs[i].code) {
		c.single, c.first = treeRef(i), true
	}
}

func (c *cursor) admits(code int32) bool { return c.lo <= code && code <= c.hi }

// scan makes c yield the nodes of [from, to).
func (x *exec) scan(c *cursor, from, to int32) {
	if x.index != nil && c.lo == c.hi && to-from >= listWorth {
		c.mode, c.list = walkList, x.index.of(c.lo, from, to)
		x.spend(1)
		return
	}
	c.mode, c.i, c.end = walkScan, from, to
}

// scanBack makes c yield the nodes before i but not its ancestors, backwards.
func (x *exec) scanBack(c *cursor, i int32) {
	c.end = i
	if x.index != nil && c.lo == c.hi && i >= listWorth {
		c.list = x.index.of(c.lo, 0, i)
		c.mode, c.k = walkListBack, len(c.list)
		return
	}
	c.mode, c.i = walkScanBack, i-1
}

// openAttrs makes c yield the attributes of the nodes it will be set to.
func (c *cursor) openAttrs(t *nodeTest, mode walkMode) {
	switch t.kind {
	case testName:
		c.mode, c.slot = mode, t.slot
	case testNode, testAny:
		c.mode, c.slot = mode, -1
	}
}

// next returns the next node, or false at the end.
func (c *cursor) next(x *exec) (ref, bool) {
	if c.first {
		c.first = false
		return c.single, true
	}
	recs := x.doc.recs
	switch c.mode {
	case walkScan:
		start, end := c.i, c.end
		lo, span := c.lo, uint32(c.hi-c.lo)
		for i := start; i < end; i++ {
			if uint32(recs[i].code-lo) <= span {
				c.i = i + 1
				c.spendScan(x, int(c.i-start))
				return treeRef(i), true
			}
		}
		c.i = end
		c.spendScan(x, int(end-start))
	case walkList:
		if c.k < len(c.list) {
			c.k++
			x.spend(1)
			return treeRef(c.list[c.k-1]), true
		}
	case walkHop:
		for c.i < c.end {
			i := c.i
			c.i = recs[i].end
			x.spend(1)
			if c.admits(recs[i].code) {
				return treeRef(i), true
			}
		}
	case walkBack:
		for c.i >= 0 {
			i := c.i
			c.i = recs[i].prev
			x.spend(1)
			if c.admits(recs[i].code) {
				return treeRef(i), true
			}
		}
	case walkUp:
		for c.i >= 0 {
			i := c.i
			c.i = recs[i].parent
			x.spend(1)
			if c.admits(recs[i].code) {
				return treeRef(i), true
			}
		}
	case walkScanBack:
		for c.i >= 0 {
			i := c.i
			c.i--
			c.spendScan(x, 1)
			if c.admits(recs[i].code) && recs[i].end <= c.end {
				return treeRef(i), true
			}
		}
	case walkListBack:
		for c.k > 0 {
			c.k--
			i := c.list[c.k]
			x.spend(1)
			if recs[i].end <= c.end {
				return treeRef(i), true
			}
		}
	case walkAttrs:
		if k := c.nextAttr(x, c.i); k >= 0 {
			x.spend(1)
			return attrRef(c.i, k), true
		}
	case walkDeep:
		for ; c.i < c.end; c.i, c.k = c.i+1, 0 {
			x.spend(1)
			if k := c.nextAttr(x, c.i); k >= 0 {
				return attrRef(c.i, k), true
			}
		}
	}
	c.mode = walkNone
	return 0, false
}

// spendScan is spend for a scan. A scan for one code counts towards the index
// that would have saved it.
func (c *cursor) spendScan(x *exec, n int) {
	if c.lo == c.hi {
		x.scans += int64(n)
	}
	x.spend(n)
}
