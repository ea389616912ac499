package spider_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/spider"
)

func asError(err error, target **spider.Error) bool { return errors.As(err, target) }

// TestHostileSpiders checks that spiders that would never end, do.
func TestHostileSpiders(t *testing.T) {
	// Time is generous here so that it is never what stops them.
	long := spider.Limits{Time: time.Minute}
	tests := []struct {
		name   string
		src    string
		limits spider.Limits
		want   []string
	}{
		{"endless loop", inParse("for i in range(1 << 60): pass"), long,
			[]string{"test.star:2:", "parsing the page takes more than 1000000 steps; is there a loop without end?"}},
		{"loop at the top", "for i in range(1 << 60): pass\ndef parse(page): pass\n", long,
			[]string{"test.star:1:", "loading the spider takes more than 1000000 steps"}},
		{"loop in an item", inParse("page.item(x = [i for i in range(1 << 60)])"), long,
			[]string{"test.star:2:", "takes more than 1000000 steps"}},
		{"loop of failing items", inParse("for i in range(1 << 60): page.item(x = int(''))"), long,
			[]string{"test.star:2:", "takes more than 1000000 steps"}},
		{"out of time", inParse("for i in range(1 << 60): page.css('p')"), spider.Limits{Steps: 1 << 60, Time: 20 * time.Millisecond},
			[]string{"test.star:2:", "parsing the page takes longer than 20ms"}},
		{"deep nesting in the source", "x = " + strings.Repeat("(", 100_000) + "\n", long,
			[]string{"test.star:1:", "nest"}},
		{"deep operators", "x = " + strings.Repeat("not ", 60_000) + "1\ndef parse(page): pass\n", long,
			[]string{"test.star:1:"}},
		{"long source", "#" + strings.Repeat("x", spider.MaxSource), long,
			[]string{"test.star: the source has 262145 bytes; the limit is 262144"}},
		{"doubling string", inParse("s = 'x'\nfor i in range(20): s += s\npage.item(s = s)\nfor i in range(40): page.item(s = s)"), long,
			[]string{"what the page gives is larger than 33554432 bytes"}},
		{"many items", inParse("for i in range(101): page.item(i = i)"), spider.Limits{Items: 100}, []string{"the page gives more than 100 items"}},
		{"many pages", inParse("for i in range(101): page.follow('/%d' % i)"), spider.Limits{Pages: 100}, []string{"the page gives more than 100 pages to follow"}},
		{"many files", inParse("for i in range(101): page.save('/%d' % i)"), spider.Limits{Files: 100}, []string{"the page gives more than 100 files"}},
		{"many failed items", inParse("for i in range(101): page.item(i = int('x'))"), spider.Limits{Items: 100}, []string{"the page gives more than 100 failed items"}},
		{"list in itself", inParse("l = []\nl.append(l)\npage.follow('/x', meta = {'l': l})"), long,
			[]string{"test.star:4:", "nested more than 32 deep"}},
		{"large meta", inParse("page.follow('/x', meta = {'l': 'x' * 100000})"), long, []string{"meta has 100008 bytes; the limit is 65536"}},
		{"large pattern", inParse("re.search('(((x{30}){30}){30})', '')"), long, []string{"test.star:2:15: re: pattern"}},
		{"large program", inParse("re.search('" + strings.Repeat("[ab]{1000}c", 11) + "', '')"), long, []string{"test.star:2:15: re: pattern", "is too large"}},
		{"large text for a pattern", inParse("re.search('(x{30}){30}', 'x' * 10000000)"), long, []string{"re: the pattern is too large for a text of 10000000 bytes"}},
		{"large message", inParse("fail('x' * 100000)"), long, []string{"test.star:2:", "fail: xxx", "xxx…"}},
		{"many starts", "start = ['https://site.test/'] * 3000000\ndef parse(page): pass\n", long, []string{"test.star: start: the addresses are larger than 33554432 bytes"}},
		{"large settings", "headers = {'X': 'x' * 2000000}\ndef parse(page): pass\n", long, []string{"test.star: what the spider sets has 2000033 bytes; the limit is 1048576"}},
		{"nested selectors", inParse("page.css(':not(' * 100000)"), long, []string{"css: selector of 500000 bytes; the limit is 4096"}},
		{"endless xpath", inParse("page.xpath('" + strings.Repeat("//*[.//*", 7) + strings.Repeat("]", 7) + "')"), spider.Limits{Time: 50 * time.Millisecond}, []string{"test.star:2:"}},
	}
	body := strings.Repeat("<div><p>", 50) + strings.Repeat("<i>x</i>", 500)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := spider.Load("test.star", []byte(tt.src), &spider.Options{Limits: tt.limits})
			if err == nil {
				_, err = s.Parse(context.Background(), html(body))
			}
			wantError(t, err, tt.want...)
		})
	}
}

