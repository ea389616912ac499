package extract_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/extract"
)

// root parses a page at https://site.test/dir/page.html.
func root(t testing.TB, body string) extract.Selection {
	t.Helper()
	s, err := extract.New([]byte(body), &extract.Options{URL: "https://site.test/dir/page.html"}).Root()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestText(t *testing.T) {
	tests := []struct{ name, html, want string }{
		{"plain", "<p>text</p>", "text"},
		{"spaces", "<p> \n a \t b\r\n</p>", "a b"},
		{"no-break and ideographic space", "<p>&nbsp;a&nbsp;/　b&nbsp;</p>", "a / b"},
		{"space inside elements", "<p>a<b> b </b>c</p>", "a b c"},
		{"inline elements join", "<p>a<b>b</b><i>c</i></p>", "abc"},
		{"line break", "<p>a<br>b</p>", "a b"},
		{"a block ends a paragraph", "<p>a<div>b</div>c", "a"},
		{"script and style", "<p>a<script>x</script><style>y</style><template>z</template><!-- w -->b</p>", "ab"},
		{"noscript", "<p>a<noscript>b</noscript></p>", "ab"},
		{"textarea", "<p><textarea> a </textarea></p>", "a"},
		{"zero-width space is none", "<p>a\u200bb</p>", "a\u200bb"},
		{"nothing", "<p></p>", ""},
		{"deep", "<p>" + strings.Repeat("<b>", 300) + "x", "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := root(t, tt.html).CSS("p")
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Text(); got != tt.want {
				t.Errorf("Text = %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("blocks of the body", func(t *testing.T) {
		got := root(t, "<div>a</div><div>b</div><table><tr><td>c<td>d</table><ul><li>e<li>f</ul>g<h1>h</h1>i<script>x</script>").Text()
		if want := "a b c d e f g h i"; got != want {
			t.Errorf("Text = %q, want %q", got, want)
		}
	})
	t.Run("a script itself", func(t *testing.T) {
		s, err := root(t, "<script> var x </script>").CSS("script")
		if got, want := s.Text(), "var x"; err != nil || got != want {
			t.Errorf("Text = %q, %v; want %q", got, err, want)
		}
	})
}

func TestCSS(t *testing.T) {
	const page = `<div id=top class="a b"><ul><li>1<li class=x>2<li>3</ul>
<p title="a::text, b">p1 <b>bold</b> tail<p>p2<div><p id=in>in</div></div>
<a href=one rel=x>A1</a><a HREF=two>A2</a><img alt="">`
	tests := []struct {
		selector string
		want     []string
	}{
		{"li", []string{"1", "2", "3"}},
		{"li.x, #in, li", []string{"1", "2", "3", "in"}},
		{"div p", []string{"p1 bold tail", "p2", "in"}},
		{"div > div > p", []string{"in"}},
		{"div:has(> ul) > p", []string{"p1 bold tail", "p2"}},
		{"div:has(>p#in) p", []string{"in"}},
		{"div:has(p#in) li.x", []string{"2"}},
		{"div:not(:has(> ul)):has(> p) p", []string{"in"}},
		{"p:contains('bold')", []string{"p1 bold tail"}},
		{"li:nth-child(2)", []string{"2"}},
		{"p::text", []string{"p1", "tail", "p2", "in"}},
		{"p ::text", []string{"bold"}},
		{"#in::text, li.x::text", []string{"2", "in"}},
		{"a::attr(href)", []string{"one", "two"}},
		{"a::attr( HREF )", []string{"one", "two"}},
		{"a::attr(rel)", []string{"x"}},
		{"img::attr(alt)", []string{""}},
		{"a::attr(href), li.x, li.x::text", []string{"2", "2", "one", "two"}},
		{`p[title="a::text, b"]`, []string{"p1 bold tail"}},
		{"*[rel=x]", []string{"A1"}},
		{"h1", nil},
	}
	for _, tt := range tests {
		t.Run(tt.selector, func(t *testing.T) {
			s, err := root(t, page).CSS(tt.selector)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]string{}, tt.want...), s.Texts()); diff != "" {
				t.Errorf("CSS(%q) (-want +got):\n%s", tt.selector, diff)
			}
		})
	}
}

// TestNested checks that nodes that lie in each other give each match once, in
// document order.
func TestNested(t *testing.T) {
	page := root(t, `<div id=a><i>1</i><div id=b><i>2</i><div id=c><i>3</i></div></div><i>4</i></div><div><i>5</i></div>`)
	divs, err := page.CSS("div")
	if err != nil || divs.Len() != 4 {
		t.Fatalf("%d divs, %v; want 4", divs.Len(), err)
	}
	want := []string{"1", "2", "3", "4", "5"}
	css, err := divs.CSS("i")
	if diff := cmp.Diff(want, css.Texts()); diff != "" || err != nil {
		t.Errorf("CSS: %v (-want +got):\n%s", err, diff)
	}
	for expr, want := range map[string][]string{".//i": want, "../div/i": want, "preceding-sibling::i": {"1", "2"}, "ancestor::div[last()]//i": {"1", "2", "3", "4"}} {
		v, err := divs.XPath(context.Background(), expr)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, v.(extract.Selection).Texts()); diff != "" {
			t.Errorf("XPath %s (-want +got):\n%s", expr, diff)
		}
	}
}

