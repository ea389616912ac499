package extract

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

// maxSelector bounds the length of a selector in bytes.
const maxSelector = 4 << 10

// Selectors keeps compiled selectors, and memory for the trees of pages. It is
// safe for concurrent use.
type Selectors struct {
	css   *Cache[*cssGroup]
	xpath *Cache[*xpath.Expr]

	memories sync.Pool // of *tree.Memory
}

// NewSelectors returns an empty set that holds at most max CSS and max XPath
// expressions; zero means 1000.
func NewSelectors(max int) *Selectors {
	return &Selectors{css: NewCache[*cssGroup](max), xpath: NewCache[*xpath.Expr](max)}
}

// CheckCSS returns the error that [Selection.CSS] would return for selector.
func (s *Selectors) CheckCSS(selector string) error {
	_, err := s.css.Get(selector, compileCSS)
	return err
}

// What a selector gives of an element that it matches.
const (
	wantNode = iota
	wantText // ::text, the text that stands directly in it
	wantAttr // ::attr(name)
)

// A cssGroup is a compiled selector: the parts between its commas.
type cssGroup struct {
	// all matches what any part matches, when all want the same; else nil.
	all   cascadia.Matcher
	plain plainSelector // the same as all, if it is so simple; else nil
	want  int
	attr  string
	parts []cssPart
}

type cssPart struct {
	sel  cascadia.Sel
	want int
	attr string
}

// compileCSS compiles a selector with the additions of Scrapy: a trailing
// ::text or ::attr(name), and with :has(> x).
func compileCSS(selector string) (*cssGroup, error) {
	fail := func(err error) (*cssGroup, error) {
		return nil, fmt.Errorf("css %q: %w", selector, err)
	}
	if len(selector) > maxSelector {
		return nil, fmt.Errorf("css: selector of %d bytes; the limit is %d", len(selector), maxSelector)
	}
	texts, err := splitCSS(selector)
	if err != nil {
		return fail(err)
	}
	g := &cssGroup{}
	var sels cascadia.SelectorGroup
	same := true
	var last string
	for i, text := range texts {
		part := cssPart{}
		text, part.want, part.attr, err = cutPseudoElement(text)
		if err != nil {
			return fail(err)
		}
		text = strings.TrimSpace(rewriteHas(text))
		if err := refuseCSS(text); err != nil {
			return fail(err)
		}
		part.sel, err = cascadia.Parse(text)
		if err != nil {
			return fail(err)
		}
		sels = append(sels, part.sel)
		last = text
		g.parts = append(g.parts, part)
		same = same && (i == 0 || part.want == g.parts[0].want && part.attr == g.parts[0].attr)
	}
	if same {
		g.all, g.want, g.attr = sels, g.parts[0].want, g.parts[0].attr
		if len(sels) == 1 {
			g.all = sels[0]
			if plain, ok := parsePlain(last); ok {
				g.plain = plain
			}
		}
	}
	return g, nil
}

// refuseCSS says what to write instead of selectors that are not there, where
// the parser's own message would not help.
func refuseCSS(text string) error {
	switch {
	case text == "":
		return errors.New("empty selector")
	case strings.ContainsAny(text[:1], ">+~"):
		return errors.New("a selector cannot start with " + text[:1] + `; use xpath("./name") for children`)
	}
	for _, p := range []struct{ name, instead string }{
		{":is(", "list the alternatives with commas"},
		{":where(", "list the alternatives with commas"},
		{":scope", `use xpath("./name") for children`},
		{":first(", "use :first-of-type or [0]"},
		{":eq(", "use [n] on the selection"},
		{":has(+", "use xpath"},
		{":has(~", "use xpath"},
	} {
		if strings.Contains(text, p.name) {
			return fmt.Errorf("%s is not supported; %s", strings.Trim(p.name, "(+~"), p.instead)
		}
	}
	return nil
}

