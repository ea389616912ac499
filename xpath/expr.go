package xpath

import (
	"context"
	"errors"
	"strings"
)

// Options are choices for Compile. A nil *Options is the zero value.
type Options struct {
	// Extras allows functions that XPath 1.0 does not have: matches, replace,
	// lower-case, ends-with, string-join and has-class. See the package
	// comment. Zero means they are errors.
	Extras bool
}

// EvalOptions are choices for one evaluation. A nil *EvalOptions is the zero
// value.
type EvalOptions struct {
	// Vars are the values of variables, by name without the $. The map is
	// only read. Zero means none; a variable without a value is an error if
	// the evaluation gets to it.
	Vars map[string]Value

	// Budget is how much work the evaluation may do, counted roughly in nodes
	// looked at (16 bytes of text count as one). Zero means DefaultBudget.
	// Past it the evaluation ends with ErrBudget.
	Budget int64
}

// An Expr is a compiled expression. It is immutable and safe for concurrent
// use, on any number of documents.
type Expr struct {
	src       string
	tree      ast
	names     []nameRef // element names it tests for
	attrNames []string  // attribute names it asks for
	memos     int

	// One of these is set, unless the expression is just a variable.
	set    nodeSource
	text   textFn
	number numFn
	yes    boolFn
}

// Compile compiles an expression.
//
// A mistake is reported as an *Error, with its place. That includes unknown
// functions, wrong numbers of arguments, and values that are not nodes where
// nodes are needed; an expression that compiles can fail only for a variable,
// the budget or the context.
func Compile(expr string, opts *Options) (*Expr, error) {
	extras := opts != nil && opts.Extras
	tree, err := parse(expr, extras)
	if err != nil {
		return nil, err
	}
	e := &Expr{src: expr, tree: tree}
	l := &lowerer{src: expr, slots: make(map[string]int), context: make(map[ast]bool)}
	switch tree.kind() {
	case KindNodes:
		e.set = l.asNodes(tree)
	case KindString:
		e.text = l.asText(tree)
	case KindNumber:
		e.number = l.asNumber(tree)
	case KindBool:
		e.yes = l.asBool(tree)
	}
	if l.err != nil {
		return nil, l.err
	}
	e.names, e.attrNames, e.memos = l.names, l.attrNames, l.memos
	return e, nil
}

// MustCompile is Compile for expressions known to be right. It panics if
// expr is not.
func MustCompile(expr string, opts *Options) *Expr {
	e, err := Compile(expr, opts)
	if err != nil {
		panic(err)
	}
	return e
}

// String returns the source of the expression.
func (e *Expr) String() string { return e.src }

// Kind returns the type of the result, and false if only the value of a
// variable decides it.
func (e *Expr) Kind() (Kind, bool) {
	k := e.tree.kind()
	if k == kindUnknown {
		return KindNodes, false
	}
	return k, true
}

var errNoNode = errors.New("xpath: the context node belongs to no document")

// run calls f with an evaluation prepared at n, and turns what is thrown into
// an error.
func (e *Expr) run(ctx context.Context, n Node, opts *EvalOptions, f func(x *exec, c focus)) (err error) {
	if n.doc == nil {
		return errNoNode
	}
	defer func() {
		if r := recover(); r != nil {
			t, ok := r.(thrown)
			if !ok {
				panic(r)
			}
			err = t.err
		}
	}()
	x := e.begin(ctx, n, opts)
	f(x, focus{n.ref, 1, 1})
	x.end()
	return nil
}

// Nodes evaluates an expression of nodes with context node n. It returns the
// nodes in document order without duplicates, nil if there are none.
//
// It returns an *Error if the expression gives a string, number or boolean,
// or if a variable is missing or of the wrong type; an error that wraps
// ErrBudget when the budget is used up; and one that wraps ctx.Err() when ctx
// ends first. The slice belongs to the caller.
func (e *Expr) Nodes(ctx context.Context, n Node, opts *EvalOptions) ([]Node, error) {
	if e.set == nil {
		v, err := e.Eval(ctx, n, opts)
		if err == nil && v.kind != KindNodes {
			err = &Error{e.src, 0, "nodes were asked for, and this is a " + v.kind.String()}
		}
		return v.nodes, err
	}
	var nodes []Node
	err := e.run(ctx, n, opts, func(x *exec, c focus) { nodes = e.allNodes(x, c) })
	return nodes, err
}

func (e *Expr) allNodes(x *exec, c focus) []Node {
	set := e.set.nodes(x, c)
	var nodes []Node
	if len(set) > 0 {
		nodes = make([]Node, len(set))
		for i, r := range set {
			nodes[i] = Node{x.doc, r}
		}
	}
	x.drop(set)
	return nodes
}

// First is Nodes for the first node in document order. It looks no further
// than it must. It reports false if there is no node.
func (e *Expr) First(ctx context.Context, n Node, opts *EvalOptions) (Node, bool, error) {
	if e.set == nil {
		nodes, err := e.Nodes(ctx, n, opts)
		if len(nodes) == 0 {
			return Node{}, false, err
		}
		return nodes[0], true, nil
	}
	var first Node
	var ok bool
	err := e.run(ctx, n, opts, func(x *exec, c focus) {
		var r ref
		if r, ok = e.set.first(x, c); ok {
			first = Node{x.doc, r}
		}
	})
	return first, ok, err
}

// Eval evaluates the expression with context node n. Errors are those of
// Nodes, except that every type of result is fine.
func (e *Expr) Eval(ctx context.Context, n Node, opts *EvalOptions) (Value, error) {
	var v Value
	err := e.run(ctx, n, opts, func(x *exec, c focus) {
		switch {
		case e.set != nil:
			v = Value{kind: KindNodes, nodes: e.allNodes(x, c)}
		case e.text != nil:
			v = StringValue(strings.Clone(e.text(x, c)))
		case e.number != nil:
			v = NumberValue(e.number(x, c))
		case e.yes != nil:
			v = BoolValue(e.yes(x, c))
		default:
			v = x.variable(e.tree.(*varRef))
		}
	})
	return v, err
}

// EvalString is Eval converted to a string: of nodes, the string-value of the
// first. It looks no further than it must.
func (e *Expr) EvalString(ctx context.Context, n Node, opts *EvalOptions) (string, error) {
	if e.set != nil {
		first, _, err := e.First(ctx, n, opts)
		return first.String(), err
	}
	v, err := e.Eval(ctx, n, opts)
	return v.String(), err
}

// EvalNumber is Eval converted to a number, which is NaN where there is none.
func (e *Expr) EvalNumber(ctx context.Context, n Node, opts *EvalOptions) (float64, error) {
	s := Value{}
	var err error
	if e.set != nil {
		s.kind = KindString
		s.str, err = e.EvalString(ctx, n, opts)
	} else {
		s, err = e.Eval(ctx, n, opts)
	}
	return s.Number(), err
}

// EvalBool is Eval converted to a boolean: for nodes, whether there are any.
// It looks no further than it must.
func (e *Expr) EvalBool(ctx context.Context, n Node, opts *EvalOptions) (bool, error) {
	if e.set == nil {
		v, err := e.Eval(ctx, n, opts)
		return v.Bool(), err
	}
	var ok bool
	err := e.run(ctx, n, opts, func(x *exec, c focus) { ok = exists(e.set, x, c) })
	return ok, err
}
