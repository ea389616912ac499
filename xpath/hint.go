package xpath

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// hintBudget bounds each thing Hint tries.
const hintBudget = 5_000_000

// Hint says in a sentence why the expression may have found nothing at n, or
// returns "" if it finds something after all, or Hint knows no reason. It is
// meant for people who write selectors, and often bring them from a tool with
// another HTML parser.
//
// A hint that proposes another expression has tried it: it finds something at
// n. Reasons it knows are the tbody that the parser puts around the rows of a
// table, the case of names, the value of boolean attributes, a class among
// other classes, no-break spaces, and noscript parsed as text.
//
// Hint costs a few evaluations, each within a budget of its own; opts.Budget
// is not used.
func (e *Expr) Hint(ctx context.Context, n Node, opts *EvalOptions) string {
	h := hinter{expr: e, ctx: ctx, node: n, opts: EvalOptions{Budget: hintBudget}}
	if opts != nil {
		h.opts.Vars = opts.Vars
	}
	if found, err := e.EvalBool(ctx, n, &h.opts); err != nil || found {
		return ""
	}
	inspect(e.tree, h.look)
	for _, try := range []struct {
		edits  []edit
		reason string
	}{
		{h.tbody, "the HTML parser puts the rows of a table into a tbody"},
		{h.fold, "names are told apart by case, and HTML's are in lower case except within svg"},
		{h.boolean, "a boolean attribute has the value the page gives it, mostly none: ask whether it is there"},
		{h.class, "= compares the whole attribute, and there are more classes in it"},
		{h.nbsp, "the page has no-break spaces here (written \\u00a0 below), which are not white space to XPath"},
		{slices.Concat(h.tbody, h.fold, h.boolean, h.class), "the expression differs from this page in several ways"},
	} {
		if better, count := h.try(try.edits); better != "" {
			return fmt.Sprintf("%s; %s finds %s", try.reason, strings.ReplaceAll(better, "\u00a0", `\u00a0`), count)
		}
	}
	if h.noscript && h.noscriptIsText() {
		return "this page was parsed with scripting on, so what is inside noscript is text; parse with html.ParseOptionEnableScripting(false)"
	}
	return ""
}

type hinter struct {
	expr *Expr
	ctx  context.Context
	node Node
	opts EvalOptions

	tbody, fold, boolean, class, nbsp []edit

	noscript bool // the expression asks for what is inside noscript
}

// edit replaces del bytes at a place of the source by ins.
type edit struct {
	at, del int
	ins     string
}

// try compiles the source with the edits made, and returns it with what it
// finds, or "".
func (h *hinter) try(edits []edit) (src, found string) {
	if len(edits) == 0 {
		return "", ""
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.at - b.at })
	var b strings.Builder
	last := 0
	for _, ed := range edits {
		if ed.at < last {
			return "", "" // two edits of one place
		}
		b.WriteString(h.expr.src[last:ed.at] + ed.ins)
		last = ed.at + ed.del
	}
	b.WriteString(h.expr.src[last:])
	e, err := Compile(b.String(), &Options{Extras: true})
	if err != nil {
		return "", ""
	}
	v, err := e.Eval(h.ctx, h.node, &h.opts)
	if err != nil || !v.Bool() {
		return "", ""
	}
	switch {
	case v.kind != KindNodes:
		return e.src, "something"
	case len(v.nodes) == 1:
		return e.src, "1 node"
	}
	return e.src, fmt.Sprintf("%d nodes", len(v.nodes))
}

// look collects what could be changed about e.
func (h *hinter) look(e ast) {
	switch e := e.(type) {
	case *pathExpr:
		inTable := h.node.Name() == "table" && !e.root && e.from == nil
		for k := range e.steps {
			st := &e.steps[k]
			if inTable {
				h.lookRow(st)
			}
			inTable = inTable && st.axis == axisSelf && st.test == testNode || st.test == testAny ||
				st.test == testName && strings.EqualFold(st.name, "table")
			h.lookStep(e, k)
			if !inTable {
				continue
			}
			for _, p := range st.preds { // table[tr]
				inspect(p, func(e ast) {
					if p, ok := e.(*pathExpr); ok && !p.root && p.from == nil {
						h.lookRow(&p.steps[0])
					}
				})
			}
		}
	case *binaryExpr:
		h.lookComparison(e)
	case *stringLit:
		if strings.Contains(e.val, " ") {
			h.nbsp = append(h.nbsp, edit{e.at + 1, len(e.val), strings.ReplaceAll(e.val, " ", "\u00a0")})
		}
	}
}

