package xpath

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The functions of the naive evaluator: section 4 of the recommendation.

// nbool is boolean(), section 4.3.
func nbool(v any) bool {
	switch v := v.(type) {
	case float64:
		return v < 0 || v > 0
	case string:
		return len(v) > 0
	case []*nnode:
		return len(v) > 0
	}
	return v.(bool)
}

var numberSyntax = regexp.MustCompile(`^[ \t\r\n]*(-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))[ \t\r\n]*$`)

// nnumber is number(), section 4.4.
func nnumber(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case bool:
		if v {
			return 1
		}
		return 0
	}
	m := numberSyntax.FindStringSubmatch(nstring(v))
	if m == nil {
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(m[1], 64)
	return f
}

// nstring is string(), section 4.2.
func nstring(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	case []*nnode:
		if len(v) == 0 {
			return ""
		}
		return v[0].stringValue()
	}
	f := v.(float64)
	switch {
	case f != f:
		return "NaN"
	case f > math.MaxFloat64:
		return "Infinity"
	case f < -math.MaxFloat64:
		return "-Infinity"
	case f == 0:
		return "0"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

var xmlSpace = regexp.MustCompile(`[ \t\r\n]+`)

// nround is round(), section 4.4.
func nround(f float64) float64 {
	down, up := math.Floor(f), math.Ceil(f)
	if f-down < up-f {
		return down
	}
	if up == 0 {
		return math.Copysign(0, f)
	}
	return up
}

// call is section 4.
func (c ncontext) call(e *callExpr) any {
	name := ""
	for n, f := range coreFunctions {
		if f == e.fn {
			name = n
		}
	}
	var args []any
	for _, a := range e.args {
		args = append(args, c.eval(a))
	}
	str := func(i int) string {
		if i >= len(args) {
			return c.node.stringValue()
		}
		return nstring(args[i])
	}
	set := func(i int) []*nnode {
		s, ok := args[i].([]*nnode)
		if !ok {
			panic(naiveError("nodes needed"))
		}
		return s
	}
	switch name {
	case "last":
		return float64(c.size)
	case "position":
		return float64(c.pos)
	case "count":
		return float64(len(set(0)))
	case "id":
		var words []string
		if s, ok := args[0].([]*nnode); ok {
			for _, n := range s {
				words = append(words, xmlSpace.Split(n.stringValue(), -1)...)
			}
		} else {
			words = xmlSpace.Split(str(0), -1)
		}
		var out []*nnode
		taken := map[string]bool{}
		for _, n := range append([]*nnode{c.node.root()}, c.node.root().descendants()...) {
			for _, a := range n.attrs {
				if a.name == "id" && a.value != "" && !taken[a.value] {
					taken[a.value] = true
					if slices.Contains(words, a.value) {
						out = append(out, n)
					}
				}
			}
		}
		return out
	case "local-name", "name", "namespace-uri":
		n := c.node
		if len(args) > 0 {
			if len(set(0)) == 0 {
				return ""
			}
			n = set(0)[0]
		}
		if name == "namespace-uri" {
			return ""
		}
		return n.name
	case "string":
		return str(0)
	case "concat":
		s := ""
		for i := range args {
			s += str(i)
		}
		return s
	case "starts-with":
		return strings.HasPrefix(str(0), str(1))
	case "contains":
		return strings.Contains(str(0), str(1))
	case "substring-before":
		if i := strings.Index(str(0), str(1)); i >= 0 {
			return str(0)[:i]
		}
		return ""
	case "substring-after":
		if i := strings.Index(str(0), str(1)); i >= 0 {
			return str(0)[i+len(str(1)):]
		}
		return ""
	case "substring":
		out := ""
		start := nround(nnumber(args[1]))
		for i, r := range []rune(str(0)) {
			p := float64(i + 1)
			if p >= start && (len(args) < 3 || p < start+nround(nnumber(args[2]))) {
				out += string(r)
			}
		}
		return out
	case "string-length":
		return float64(len([]rune(str(0))))
	case "normalize-space":
		return strings.Trim(xmlSpace.ReplaceAllString(str(0), " "), " ")
	case "translate":
		out := ""
		from, to := []rune(str(1)), []rune(str(2))
		for _, r := range str(0) {
			switch i := slices.Index(from, r); {
			case i < 0:
				out += string(r)
			case i < len(to):
				out += string(to[i])
			}
		}
		return out
	case "boolean":
		return nbool(args[0])
	case "not":
		return !nbool(args[0])
	case "true":
		return true
	case "false":
		return false
	case "lang":
		for _, n := range append([]*nnode{c.node}, c.node.ancestors()...) {
			for _, name := range []string{"xml:lang", "lang"} {
				for _, a := range n.attrs {
					if a.name == name {
						v, want := strings.ToLower(a.value), strings.ToLower(str(0))
						return v == want || strings.HasPrefix(v, want+"-")
					}
				}
			}
		}
		return false
	case "number":
		if len(args) == 0 {
			return nnumber(str(0))
		}
		return nnumber(args[0])
	case "sum":
		f := 0.0
		for _, n := range set(0) {
			f += nnumber(n.stringValue())
		}
		return f
	case "floor":
		return math.Floor(nnumber(args[0]))
	case "ceiling":
		return math.Ceil(nnumber(args[0]))
	case "round":
		return nround(nnumber(args[0]))
	}
	panic("unknown function " + name)
}
