package tree_test

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/internal/extract"
	"github.com/trawl-go/trawl/internal/tree"
)

// same tells whether Quick, if it knows the page, has made the tree that x/net
// makes.
func same(t *testing.T, page string) (known bool) {
	t.Helper()
	got, ok := tree.Quick(page, nil)
	if !ok {
		return false
	}
	want, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Errorf("x/net: %v; Quick made a tree of\n%.2000q", err, page)
		return true
	}
	if g, w := dump(got), dump(want); g != w {
		t.Errorf("page %.2000q\ngot\n%s\nwant\n%s", page, around(g, w), around(w, g))
	}
	return true
}

// TestMemory makes one tree after the other in the same memory, and finds
// nothing of the one before in it.
func TestMemory(t *testing.T) {
	var m tree.Memory
	var before []string
	large := strings.Repeat("<p class=a id=b>x<b title=c>y</b>&lt;", 20_000)
	for range 3 {
		for _, page := range []string{known["tables"], large, known["attributes"], "<svg>" + known["tables"], known["links"]} {
			got, err := tree.Parse(page, &m)
			if err != nil {
				t.Fatal(err)
			}
			want, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
			if err != nil {
				t.Fatal(err)
			}
			if g, w := dump(got), dump(want); g != w {
				t.Fatalf("page %.100q\ngot\n%s\nwant\n%s", page, around(g, w), around(w, g))
			}
			before = append(before, got.LastChild.LastChild.Data)
			m.Reset()
		}
	}
	for _, name := range before {
		if name != "body" {
			t.Errorf("a name became %q with its tree gone", name)
		}
	}
}

// dump writes a tree, with all that a node has and each of its links checked.
func dump(n *html.Node) string {
	var b strings.Builder
	var walk func(n *html.Node, depth int)
	walk = func(n *html.Node, depth int) {
		fmt.Fprintf(&b, "%*s%v %v %q %q", depth, "", n.Type, n.DataAtom, n.Namespace, n.Data)
		for _, a := range n.Attr {
			fmt.Fprintf(&b, " %q:%q=%q", a.Namespace, a.Key, a.Val)
		}
		b.WriteByte('\n')
		var prev *html.Node
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.Parent != n || c.PrevSibling != prev {
				b.WriteString("BAD LINKS\n")
			}
			walk(c, depth+1)
			prev = c
		}
		if n.LastChild != prev {
			b.WriteString("BAD LAST CHILD\n")
		}
	}
	walk(n, 0)
	return b.String()
}

// around returns the lines of a where it begins to differ from b.
func around(a, b string) string {
	la, lb := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	i := 0
	for i < len(la) && i < len(lb) && la[i] == lb[i] {
		i++
	}
	return strings.Join(la[max(i-12, 0):min(i+4, len(la))], "")
}