func TestManyStarts(t *testing.T) {
	s := load(t, "def start(): return ['https://site.test/'] * 3000\ndef parse(page): pass\n", &spider.Options{Limits: spider.Limits{Bytes: 100_000}})
	_, err := starts(s)
	wantError(t, err, "test.star:1:1: the addresses are larger than 100000 bytes")
}

func TestCyclicItem(t *testing.T) {
	res := parse(t, inParse("l = []\nl.append(l)\npage.item(l = l)\npage.item(ok = 1)"), "")
	want := "item ok=1\nfailed test.star:4:14: page.item: l: lists and dicts nested more than 32 deep\n"
	if got := dump(res); got != want {
		t.Errorf("result %q, want %q", got, want)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := load(t, inParse("print('here')\nfor i in range(1 << 60): pass"), &spider.Options{
		Print:  func(string, string) { cancel() },
		Limits: spider.Limits{Steps: 1 << 60, Time: time.Hour},
	})
	if _, err := s.Parse(ctx, html("")); !errors.Is(err, context.Canceled) {
		t.Errorf("Parse = %v, want %v", err, context.Canceled)
	}
}

// TestParallel parses on many goroutines and compares with what one gives.
func TestParallel(t *testing.T) {
	s := load(t, `
names = {"k": ["a", "b"]}
def parse(page):
    for li in page.css("li"):
        page.item(n = int(li.css("b").text), name = names["k"][0], w = re.sub(r"\d", "x", li.text),
            f = page.save(li.xpath("./img").src, "{n}.jpg"), missing = li.css(".none").text)
    page.follow("/next", parse, meta = {"n": len(page.css("li"))})
`, nil)
	page := func(i int) *trawl.Page {
		var b strings.Builder
		for n := range 6 + i%5 {
			fmt.Fprintf(&b, "<li><b>%d</b> number %d <img src=%d.jpg>", i*100+n, n, n)
		}
		return html(b.String())
	}
	const pages = 64
	var want [pages]string
	for i := range pages {
		// A fresh spider, so that warnings over several pages stay out.
		res, err := s.Parse(context.Background(), page(i))
		if err != nil {
			t.Fatal(err)
		}
		res.Warnings = nil
		want[i] = dump(res)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range pages {
				i = (i*7 + w*13) % pages
				res, err := s.Parse(context.Background(), page(i))
				if err != nil {
					t.Errorf("page %d: %v", i, err)
					return
				}
				res.Warnings = nil
				if got := dump(res); got != want[i] {
					t.Errorf("page %d on goroutine %d: %s, want %s", i, w, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

// TestMadeUpSelectors checks that what is remembered about selectors is
// bounded, and that the first ones still count.
func TestMadeUpSelectors(t *testing.T) {
	s := load(t, inParse("page.css('.never')\nfor i in range(2000):\n    page.css('#x%d' % (i * page.meta.n))"), nil)
	last := 0
	for n := range 12 {
		page := html("")
		page.Request.Meta = []byte(fmt.Sprintf(`{"n": %d}`, n))
		res, err := s.Parse(context.Background(), page)
		if err != nil {
			t.Fatal(err)
		}
		if last = len(res.Warnings); last > 500 {
			t.Fatalf("page %d: %d warnings, want at most 500", n, last)
		}
		if n == 9 && (last == 0 || res.Warnings[0] != `test.star:2: css ".never" matched nothing on the first 10 pages`) {
			t.Errorf("page 9: warnings %.3q, want one of .never first", res.Warnings)
		}
	}
}

func TestWarningsOverPages(t *testing.T) {
	s := load(t, inParse("page.css('li')\npage.css('.never')\npage.css('a.next')\nif page.css('.ad'): pass"), nil)
	var got []string
	for i := range 60 {
		body := ""
		if i < 30 {
			body = "<li>x</li>"
		}
		if i%5 == 0 {
			body += "<a class=next>n</a>"
		}
		res, err := s.Parse(context.Background(), html(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range res.Warnings {
			got = append(got, fmt.Sprintf("page %d: %s", i, w))
		}
	}
	want := []string{
		`page 9: test.star:3: css ".never" matched nothing on the first 10 pages`,
		`page 39: test.star:2: css "li" matched nothing on the last 10 pages, after matching on 30`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("warnings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