// scanCSS calls visit with every byte of a selector that is not inside a
// string or escaped, and the number of brackets it stands in.
// It stops when visit returns false.
func scanCSS(s string, visit func(i, depth int) bool) error {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			i++
			continue
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'':
			quote = c
			continue
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		}
		if !visit(i, depth) {
			return nil
		}
	}
	if quote != 0 {
		return errors.New("a string is not closed")
	}
	return nil
}

// splitCSS splits a selector at the commas between its parts.
func splitCSS(s string) ([]string, error) {
	var parts []string
	from := 0
	err := scanCSS(s, func(i, depth int) bool {
		if s[i] == ',' && depth == 0 {
			parts = append(parts, s[from:i])
			from = i + 1
		}
		return true
	})
	return append(parts, s[from:]), err
}

// cutPseudoElement takes ::text or ::attr(name) off the end of a selector.
func cutPseudoElement(s string) (rest string, want int, attr string, err error) {
	at := -1
	// An error in the brackets is the parser's to report.
	_ = scanCSS(s, func(i, depth int) bool {
		if depth == 0 && strings.HasPrefix(s[i:], "::") {
			at = i
			return false
		}
		return true
	})
	if at < 0 {
		return s, wantNode, "", nil
	}
	rest, pseudo := s[:at], strings.TrimSpace(s[at:])
	if t := strings.TrimRight(rest, " \t\r\n\f"); t == "" || t != rest {
		// "p ::text" is the text of everything in p.
		rest += "*"
	}
	if pseudo == "::text" {
		return rest, wantText, "", nil
	}
	if name, ok := strings.CutPrefix(pseudo, "::attr("); ok {
		if name, ok = strings.CutSuffix(name, ")"); ok {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				return rest, wantAttr, name, nil
			}
		}
	}
	return "", 0, "", fmt.Errorf("%s is not supported; there is ::text and ::attr(name), at the end", pseudo)
}

// rewriteHas turns :has(> x) into :haschild(x), which is what our library
// calls it.
func rewriteHas(s string) string {
	const has = ":has("
	var b strings.Builder
	from := 0
	_ = scanCSS(s, func(i, _ int) bool {
		if strings.HasPrefix(s[i:], has) {
			arg := s[i+len(has):]
			if trimmed := strings.TrimLeft(arg, " \t\r\n\f"); strings.HasPrefix(trimmed, ">") {
				b.WriteString(s[from:i])
				b.WriteString(":haschild(")
				from = len(s) - len(trimmed) + 1
			}
		}
		return true
	})
	b.WriteString(s[from:])
	return b.String()
}

// query appends what the group selects below n to dst, in document order.
func (g *cssGroup) query(dst []node, n *html.Node) []node {
	switch {
	case g.plain != nil:
		dst, _ = g.plain.query(dst, n, n, g.want, g.attr, false)
		return dst
	case g.all == nil:
		return g.queryMixed(dst, n)
	}
	for _, h := range cascadia.QueryAll(n, g.all) {
		dst = appendWanted(dst, h, g.want, g.attr)
	}
	return dst
}

// queryMixed is query for parts that want different things of an element.
func (g *cssGroup) queryMixed(dst []node, n *html.Node) []node {
	for h := range n.Descendants() {
		if h.Type != html.ElementNode {
			continue
		}
		for _, p := range g.parts {
			if p.sel.Match(h) {
				dst = appendWanted(dst, h, p.want, p.attr)
			}
		}
	}
	return dst
}

func appendWanted(dst []node, h *html.Node, want int, attr string) []node {
	switch want {
	case wantText:
		for c := h.FirstChild; c != nil; c = c.NextSibling {
			if c.Type == html.TextNode && !blank(c.Data) {
				dst = append(dst, node{h: c})
			}
		}
		return dst
	case wantAttr:
		for _, a := range h.Attr {
			if a.Namespace == "" && a.Key == attr {
				return append(dst, node{h: h, attr: a.Key, value: a.Val})
			}
		}
		return dst
	}
	return append(dst, node{h: h})
}
