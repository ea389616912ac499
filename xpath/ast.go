package xpath

// The tree of an expression as the grammar of the recommendation has it,
// before anything clever is done to it. Each node knows its place in the
// source and its type.
type ast interface {
	pos() int
	kind() Kind
}

type (
	numberLit struct {
		at  int
		val float64
	}
	stringLit struct {
		at  int
		val string
	}
	varRef struct {
		at   int
		name string
	}
	negExpr struct {
		at int
		x  ast
	}
	binaryExpr struct {
		at   int // of the operator
		op   binaryOp
		l, r ast
	}
	callExpr struct {
		at   int
		fn   *function
		args []ast
	}
	// filterExpr is a primary expression with predicates.
	filterExpr struct {
		x     ast
		preds []ast
	}
	// pathExpr is a location path. It starts at the root, or at the nodes of
	// from, or (neither) at the context node.
	pathExpr struct {
		at    int
		root  bool
		from  ast
		steps []astStep
	}
	astStep struct {
		at    int
		axis  axis
		test  testKind
		name  string // for testName the name, for testPrefix the prefix and its colon
		named int    // where the name is
		preds []ast
	}
)

type binaryOp uint8

const (
	opOr binaryOp = iota
	opAnd
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opAdd
	opSub
	opMul
	opDiv
	opMod
	opUnion
)

type testKind uint8

const (
	testNode testKind = iota
	testAny           // *
	testName
	testPrefix // p:*
	testText
	testComment
	testPI
)

type axis uint8

const (
	axisChild axis = iota
	axisDescendant
	axisDescendantOrSelf
	axisAttribute
	axisSelf
	axisParent
	axisAncestor
	axisAncestorOrSelf
	axisFollowingSibling
	axisPrecedingSibling
	axisFollowing
	axisPreceding
	axisNamespace
	// axisDeepAttribute is descendant-or-self::node()/attribute::. It has no
	// syntax; lowering makes it.
	axisDeepAttribute
)

var axisNames = [...]string{
	axisChild:            "child",
	axisDescendant:       "descendant",
	axisDescendantOrSelf: "descendant-or-self",
	axisAttribute:        "attribute",
	axisSelf:             "self",
	axisParent:           "parent",
	axisAncestor:         "ancestor",
	axisAncestorOrSelf:   "ancestor-or-self",
	axisFollowingSibling: "following-sibling",
	axisPrecedingSibling: "preceding-sibling",
	axisFollowing:        "following",
	axisPreceding:        "preceding",
	axisNamespace:        "namespace",
}

// reverse reports whether positions on the axis count against document order.
func (a axis) reverse() bool {
	switch a {
	case axisAncestor, axisAncestorOrSelf, axisPreceding, axisPrecedingSibling:
		return true
	}
	return false
}

func (e *numberLit) pos() int  { return e.at }
func (e *stringLit) pos() int  { return e.at }
func (e *varRef) pos() int     { return e.at }
func (e *negExpr) pos() int    { return e.at }
func (e *binaryExpr) pos() int { return e.at }
func (e *callExpr) pos() int   { return e.at }
func (e *filterExpr) pos() int { return e.x.pos() }
func (e *pathExpr) pos() int   { return e.at }

func (e *numberLit) kind() Kind  { return KindNumber }
func (e *stringLit) kind() Kind  { return KindString }
func (e *varRef) kind() Kind     { return kindUnknown }
func (e *negExpr) kind() Kind    { return KindNumber }
func (e *callExpr) kind() Kind   { return e.fn.result }
func (e *filterExpr) kind() Kind { return KindNodes }
func (e *pathExpr) kind() Kind   { return KindNodes }
func (e *binaryExpr) kind() Kind {
	switch {
	case e.op <= opGe:
		return KindBool
	case e.op == opUnion:
		return KindNodes
	}
	return KindNumber
}