// lookRow is for a step below a table.
func (h *hinter) lookRow(st *astStep) {
	if ed := (edit{st.at, 0, "tbody/"}); st.axis == axisChild && st.name == "tr" && !slices.Contains(h.tbody, ed) {
		h.tbody = append(h.tbody, ed)
	}
}

func (h *hinter) lookStep(p *pathExpr, k int) {
	st := &p.steps[k]
	if st.test != testName {
		return
	}
	if st.name == "noscript" && (k+1 < len(p.steps) || len(st.preds) > 0) {
		h.noscript = true
	}
	if as := h.nameInPage(st); as != "" {
		h.fold = append(h.fold, edit{st.named, len(st.name), as})
	}
}

// nameInPage returns how the page writes a name that it does not have as the
// step writes it, or "".
func (h *hinter) nameInPage(st *astStep) string {
	d := h.node.doc
	if st.axis != axisAttribute {
		if slices.Contains(d.names.names, st.name) {
			return ""
		}
		for _, name := range d.names.names {
			if strings.EqualFold(name, st.name) {
				return name
			}
		}
		return ""
	}
	as := ""
	for _, n := range d.nodes {
		for k := range n.Attr {
			switch name := attrName(&n.Attr[k]); {
			case name == st.name:
				return ""
			case as == "" && strings.EqualFold(name, st.name):
				as = name
			}
		}
	}
	return as
}

// booleanAttributes are those of HTML that an author may write without a
// value.
var booleanAttributes = []string{
	"allowfullscreen", "async", "autofocus", "autoplay", "checked", "compact", "controls", "default",
	"defer", "disabled", "formnovalidate", "hidden", "inert", "ismap", "itemscope", "loop", "multiple",
	"muted", "nohref", "nomodule", "noresize", "noshade", "novalidate", "nowrap", "open", "playsinline",
	"readonly", "required", "reversed", "selected",
}

func (h *hinter) lookComparison(e *binaryExpr) {
	name, ok := attrOfContext(e.l)
	lit, ok2 := e.r.(*stringLit)
	if !ok || !ok2 || e.op != opEq {
		return
	}
	from := e.l.pos()
	end := lit.at + len(lit.val) + 2
	quote := h.expr.src[lit.at : lit.at+1]
	switch {
	case slices.Contains(booleanAttributes, name):
		h.boolean = append(h.boolean, edit{from, end - from, "@" + name})
	case name == "class" && lit.val != "" && !strings.ContainsAny(lit.val, " \t\r\n"):
		h.class = append(h.class, edit{from, end - from,
			fmt.Sprintf("contains(concat(%[1]s %[1]s, normalize-space(@class), %[1]s %[1]s), %[1]s %[2]s %[1]s)", quote, lit.val)})
	}
}

// noscriptIsText reports whether the page has markup as text in a noscript.
func (h *hinter) noscriptIsText() bool {
	for _, n := range h.node.doc.nodes {
		if n.Data == "noscript" && n.FirstChild != nil && n.FirstChild == n.LastChild &&
			strings.Contains(n.FirstChild.Data, "<") {
			return true
		}
	}
	return false
}

// inspect calls f for e and everything below it.
func inspect(e ast, f func(ast)) {
	f(e)
	all := func(list []ast) {
		for _, e := range list {
			inspect(e, f)
		}
	}
	switch e := e.(type) {
	case *negExpr:
		inspect(e.x, f)
	case *binaryExpr:
		inspect(e.l, f)
		inspect(e.r, f)
	case *callExpr:
		all(e.args)
	case *filterExpr:
		inspect(e.x, f)
		all(e.preds)
	case *pathExpr:
		if e.from != nil {
			inspect(e.from, f)
		}
		for k := range e.steps {
			all(e.steps[k].preds)
		}
	}
}
