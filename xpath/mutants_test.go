package xpath

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Expressions that are nearly right tell most about a parser. Mutants are made
// of good expressions by a few random changes. Libxml2's verdict on each is
// kept in testdata/mutants.jsonl: "ok", "syntax" if it does not compile,
// "error" if it fails on the page mixed.html.
const (
	mutantsFile = "testdata/mutants.jsonl"
	mutantCount = 4000
)

type mutant struct {
	Expr, Verdict string
}

var mutantPieces = []string{
	"(", ")", "[", "]", "/", "//", ".", "..", "@", "::", ":", ",", "|", "*", "+", "-", "=", "!=", "<", "<=", ">", ">=", "!", "$", "&",
	"'", `"`, " ", "\n", "1", "0.5", ".5", "5.", "a", "div", "mod", "and", "or", "text()", "node()", "comment()", "text", "last()",
	"position()", "child::", "self::", "parent::", "ancestor::", "attribute::", "foo::", "child", "count(", "not(", "string()", "foo(",
	"concat(", "true()", "id('x')", "x:y", "x:*", "中", "-a", "a-b", "$v", "processing-instruction()", "processing-instruction('a')", "[1]", "[a]",
}

// makeMutants makes n mutants, different ones each time seed is different.
func makeMutants(t testing.TB, seed uint64, n int) []string {
	rng := rand.New(rand.NewPCG(seed, 1))
	sources := append(handWritten(t), generated(seed, 300)...)
	seen := map[string]bool{}
	var list []string
	for len(list) < n {
		s := sources[rng.IntN(len(sources))]
		if len(s) > 80 {
			continue
		}
		for k := 1 + rng.IntN(2); k > 0; k-- {
			s = mutate(rng, s, sources)
		}
		if !seen[s] && strings.TrimSpace(s) != "" {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

func mutate(rng *rand.Rand, s string, others []string) string {
	r := []rune(s)
	i := rng.IntN(len(r) + 1)
	j := min(len(r), i+1+rng.IntN(3))
	piece := mutantPieces[rng.IntN(len(mutantPieces))]
	switch rng.IntN(6) {
	case 0:
		return string(r[:i]) + string(r[j:])
	case 1, 2:
		return string(r[:i]) + piece + string(r[i:])
	case 3:
		return string(r[:i]) + piece + string(r[j:])
	case 4: // swap two parts
		return string(r[:i]) + string(r[j:]) + string(r[i:j])
	}
	o := []rune(others[rng.IntN(len(others))])
	return string(r[:i]) + string(o[min(i, len(o)):])
}

// acceptDifferences are why libxml2 accepts what we reject, or the other way
// round, each with the paragraph of the recommendation. A difference is known
// by the expression and by our error (none where we accept).
var acceptDifferences = []struct{ expr, err, reason string }{
	{`[\pL_][\pL\pN_.-]*:[\pL_*]`, `^$`,
		"2.3: a name whose prefix is not declared is an error; here it is a name of HTML, which has such names and no namespaces"},
	{`/\s*[^\x00-\x7f]`, `^$`,
		"2 [2]: any name may follow /; libxml2 looks for an ASCII letter"},
	{``, `is an axis: write`,
		"2.3: the same error, which we give where the prefix is the name of an axis; libxml2 says so only when it gets there"},
	{``, `there is no function`,
		"3.2: it is an error if the function is not in the library; libxml2 says so only when it gets to call it"},
	{``, `\(\) takes .* arguments?, not`,
		"3.2: the same with the number of arguments"},
	{``, `must be nodes, this is a`,
		"3.2, 3.3, 2.4: the operand must evaluate to a node-set; libxml2 says so only when it gets there"},
	{`/\s*/\s*/|/\s+/`, `a step was expected|expected.*, not "//?"`,
		"2 [1]-[3]: // is followed by a step; libxml2 allows more slashes"},
	{`[(|,]\s*$`, `a step was expected .* not the end`,
		"3.2 [16], 3.3 [18]: arguments end with ), and | and , are followed by an operand; libxml2 takes the end of the expression for it"},
	{`\b(last|position)\(\)`, `^$`,
		"1: an expression has a context position and size, 1 and 1 here; lxml gives none"},
	{`(and|or|div|mod)[\pL\pN_.-]`, `an operator was expected`,
		"3.7: the longest token is always taken; libxml2 takes and0 for and 0"},
	{`[0-9.]e`, `an operator was expected`,
		"3.7 [30]: a Number has no exponent"},
}

func acceptDifference(expr string, err error) bool {
	msg := ""
	if err != nil {
		msg, _, _ = strings.Cut(err.Error(), "\n")
	}
	for _, d := range acceptDifferences {
		if regexp.MustCompile(d.expr).MatchString(expr) && (msg == "") == (d.err == "^$") && regexp.MustCompile(d.err).MatchString(msg) {
			return true
		}
	}
	return false
}

func mixedPage(t testing.TB) *xmlPage {
	src, err := os.ReadFile("testdata/pages/mixed.html")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newXMLPage(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// check compares our verdict with libxml2's.
func (m *mutant) check(t *testing.T, p *xmlPage) bool {
	t.Helper()
	e, err := Compile(m.Expr, nil)
	if err == nil {
		_, err = e.Eval(context.Background(), Node{p.doc, treeRef(p.elems[0])}, nil)
	} else if bad := new(Error); !errors.As(err, &bad) {
		t.Errorf("Compile(%q) = %v, want an *Error", m.Expr, err)
	}
	if (err == nil) == (m.Verdict == "ok") || acceptDifference(m.Expr, err) {
		return true
	}
	t.Errorf("%s\nlibxml2: %s, here: %v", m.Expr, m.Verdict, err)
	return false
}

func TestMutants(t *testing.T) {
	p := mixedPage(t)
	if *update {
		updateMutants(t, startLxml(t), p)
	}
	data, err := os.ReadFile(mutantsFile)
	if err != nil {
		t.Fatalf("%v (-update makes it)", err)
	}
	good, bad := 0, 0
	for line := range bytes.Lines(data) {
		var m mutant
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		if !m.check(t, p) {
			if bad++; bad == 40 {
				t.Fatal("and more")
			}
		}
		if m.Verdict == "ok" {
			good++
		}
	}
	if good < mutantCount/10 || good > mutantCount*9/10 {
		t.Errorf("%d of %d mutants are good: too few of one kind", good, mutantCount)
	}
}

func updateMutants(t *testing.T, lx *lxml, p *xmlPage) {
	exprs := makeMutants(t, 1, mutantCount)
	var b bytes.Buffer
	for i, a := range lx.ask(t, p, exprs, []int{0}) {
		line, err := json.Marshal(mutant{exprs[i], verdict(a[0])})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	if err := os.WriteFile(mutantsFile, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

func verdict(answer string) string {
	if answer == "syntax" || answer == "error" {
		return answer
	}
	return "ok"
}

// FuzzMutants compares verdicts on mutants of the fuzzer's choice with those
// of a live libxml2, and does nothing where there is none.
func FuzzMutants(f *testing.F) {
	lx := startLxml(f)
	p := mixedPage(f)
	f.Add(uint64(2))
	f.Fuzz(func(t *testing.T, seed uint64) {
		if lx == nil {
			t.Skip("no python3 with lxml here")
		}
		exprs := makeMutants(t, seed, 50)
		for i, a := range lx.ask(t, p, exprs, []int{0}) {
			m := mutant{exprs[i], verdict(a[0])}
			m.check(t, p)
		}
	})
}
