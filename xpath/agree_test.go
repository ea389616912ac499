package xpath

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// trial is a page that expressions are tried on, with both engines.
type trial struct {
	page string
	doc  *Doc
	tree *nnode
	all  []*nnode
}

func newTrial(t testing.TB, page string) *trial {
	t.Helper()
	root, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{page: page, doc: NewDoc(root)}
	tr.tree, tr.all = naiveTree(root)
	return tr
}

// indexed makes the indexes that a page gets only after some use.
func (tr *trial) indexed() {
	tr.doc.noteScan(math.MaxInt64 / 2)
	tr.doc.noteAsked(math.MaxInt64 / 2)
}

// agree checks that the package and the naive evaluator give the same for e
// at every node in at.
func (tr *trial) agree(t *testing.T, src string, at ...*nnode) {
	t.Helper()
	e, err := Compile(src, nil)
	if err != nil {
		t.Fatalf("Compile(%q): %v", src, err)
	}
	opts := &EvalOptions{Vars: map[string]Value{
		"num": NumberValue(2), "str": StringValue("ab"), "yes": BoolValue(true),
		"set": NodesValue(tr.node(tr.all[len(tr.all)/2]), tr.node(tr.all[len(tr.all)/3]), tr.node(tr.all[len(tr.all)/2])),
	}}
	vars := map[string]any{
		"num": 2.0, "str": "ab", "yes": true,
		"set": documentOrder([]*nnode{tr.all[len(tr.all)/2], tr.all[len(tr.all)/3]}),
	}
	for _, n := range at {
		got, err := e.Eval(context.Background(), tr.node(n), opts)
		want, werr := naiveEval(tr.tree, tr.all, n.ref, e.tree, vars)
		if werr == errTired {
			continue
		}
		if (err != nil) != (werr != nil) {
			t.Fatalf("Eval(%q): error %v, want %v", src, err, werr)
		}
		if err != nil {
			continue
		}
		if g, w := showValue(got), showNaive(want); g != w {
			t.Fatalf("Eval(%q) at %v (%s %s)\n got %s\nwant %s\npage %s", src, n.ref, n.typ, n.name, g, w, tr.page)
		}
		tr.conversions(t, e, n, opts, want)
	}
}

// conversions checks the ways to ask for less than everything.
func (tr *trial) conversions(t *testing.T, e *Expr, n *nnode, opts *EvalOptions, want any) {
	t.Helper()
	ctx := context.Background()
	if s, err := e.EvalString(ctx, tr.node(n), opts); err != nil || s != nstring(want) {
		t.Fatalf("EvalString(%q) = %q, %v, want %q\npage %s", e.src, s, err, nstring(want), tr.page)
	}
	if b, err := e.EvalBool(ctx, tr.node(n), opts); err != nil || b != nbool(want) {
		t.Fatalf("EvalBool(%q) = %v, %v, want %v\npage %s", e.src, b, err, nbool(want), tr.page)
	}
	f, err := e.EvalNumber(ctx, tr.node(n), opts)
	if w := nnumber(want); err != nil || f != w && (f == f || w == w) {
		t.Fatalf("EvalNumber(%q) = %v, %v, want %v\npage %s", e.src, f, err, w, tr.page)
	}
}

func (tr *trial) node(n *nnode) Node { return Node{tr.doc, n.ref} }

func showValue(v Value) string {
	if v.kind != KindNodes {
		return fmt.Sprintf("%s %q", v.kind, v.String())
	}
	var refs []ref
	for _, n := range v.nodes {
		refs = append(refs, n.ref)
	}
	return fmt.Sprintf("%s %x", v.kind, refs)
}

func showNaive(v any) string {
	switch v := v.(type) {
	case float64:
		return fmt.Sprintf("%s %q", KindNumber, nstring(v))
	case string:
		return fmt.Sprintf("%s %q", KindString, v)
	case bool:
		return fmt.Sprintf("%s %q", KindBool, nstring(v))
	}
	var refs []ref
	for _, n := range v.([]*nnode) {
		refs = append(refs, n.ref)
	}
	return fmt.Sprintf("%s %x", KindNodes, refs)
}

// contexts returns a few nodes of each kind.
func (tr *trial) contexts() []*nnode {
	at := []*nnode{tr.all[0]}
	for k := 1; k < 4; k++ {
		at = append(at, tr.all[k*len(tr.all)/4])
	}
	for _, typ := range []string{"attribute", "comment", "text"} {
		if i := slices.IndexFunc(tr.all, func(n *nnode) bool { return n.typ == typ }); i >= 0 {
			at = append(at, tr.all[i])
		}
	}
	return at
}

// TestAgreesWithNaive runs generated expressions on generated pages.
func TestAgreesWithNaive(t *testing.T) {
	pages, exprs := 24, 60
	if testing.Short() {
		pages = 5
	}
	for seed := range pages {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			g := newGenerator(uint64(seed))
			g.vars = seed%4 == 0
			tr := newTrial(t, g.page(10+g.rng.IntN(120)))
			if seed%2 == 0 {
				tr.indexed()
			}
			for range exprs {
				tr.agree(t, g.expr(3), tr.contexts()...)
			}
		})
	}
}

// FuzzAgreesWithNaive is TestAgreesWithNaive with seeds of the fuzzer's choice.
func FuzzAgreesWithNaive(f *testing.F) {
	f.Add(uint64(1), false)
	f.Add(uint64(2), true)
	f.Fuzz(func(t *testing.T, seed uint64, indexed bool) {
		g := newGenerator(seed)
		g.vars = seed%4 == 0
		tr := newTrial(t, g.page(10+g.rng.IntN(100)))
		if indexed {
			tr.indexed()
		}
		for range 20 {
			tr.agree(t, g.expr(3), tr.contexts()...)
		}
	})
}

// FuzzCompile compiles any text, and what compiles must agree with the naive
// evaluator.
func FuzzCompile(f *testing.F) {
	g := newGenerator(3)
	for range 50 {
		f.Add(g.expr(3))
	}
	f.Add("//a[")
	f.Add("-(-(-1))")
	f.Add("//*[.='\x80']|é:*")
	tr := newTrial(f, g.page(60))
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 300 {
			t.Skip("too long for the naive evaluator")
		}
		if _, err := Compile(src, nil); err != nil {
			bad := new(Error)
			if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(src) || bad.Error() == "" {
				t.Fatalf("Compile(%q) = %#v, want an *Error with a place", src, err)
			}
			return
		}
		tr.agree(t, src, tr.all[0], tr.all[len(tr.all)/2])
	})
}
