package xpath

import "slices"

// source makes a nodeSource of a function that returns all nodes.
type source setFn

func (f source) nodes(x *exec, c focus) []ref { return f(x, c) }

func (f source) first(x *exec, c focus) (ref, bool) { return firstOf(x, f(x, c)) }

func (f source) visit(x *exec, c focus, v *visitor) { visitAll(x, f(x, c), v) }

// firstOf returns the first of set, and drops set.
func firstOf(x *exec, set []ref) (ref, bool) {
	defer x.drop(set)
	if len(set) == 0 {
		return 0, false
	}
	return set[0], true
}

// visitAll shows set to v, and drops it.
func visitAll(x *exec, set []ref, v *visitor) {
	for _, r := range set {
		if v.see(x, r) {
			break
		}
	}
	x.drop(set)
}

// filtered is a filter expression: predicates on a whole node-set, whose
// positions count in document order.
type filtered struct {
	src   nodeSource
	preds []predicate
}

func (f *filtered) nodes(x *exec, c focus) []ref {
	if f.preds[0].nth == 1 { // (…)[1]
		out := x.grab()
		if r, ok := f.first(x, c); ok {
			out = append(out, r)
		}
		return out
	}
	set := f.src.nodes(x, c)
	for k := range f.preds {
		set = f.preds[k].filter(x, set)
	}
	return set
}

func (f *filtered) first(x *exec, c focus) (ref, bool) {
	if f.preds[0].nth != 1 {
		return firstOf(x, f.nodes(x, c))
	}
	r, ok := f.src.first(x, c)
	if !ok {
		return 0, false
	}
	for k := range f.preds {
		if !f.preds[k].holds(x, focus{r, 1, 1}) {
			return 0, false
		}
	}
	return r, true
}

func (f *filtered) visit(x *exec, c focus, v *visitor) { visitAll(x, f.nodes(x, c), v) }

// union is a chain of |.
type union struct{ terms []nodeSource }

func (u *union) nodes(x *exec, c focus) []ref {
	out := u.terms[0].nodes(x, c)
	var m merger
	for _, t := range u.terms[1:] {
		more := t.nodes(x, c)
		x.spend(len(more))
		out = m.add(x, append(out, more...))
		x.drop(more)
	}
	return x.settle(out)
}

func (u *union) first(x *exec, c focus) (ref, bool) {
	least, found := ref(0), false
	for _, t := range u.terms {
		if r, ok := t.first(x, c); ok && (!found || r < least) {
			least, found = r, true
		}
	}
	return least, found
}

func (u *union) visit(x *exec, c focus, v *visitor) {
	for _, t := range u.terms {
		if t.visit(x, c, v); v.hit {
			return
		}
	}
}

// variable returns the value of a variable.
func (x *exec) variable(v *varRef) Value {
	val, ok := x.vars[v.name]
	if !ok {
		x.throw(&Error{x.expr.src, v.at, "the variable $" + v.name + " has no value: see EvalOptions.Vars"})
	}
	return val
}

// variableNodes returns the nodes of a variable that must be a node-set.
func (x *exec) variableNodes(v *varRef) []ref {
	val := x.variable(v)
	if val.kind != KindNodes {
		x.throw(&Error{x.expr.src, v.at, "nodes are needed here, and $" + v.name + " is a " + val.kind.String()})
	}
	out := x.grab()
	for _, n := range val.nodes {
		if n.doc != x.doc {
			x.throw(&Error{x.expr.src, v.at, "$" + v.name + " has nodes of another document"})
		}
		out = append(out, n.ref)
	}
	x.spend(len(out))
	if !slices.IsSorted(out) { // Unreachable: NodesValue sorts.
		out = x.sort(out)
	}
	return out
}
