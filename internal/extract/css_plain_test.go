package extract

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/internal/tree"
)

func TestParsePlain(t *testing.T) {
	for s, plain := range map[string]bool{
		"a": true, "*": true, "OL.grid_view > li": true, ".a.b#c": true, "a>b  c": true, "my-tag *": true, "\n a\t>\n.b ": true,
		"a[b]": false, "a, b": false, "a:first-child": false, "a + b": false, "a ~ b": false, `a\:b`: false, ".中": false,
		"*|*": false, "#a#b": false, ".1": false, "-a": false, "a/**/b": false,
	} {
		if _, ok := parsePlain(s); ok != plain {
			t.Errorf("parsePlain(%q) = %v, want %v", s, ok, plain)
		}
	}
}

// TestPlainAgrees compares plain selectors with what cascadia selects.
func TestPlainAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	pick := func(words string) string {
		list := strings.Split(words, "|")
		return list[r.IntN(len(list))]
	}
	found := 0
	for range 2000 {
		var page strings.Builder
		for range 1 + r.IntN(40) {
			page.WriteString(pick("<p|<div|<b|<ul|<li|<x-y|<svg|<title"))
			page.WriteString(pick(`| class=a| class="a b"| class="aa a"| class="a-b ab"| class=" b\t\na "| class=A| CLASS=b class=a| id=a| id=b class=b| id=A`))
			page.WriteString(pick(">|>x<!-- c -->|></p>|></div>|></b></ul>|></svg>"))
		}
		root, err := tree.Parse(page.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			var sel strings.Builder
			for i := range 1 + r.IntN(3) {
				if i > 0 {
					sel.WriteString(pick(" | > |>|  "))
				}
				sel.WriteString(pick("P|div|b|ul|x-y|*|li|svg|title") + pick("||.a|.b|.a.b|#a|#b.b|.ab|.a-b"))
			}
			plain, ok := parsePlain(sel.String())
			if !ok {
				t.Fatalf("parsePlain does not know %q", sel.String())
			}
			from := root
			for range r.IntN(4) { // in a part of the page
				if from.LastChild != nil {
					from = from.LastChild
				}
			}
			var got []*html.Node
			nodes, at := plain.query(nil, from, from, wantNode, "", true) // the first, and then the rest
			if len(nodes) > 1 {
				t.Fatalf("%q finds %d at once, in %q", sel.String(), len(nodes), page.String())
			}
			if len(nodes) > 0 {
				nodes, _ = plain.query(nodes, from, at, wantNode, "", false)
			}
			for _, n := range nodes {
				got = append(got, n.h)
			}
			want := cascadia.QueryAll(from, cascadia.MustCompile(sel.String()))
			if len(got) != len(want) {
				t.Fatalf("%q finds %d, want %d, in %q", sel.String(), len(got), len(want), page.String())
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%q finds another node at %d, in %q", sel.String(), i, page.String())
				}
			}
			found += len(got)
		}
	}
	if found < 1000 {
		t.Errorf("only %d nodes were found", found)
	}
}
