package xpath

import (
	"slices"
)

// Kind is the type of a Value.
type Kind uint8

const (
	KindNodes Kind = iota
	KindString
	KindNumber
	KindBool
	kindUnknown // of a variable, before it is looked up
)

// String returns the name of the kind as messages use it.
func (k Kind) String() string {
	switch k {
	case KindNodes:
		return "node-set"
	case KindString:
		return "string"
	case KindNumber:
		return "number"
	case KindBool:
		return "boolean"
	}
	return "value of unknown type"
}

// A Value is the result of an expression, or the value of a variable. Its
// accessors convert as XPath does, so each of them works on every Value. The
// zero Value is an empty node-set.
//
// Values are safe for concurrent use.
type Value struct {
	kind  Kind
	nodes []Node // in document order, no duplicates
	str   string
	num   float64
	yes   bool
}

// NodesValue returns a node-set. It copies nodes, which may come in any order
// and repeat. They must belong to one document.
func NodesValue(nodes ...Node) Value {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Node) int {
		switch {
		case a.ref < b.ref:
			return -1
		case a.ref > b.ref:
			return 1
		}
		return 0
	})
	return Value{kind: KindNodes, nodes: slices.Compact(nodes)}
}

// StringValue returns a string.
func StringValue(s string) Value { return Value{kind: KindString, str: s} }

// NumberValue returns a number.
func NumberValue(n float64) Value { return Value{kind: KindNumber, num: n} }

// BoolValue returns a boolean.
func BoolValue(b bool) Value { return Value{kind: KindBool, yes: b} }

// Kind returns the type of the value.
func (v Value) Kind() Kind { return v.kind }

// Nodes returns the nodes in document order, or nil if v is not a node-set.
// The slice belongs to v: do not change it.
func (v Value) Nodes() []Node { return v.nodes }

// String converts to a string: of a node-set, the string-value of its first
// node, or "".
func (v Value) String() string {
	switch v.kind {
	case KindString:
		return v.str
	case KindNumber:
		return formatNumber(v.num)
	case KindBool:
		return formatBool(v.yes)
	}
	if len(v.nodes) == 0 {
		return ""
	}
	return v.nodes[0].String()
}

// Number converts to a number; what is not a number becomes NaN.
func (v Value) Number() float64 {
	switch v.kind {
	case KindNumber:
		return v.num
	case KindBool:
		return boolNumber(v.yes)
	}
	return parseNumber(v.String())
}

// Bool converts to a boolean: true for a node-set or string that is not
// empty, and for a number that is neither 0 nor NaN.
func (v Value) Bool() bool {
	switch v.kind {
	case KindString:
		return v.str != ""
	case KindNumber:
		return numberBool(v.num)
	case KindBool:
		return v.yes
	}
	return len(v.nodes) > 0
}