// Each of these pages Quick has to know.
var known = map[string]string{
	"nothing":            "",
	"text":               "a < b <3 <<i>x</i>",
	"doctypes":           "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\"><p>a<table><tr><td>b</table>",
	"strict doctype":     `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"><p>a<table><tr><td>b</table>`,
	"quirks":             "<p>a<table><tr><td>b</table>",
	"odd doctype":        "<!doctype Html><!DOCTYPE again><p><table></table>",
	"comments":           "<!--a--><?xml version='1.0'?><html><!--&amp;--><head><!--c--></head><!--d--><body><!----><![endif]--></body><!--e--></html><!--f--> <!--g-->",
	"line breaks":        "<pre>\r\na\r\rb</pre><textarea>\r\n\r\nx</textarea><p title='a\r\nb\r'>\r\n<pre>&#13;\n\n</pre><listing>\n</listing>",
	"head":               " <title>a&lt;<b></title> <meta charset=x> <noscript> <link rel=a><!--x--><style>p</style></noscript> <script>1<2</script> x <base>",
	"noscript ends":      "<head><noscript><img src=a></noscript><p>x",
	"after head":         "<html><head></head> <script>a</script> <link> <style></style><!--c--><body a=1><body a=2 b=3><html c=4>",
	"script":             "<script><!-- a </p> --></script><script>if (a</b/.exec) '<\\/script>'</SCRIPT x=1><style><!-- p > a --></style></script>",
	"references":         "&nbsp;&amp;&lt;&gt;&quot;&copy&copy;&notit;&notin;&#65;&#x4e2d;&#128;&#0;&#xd800;&unknown;&;&#;&#x;&amp",
	"values":             `<a href="?a=1&b=2&copy=3&copy;&lt&amp;x&notit;&not &not=&fjlig;&semi;&#38;&#38x" b='&quot;' c=&lt;d/ e = f g= h>x</a>`,
	"attributes":         `<P CLASS=A Class=b =x ==y a/b/ c="d"e='f' "g" data-X="1">`,
	"implied ends":       "<ul><li>a<li>b<ul><li>c</ul><li>d</ul><dl><dt>a<dd>b<dt>c</dl><p>a<div>b</p>c</div></p><h1>a<h2>b</h3>",
	"links":              "<a href=1>a<a href=2>b</a>c<p><a href=3>d<div>e</div></a>",
	"formatting":         "<p><b><i>a<p>b</i></b>c<p><b><b><b><b>x<p>y",
	"sorted":             "<a z=1 b=2 a=3>x<p></p></a><em class=x id=y a>t",
	"lists of choices":   "<select><option>a<optgroup><option>b<option>c<hr></select><option>d<option>e<optgroup>f<select><select><input><ruby>a<rb>b<rt>c<rp>d<rtc>e<rt>f</ruby>",
	"tables":             "<table border=1><caption>a<b>c</caption><colgroup><col><col></colgroup> <thead><tr><th>a<td>b<tbody><tr><td><table><tr><td>x</table><p>y<tr></tfoot></tbody><tfoot><td>z</table>w",
	"forms and tables":   "<table><form a><tr><td><input></form><input type=hidden></td></tr></table><form></form><form><form></form></div></form>",
	"columns":            "<table><col><tr><td><caption>a</table><table><colgroup> <tr><td><b>a</table>b",
	"buttons":            "<button><p>a<button>b</p></button></button><object><b>a</object>b</b><nobr>a<nobr>b<marquee></marquee>",
	"raw":                "<iframe><p></iframe><xmp><b></xmp><noembed><p></noembed><noframes><p></noframes><noscript><p>a</noscript><textarea>&lt;</text></textarea>",
	"voids":              "<br/></br><img><image src=a><hr><p><hr><input type=hidden><wbr><embed><area><param><source><track></p>",
	"unknown elements":   "<foo-bar><Baz><p>a</foo-bar>b</baz></p></qux>c<search>a<dialog>b</search><main>c",
	"after the body":     "<body>a</body> b</html> <p>c</p></body></html>\n<html x=1></html><!-- d --> ",
	"text that is split": "<p>a</x>b</y>c<table></table>d</z> e",
}

func TestKnown(t *testing.T) {
	for name, page := range known {
		t.Run(name, func(t *testing.T) {
			if !same(t, page) {
				t.Errorf("Quick does not know %q", page)
			}
		})
	}
}

var pages = flag.Int("pages", 5000, "how many pages TestGenerated makes")

var pieces = strings.Fields(`<html> <html|lang=a> </html> <head> </head> <body> <body|a=b> </body> <title>x</title> <meta|a> <noscript> </noscript> <script>a</script>
<p> </p> <div> </div> <span> </span> <b> </b> <i> </i> <a> </a> <a|href=1> <em|b=1|a=2> </em> <font> </font> <nobr> </nobr> <li> </li> <ul> </ul> <ol> </ol> <dl> <dt> <dd> </dd> </dl>
<h1> </h1> <h2> </h2> <pre> </pre> <form> </form> <input> <input|type=hidden> <button> </button> <select> </select> <option> </option> <optgroup> </optgroup> <hr> <br> </br> <img>
<table> </table> <tbody> </tbody> <thead> <tfoot> <tr> </tr> <td> </td> <th> </th> <caption> </caption> <colgroup> </colgroup> <col> <table><tr><td> </td></tr></table>
<object> </object> <ruby> </ruby> <rb> <rt> <rp> <rtc> <x-y> </x-y> <textarea>x</textarea> <iframe></iframe> <style></style> <svg> <math> <template> <frameset> <address> </address> <center> </center>
x | y &amp; &lt <!--c--> <!DOCTYPE|html> <!DOCTYPE|x> < </ <!-- <?a> & |||`)

