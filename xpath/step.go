package xpath

import "slices"

// step is a location step ready to run.
type step struct {
	axis  axis
	test  nodeTest
	preds []predicate

	// positional is set when a predicate looks at the position or the size:
	// then nodes must be counted for each context node apart.
	positional bool
	// sized is set when a predicate looks at the size: then the whole list of
	// a context node must be known before its first node is judged.
	sized bool
	// perParent is set on a descendant step that stands for
	// descendant-or-self::node()/child::x[…]. Positions count among the
	// candidates with the same parent.
	perParent bool
}

// predicate is one [...] of a step or filter.
type predicate struct {
	keep    boolFn
	nth     int32 // the predicate is just this position, if > 0
	useSize bool
	usePos  bool // includes useSize
}

// maxStreamed is how many predicates can be counted as nodes go by; steps with
// more collect their nodes first.
const maxStreamed = 4

// tally counts, for each predicate, the nodes that reached it.
type tally [maxStreamed]int32

// passes puts r through the predicates, counting as it goes. It reports
// whether r is kept, and whether no later node can be.
func (st *step) passes(x *exec, r ref, t *tally) (keep, last bool) {
	for k := range st.preds {
		p := &st.preds[k]
		t[k]++
		if p.nth > 0 {
			if t[k] < p.nth {
				return false, last
			}
			if t[k] > p.nth {
				return false, true
			}
			last = true
			continue
		}
		if !p.holds(x, focus{r, t[k], 0}) {
			return false, last
		}
	}
	return true, last
}

// holds evaluates the predicate. What it leaves in x.text is given back.
func (p *predicate) holds(x *exec, c focus) bool {
	m := x.mark()
	ok := p.keep(x, c)
	x.release(m)
	return ok
}

// filter keeps what passes p of list, which is in the order positions count.
func (p *predicate) filter(x *exec, list []ref) []ref {
	if p.nth > 0 {
		if int(p.nth) > len(list) {
			return list[:0]
		}
		list[0] = list[p.nth-1]
		return list[:1]
	}
	out := list[:0]
	size := int32(len(list))
	for i, r := range list {
		if p.holds(x, focus{r, int32(i) + 1, size}) {
			out = append(out, r)
		}
	}
	return out
}

// collect appends the nodes the step selects from one context node, in the
// order of the axis.
func (st *step) collect(x *exec, from ref, out []ref) []ref {
	if st.perParent {
		return st.collectPerParent(x, from, out)
	}
	c := x.open(st, from)
	if len(st.preds) == 0 {
		for {
			r, ok := c.next(x)
			if !ok {
				return out
			}
			out = append(out, r)
		}
	}
	start := len(out)
	if st.sized {
		for r, ok := c.next(x); ok; r, ok = c.next(x) {
			out = append(out, r)
		}
		for k := range st.preds {
			out = out[:start+len(st.preds[k].filter(x, out[start:]))]
		}
		return out
	}
	var t tally
	for {
		r, ok := c.next(x)
		if !ok {
			return out
		}
		keep, last := st.passes(x, r, &t)
		if keep {
			out = append(out, r)
		}
		if last {
			return out
		}
	}
}

// place is where a candidate stands among those with the same parent.
type place struct {
	parent int32
	pos    int32
}

// collectPerParent is collect for steps that count among siblings. It goes
// over the candidates once for each predicate, whatever their parents.
func (st *step) collectPerParent(x *exec, from ref, out []ref) []ref {
	start := len(out)
	plain := step{axis: st.axis, test: st.test}
	out = plain.collect(x, from, out)
	for k := range st.preds {
		p := &st.preds[k]
		list := out[start:]
		x.spend(len(list))
		if !p.usePos {
			out = out[:start+len(p.filter(x, list))]
			continue
		}
		// The predicate may itself count; it then takes arrays of its own.
		counts, places := x.counts, x.places[:0]
		x.counts, x.places = nil, nil
		if len(counts) < len(x.doc.recs) {
			counts = make([]int32, len(x.doc.recs))
		}
		for _, r := range list {
			parent := x.doc.recs[r.index()].parent
			counts[parent]++
			places = append(places, place{parent, counts[parent]})
		}
		kept := list[:0]
		for i, r := range list {
			at := places[i]
			ok := at.pos == p.nth
			if p.nth == 0 {
				ok = p.holds(x, focus{r, at.pos, counts[at.parent]})
			}
			if ok {
				kept = append(kept, r)
			}
		}
		for _, at := range places {
			counts[at.parent] = 0
		}
		x.counts, x.places = counts, places
		out = out[:start+len(kept)]
	}
	return out
}

