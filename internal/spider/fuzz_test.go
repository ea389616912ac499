package spider_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/spider"
)

// FuzzLoad checks that a source either loads and parses, or gives an error
// that is ours, has a place, and is not about our own insides.
func FuzzLoad(f *testing.F) {
	for _, src := range []string{
		fullSpider,
		string(spider.Template("x")),
		inParse("page.item(a = int(page.css('b').text), f = page.save('x', '{a}'))"),
		inParse("page.item(*[1])"), inParse("page.item(**{'a': page})"), inParse("page.item(lambda: 1)"),
		inParse("x = page.item\nx(lambda: None)"), inParse("[page.item(a = b) for b in page.css('i')]"),
		"args = args\n", "args = {}\nargs = {1: 2}\n" + inParse("pass"),
		inParse("page.follow('x', parse, meta = page.meta)"), inParse("re.sub('(a)', r'\\9', 'a')"),
		inParse("page.css('a')[::-1][5:].xpath('count(.)')"), "try:\n", "x = f'a'\n", "\xff", "(", "def parse(page): fail(page)\n",
	} {
		f.Add(src)
	}
	page := html("<title>t</title><b>1</b><i>2</i><i>3</i><a href=x>x</a>")
	page.Request.Meta = []byte(`{"n": [1, {"a": null}]}`)
	f.Fuzz(func(t *testing.T, src string) {
		if strings.Contains(src, "*") || strings.Contains(src, "<<") {
			return // may use up memory, which is not bounded in here
		}
		s, err := spider.Load("test.star", []byte(src), &spider.Options{Limits: spider.Limits{Steps: 10_000, Time: time.Second}})
		if err == nil {
			_, err = s.Parse(context.Background(), page)
		}
		if err == nil {
			return
		}
		var e *spider.Error
		if !errors.As(err, &e) {
			t.Fatalf("error %T is not a spider.Error: %v", err, err)
		}
		if e.Stack != "" || e.Place != "" && !strings.HasPrefix(e.Place, "test.star") {
			t.Errorf("error %#v", e)
		}
	})
}

// FuzzEscape checks that an escaped text matches itself and nothing else.
func FuzzEscape(f *testing.F) {
	s := load(f, `
def parse(page):
    t = page.meta.t
    page.item(
        same = bool(re.fullmatch(re.escape(t), t)),
        more = bool(re.fullmatch(re.escape(t), t + "x")),
        sub = re.sub(re.escape(t), r"\g<0>", t) == t,
    )
`, nil)
	for _, text := range []string{"", "a.b", `\d[`, "（中文）！", "a\nb", `\`, "{1}", "[^]]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		meta, err := jsonText(text)
		if err != nil || len(text) > 1000 {
			return
		}
		page := html("")
		page.Request.Meta = meta
		res, err := s.Parse(context.Background(), page)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := dump(res), "item same=true more=false sub=true\n"; got != want {
			t.Errorf("of %q: %s, want %s", text, got, want)
		}
	})
}