// TestGenerated compares pages of random tags, most of which make no sense.
func TestGenerated(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, uint64(*pages)))
	knew := 0
	for range *pages {
		var b strings.Builder
		if r.IntN(2) == 0 {
			b.WriteString("<!DOCTYPE html>")
		}
		vocabulary := pieces
		if r.IntN(2) == 0 { // few kinds of tags make for more that belong together
			i := r.IntN(len(pieces) - 20)
			vocabulary = pieces[i : i+20]
		}
		for range 1 + r.IntN(30) {
			b.WriteString(strings.ReplaceAll(vocabulary[r.IntN(len(vocabulary))], "|", " "))
		}
		if same(t, b.String()) {
			knew++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("Quick knew %d of %d pages", knew, *pages)
	if knew < *pages/3 {
		t.Errorf("Quick knew %d of %d pages", knew, *pages)
	}
}

// TestCaptures compares pages of real sites, and those pages damaged.
func TestCaptures(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("TRAWL_CAPTURES")
	if dir == "" {
		t.Skip("TRAWL_CAPTURES is not set; it names a folder of pages of real sites")
	}
	r := rand.New(rand.NewPCG(2, 3))
	all, whole, damaged := 0, 0, 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		page, _ := extract.Decode(body, "", "")
		if !strings.Contains(page, "<") || len(page) > 2<<20 {
			return nil
		}
		all++
		if same(t, page) {
			whole++
		} else {
			t.Log("beyond Quick: ", path)
		}
		for range 3 {
			i := r.IntN(len(page))
			j := min(len(page), i+r.IntN(40))
			if page := page[:i] + page[j:]; utf8.ValidString(page) && same(t, page) {
				damaged++
			}
		}
		if t.Failed() {
			t.Log(path)
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("of %d pages Quick knew %d, and %d of three times as many with a piece cut out", all, whole, damaged)
	if all == 0 || whole < all/2 {
		t.Errorf("of %d pages Quick knew %d", all, whole)
	}
}

// TestBeyond has pages that Parse leaves to x/net.
func TestBeyond(t *testing.T) {
	for name, page := range map[string]string{
		"foreign":          "<svg viewbox=a><title><p>x",
		"template":         "<template><td>x</template>",
		"frames":           "<frameset><frame></frameset>",
		"overlap":          "<b>a<div>b</b>c",
		"before the table": "<table>x<tr><td>y</table>",
		"cut":              "<p>a<p",
		"hidden end":       "<script><!-- <script></script> --></script>",
		"NUL":              "<p>a\x00b",
		"empty end":        "a</>b",
		"many attributes":  "<p" + manyAttributes(100) + ">x",
		"split texts":      strings.Repeat("x</x>", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			if same(t, page) {
				t.Error("Quick knows it")
			}
			got, err := tree.Parse(page, nil)
			if err != nil {
				t.Fatal(err)
			}
			want, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
			if err != nil {
				t.Fatal(err)
			}
			if g, w := dump(got), dump(want); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
	if _, err := tree.Parse(strings.Repeat("<div>", 600), nil); err == nil {
		t.Error("no error for elements nested 600 deep")
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d=%d", i, i)
	}
	return b.String()
}

// BenchmarkParse parses a page of 25 records.
func BenchmarkParse(b *testing.B) {
	page := "<!DOCTYPE html><html><head><title>x</title></head><body><ol>" + strings.Repeat(`
        <li>
            <div class="item">
                <div class="pic"><em>1</em><a href="https://a.test/subject/1292052/"><img width="100" alt="肖申克" src="https://a.test/p480747492.jpg"></a></div>
                <div class="info">
                    <div class="hd"><a href="https://a.test/subject/1292052/" class=""><span class="title">中文</span><span class="title">&nbsp;/&nbsp;English</span></a></div>
                    <p class="">1994&nbsp;/&nbsp;美国&nbsp;/&nbsp;犯罪<br></p>
                    <div class="star"><span class="rating5-t"></span><span class="rating_num">9.7</span><span>100人评价</span></div>
                </div>
            </div>
        </li>`, 25) + "</ol></body></html>"
	b.Run("tree", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(page)))
		var m tree.Memory
		for b.Loop() {
			if _, ok := tree.Quick(page, &m); !ok {
				b.Fatal("Quick does not know the page")
			}
			m.Reset()
		}
	})
	b.Run("x/net", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(page)))
		for b.Loop() {
			if _, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func FuzzQuick(f *testing.F) {
	for _, page := range known {
		f.Add(page)
	}
	f.Fuzz(func(t *testing.T, page string) {
		if utf8.ValidString(page) {
			same(t, page)
		}
	})
}