// apply appends what the step selects from all of in, which is in document
// order without duplicates, and so is the result.
func (st *step) apply(x *exec, in, out []ref) []ref {
	if len(in) == 1 {
		out = st.collect(x, in[0], out)
		if st.axis.reverse() {
			slices.Reverse(out)
		}
		return out
	}
	if st.positional && !st.perParent {
		var m merger
		for _, r := range in {
			out = m.add(x, st.collect(x, r, out))
		}
		return x.settle(out)
	}
	switch st.axis {
	case axisDescendant, axisDescendantOrSelf, axisDeepAttribute:
		// What is inside an earlier context node has been seen.
		seen := int32(-1)
		for _, r := range in {
			if r.index() < seen && !(r.isAttr() && st.axis == axisDescendantOrSelf) {
				continue
			}
			out = st.collect(x, r, out)
			if !r.isAttr() {
				seen = x.doc.recs[r.index()].end
			}
		}
		if st.axis == axisDescendantOrSelf {
			out = x.settle(out)
		}
		return out
	case axisFollowing:
		return st.applyFollowing(x, in, out)
	case axisPreceding:
		// What precedes an earlier context node precedes the last one too.
		if len(in) > 0 {
			out = st.collect(x, in[len(in)-1], out)
			slices.Reverse(out)
		}
		return out
	case axisAncestor, axisAncestorOrSelf, axisFollowingSibling, axisPrecedingSibling:
		return st.applyChains(x, in, out)
	}
	for _, r := range in {
		out = st.collect(x, r, out)
	}
	return x.settle(out)
}

// applyFollowing: everything after the context node that ends first.
func (st *step) applyFollowing(x *exec, in, out []ref) []ref {
	var first ref
	least := int32(len(x.doc.recs)) + 1
	for _, r := range in {
		end := x.doc.recs[r.index()].end
		if r.isAttr() {
			end = r.index() + 1
		}
		if end < least {
			first, least = r, end
		}
	}
	if len(in) > 0 {
		out = st.collect(x, first, out)
	}
	return out
}

// applyChains follows each context node along its chain of parents or
// siblings until it meets a node that an earlier chain went through: from
// there on the chains are one.
func (st *step) applyChains(x *exec, in, out []ref) []ref {
	start := len(out)
	all := step{axis: st.axis}
	lo, hi := int32(len(x.doc.recs)), int32(-1)
	var attrs bool
	for _, r := range in {
		c := x.open(&all, r)
		for {
			r, ok := c.next(x)
			if !ok {
				break
			}
			if r.isAttr() {
				// An attribute is itself only on ancestor-or-self::node().
				if st.test.kind == testNode {
					out, attrs = append(out, r), true
				}
				continue
			}
			i := r.index()
			if x.hasBit(i) {
				break
			}
			x.markBit(i)
			lo, hi = min(lo, i), max(hi, i)
		}
	}
	chain := x.sweepBits(x.grab(), lo, hi)
	tlo, thi := st.test.codes(x)
	for _, r := range chain {
		if code := x.doc.recs[r.index()].code; tlo <= code && code <= thi {
			out = append(out, r)
		}
	}
	x.drop(chain)
	if attrs {
		slices.Sort(out[start:])
	}
	for k := range st.preds {
		out = out[:start+len(st.preds[k].filter(x, out[start:]))]
	}
	return out
}