// TestXPathOrder has the outer node find what comes after the inner's.
func TestXPathOrder(t *testing.T) {
	divs, err := root(t, "<div><div></div><i>1</i></div><i>2</i>").CSS("div")
	if err != nil {
		t.Fatal(err)
	}
	v, err := divs.XPath(context.Background(), "following-sibling::i")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "2"}, v.(extract.Selection).Texts()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestXPathValues(t *testing.T) {
	page := root(t, "<p id=x>a<p>b")
	ctx := context.Background()
	empty, err := page.CSS("h1")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		on   extract.Selection
		expr string
		want any
	}{
		{page, "count(//p)", 2.0}, {page, "string(//p)", "a"}, {page, "//p = 'b'", true}, {page, "ends-with(//p, 'a')", true},
		{empty, "count(//p)", 0.0}, {empty, "string(//p)", ""}, {empty, "boolean(//p)", false},
	} {
		if got, err := tt.on.XPath(ctx, tt.expr); got != tt.want || err != nil {
			t.Errorf("XPath(%s) = %v, %v; want %v", tt.expr, got, err, tt.want)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := page.XPath(cancelled, "//p"); !errors.Is(err, context.Canceled) {
		t.Errorf("XPath after cancel = %v, want %v", err, context.Canceled)
	}
	if got := page.XPathHint(ctx, "//P"); !strings.Contains(got, "//p") {
		t.Errorf("XPathHint(//P) = %q, want one that names //p", got)
	}
}

func TestSelectorsGoWrong(t *testing.T) {
	sels := extract.NewSelectors(0)
	for selector, want := range map[string]string{
		"":                         `css "": empty selector`,
		"a,,b":                     "empty selector",
		"a[":                       `css "a[": `,
		"> a":                      `a selector cannot start with >; use xpath("./name")`,
		":is(a)":                   ":is is not supported; list the alternatives with commas",
		"a:has(+ b)":               ":has is not supported; use xpath",
		"a::before":                "::before is not supported; there is ::text and ::attr(name), at the end",
		"a::attr()":                "::attr() is not supported",
		"a::text b":                "::text b is not supported",
		`a["x]`:                    "a string is not closed",
		strings.Repeat("a ", 3000): "css: selector of 6000 bytes; the limit is 4096",
	} {
		if err := sels.CheckCSS(selector); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckCSS(%.20q) = %v, want %q", selector, err, want)
		}
	}
	for expr, want := range map[string]string{
		"//a[":                      `xpath "//a[": `,
		"foo(1)":                    "foo",
		strings.Repeat("//a", 3000): "xpath: expression of 9000 bytes; the limit is 4096",
		"//a[@href = 'x' and ]":     "at character 21",
	} {
		if err := sels.CheckXPath(expr); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("CheckXPath(%.20q) = %v, want %q in one line", expr, err, want)
		}
	}
}

func TestNamesAndSource(t *testing.T) {
	page := root(t, `<p class="x">a<!-- c --></p>`)
	ctx := context.Background()
	for expr, want := range map[string][2]string{
		"//p":           {"p", `<p class="x">a<!-- c --></p>`},
		"//p/@class":    {"class", "x"},
		"//p/text()":    {"#text", "a"},
		"//p/comment()": {"#comment", "<!-- c -->"},
		"//h1":          {"", ""},
	} {
		v, err := page.XPath(ctx, expr)
		if err != nil {
			t.Fatal(err)
		}
		s := v.(extract.Selection)
		if got := [2]string{s.Name(), s.HTML()}; got != want {
			t.Errorf("%s: Name, HTML = %q, want %q", expr, got, want)
		}
	}
	if got := page.Name(); got != "#document" {
		t.Errorf("Name of the root = %q", got)
	}
}

// TestZeroSelection checks that a selection of no page answers too.
func TestZeroSelection(t *testing.T) {
	var s extract.Selection
	if _, err := s.CSS("a"); err != nil {
		t.Error(err)
	}
	if _, err := s.XPath(context.Background(), "a"); err != nil {
		t.Error(err)
	}
	if s.Text()+s.Href()+s.Src()+s.HTML()+s.Name() != "" || s.Len() != 0 || len(s.Texts()) != 0 {
		t.Error("the zero Selection is not empty")
	}
}

func TestCache(t *testing.T) {
	c := extract.NewCache[int](8)
	compiled := 0
	compile := func(s string) (int, error) {
		compiled++
		if s == "bad" {
			return 0, errors.New("bad")
		}
		return len(s), nil
	}
	for range 3 {
		if v, err := c.Get("abc", compile); v != 3 || err != nil {
			t.Fatalf("Get = %d, %v; want 3", v, err)
		}
		if _, err := c.Get("bad", compile); err == nil {
			t.Fatal("Get kept an error as a value")
		}
	}
	if compiled != 1+3 {
		t.Errorf("compiled %d times, want once and each time it failed", compiled)
	}
	for i := range 1000 {
		if _, err := c.Get(strings.Repeat("x", i), compile); err != nil {
			t.Fatal(err)
		}
		if n := c.Len(); n > 8 {
			t.Fatalf("the cache holds %d entries, want at most 8", n)
		}
	}
}

// TestSelectorsInParallel is for the race detector.
func TestSelectorsInParallel(t *testing.T) {
	sels := extract.NewSelectors(4)
	queries := []string{"p", "p.x", "b", "i", "p > b", "p::text", "a, b"}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				d := extract.New([]byte("<p class=x>1<b>2</b></p>"), &extract.Options{Selectors: sels})
				s, err := d.CSS(queries[(i+w)%len(queries)])
				if err != nil {
					t.Error(err)
					return
				}
				_ = s.Texts()
			}
		})
	}
	wg.Wait()
}
