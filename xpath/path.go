package xpath

// path is a location path ready to run.
type path struct {
	root  bool  // starts at the root, otherwise
	from  setFn // at these nodes, otherwise (nil) at the context node
	steps []step

	// walkFrom is the step from which on nodes can be visited depth first:
	// no node would be met twice, so the visit costs no more than the set.
	walkFrom int
	// ordered is set when the visit goes in document order.
	ordered bool
}

// shape says what is known about the nodes a step selects.
type shape uint8

const (
	shapeOne     shape = iota // at most one
	shapeFlat                 // in order, none inside another
	shapeOrdered              // in order
	shapeSet                  // in any order
	shapeBag                  // with repetitions
)

// plan sets walkFrom and ordered.
func (p *path) plan() {
	now := shapeOne
	if p.from != nil {
		now = shapeOrdered
	}
	p.ordered = true
	for k := range p.steps {
		next := p.steps[k].shape(now)
		if next == shapeBag {
			// The steps so far are done as sets, whose result is in order.
			p.walkFrom, p.ordered = k, true
			if next = p.steps[k].shape(shapeOrdered); next == shapeBag {
				p.walkFrom, next = k+1, shapeOrdered
			}
		}
		if next == shapeSet {
			p.ordered = false
		}
		now = next
	}
}

// shape returns what is known of the nodes the step selects, visited one
// context node after the other, when from is known of the context nodes.
func (st *step) shape(from shape) shape {
	switch st.axis {
	case axisSelf:
		return from
	case axisAttribute:
		if from == shapeOne {
			return shapeFlat
		}
		return from
	case axisChild:
		switch from {
		case shapeOne, shapeFlat:
			return shapeFlat
		}
		return shapeSet
	case axisDescendant, axisDescendantOrSelf, axisDeepAttribute:
		if from <= shapeFlat {
			return shapeOrdered
		}
		return shapeBag
	}
	if from != shapeOne {
		return shapeBag
	}
	switch st.axis {
	case axisParent:
		return shapeOne
	case axisFollowingSibling:
		return shapeFlat
	case axisFollowing:
		return shapeOrdered
	}
	return shapeSet // reverse axes
}

// start returns the nodes before the first step.
func (p *path) start(x *exec, c focus) []ref {
	switch {
	case p.from != nil:
		return p.from(x, c)
	case p.root:
		return append(x.grab(), 0)
	}
	return append(x.grab(), c.node)
}

// upTo returns the nodes after the first n steps.
func (p *path) upTo(x *exec, c focus, n int) []ref {
	set := p.start(x, c)
	for k := 0; k < n && len(set) > 0; k++ {
		next := p.steps[k].apply(x, set, x.grab())
		x.drop(set)
		set = next
	}
	return set
}

// nodes returns all nodes the path selects, in document order.
func (p *path) nodes(x *exec, c focus) []ref { return p.upTo(x, c, len(p.steps)) }

// visit shows the nodes the path selects to v, once each, until v has enough.
// The order is that of the document if p.ordered.
func (p *path) visit(x *exec, c focus, v *visitor) {
	if p.walkFrom == 0 && p.from == nil {
		from := c.node
		if p.root {
			from = 0
		}
		p.walk(x, from, 0, v)
		return
	}
	set := p.upTo(x, c, p.walkFrom)
	for _, r := range set {
		if p.walk(x, r, p.walkFrom, v) {
			break
		}
	}
	x.drop(set)
}

// walk visits what steps[k:] select from r, and reports whether v has enough.
func (p *path) walk(x *exec, r ref, k int, v *visitor) bool {
	if k == len(p.steps) {
		return v.see(x, r)
	}
	st := &p.steps[k]
	if st.sized || st.perParent {
		list := st.collect(x, r, x.grab())
		enough := false
		for _, r := range list {
			if enough = p.walk(x, r, k+1, v); enough {
				break
			}
		}
		x.drop(list)
		return enough
	}
	c := x.open(st, r)
	var t tally
	for {
		r, ok := c.next(x)
		if !ok {
			return false
		}
		keep, last := true, false
		if len(st.preds) > 0 {
			keep, last = st.passes(x, r, &t)
		}
		if keep && p.walk(x, r, k+1, v) {
			return true
		}
		if last {
			return false
		}
	}
}

// first returns the first node in document order.
func (p *path) first(x *exec, c focus) (ref, bool) {
	if p.ordered {
		v := visitor{want: wantAny}
		p.visit(x, c, &v)
		return v.node, v.hit
	}
	set := p.nodes(x, c)
	defer x.drop(set)
	if len(set) == 0 {
		return 0, false
	}
	return set[0], true
}

// visitor looks at nodes until one of them decides the matter.
type visitor struct {
	want wanted
	op   binaryOp
	str  string
	num  float64
	hit  bool
	node ref // the node that hit
}

type wanted uint8

const (
	wantAny    wanted = iota
	wantString        // a string-value that compares with str (= or !=)
	wantNumber        // a number that compares with num
)

// see reports whether r hits.
func (v *visitor) see(x *exec, r ref) bool {
	switch v.want {
	case wantString:
		m := x.mark()
		v.hit = (x.stringValue(r) == v.str) == (v.op == opEq)
		x.release(m)
	case wantNumber:
		m := x.mark()
		v.hit = compareNumbers(v.op, parseNumber(x.stringValue(r)), v.num)
		x.release(m)
	default:
		v.hit = true
	}
	if v.hit {
		v.node = r
	}
	return v.hit
}
