package spider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/spider"
)

const fullSpider = `
name = "books"
match = ["https://books.test/*", "https://www.books.test/list/*"]
hosts = ["books.test"]
headers = {"Accept-Language": "zh-CN"}
encoding = "gb2312"
args = {"pages": 3, "tag": "鱼", "big": False, "min": 1.5, "langs": ["zh", "en"], "until": None}
start = ["https://Books.test/%s?page=%d" % (args.tag, n) for n in range(1, args.pages + 1)]
delay = 0.5
per_host = 2
producers = 5
consumers = 6
page_queue = 100
file_queue = 1000
output = {"books": {"order": "title", "csv": True}, "authors": {}}

def parse(page):
    page.item(big = args.big, min = args["min"], langs = args.langs, until = args.until)
`

func TestSettings(t *testing.T) {
	got := load(t, fullSpider, &spider.Options{Args: map[string]string{"pages": "2", "big": "yes", "langs": "fr, de"}}).Settings()
	want := trawl.Settings{
		Name:      "books",
		Match:     []string{"https://books.test/*", "https://www.books.test/list/*"},
		Hosts:     []string{"books.test"},
		Headers:   map[string]string{"Accept-Language": "zh-CN"},
		Encoding:  "gb2312",
		Delay:     500 * time.Millisecond,
		PerHost:   2,
		Producers: 5, Consumers: 6,
		PageQueue: 100, FileQueue: 1000,
		Outputs: map[string]trawl.Output{"books": {Order: "title", CSV: true}, "authors": {}},
		Args: []trawl.Arg{{Name: "pages", Default: "2"}, {Name: "tag", Default: "鱼"}, {Name: "big", Default: "true"},
			{Name: "min", Default: "1.5"}, {Name: "langs", Default: "fr,de"}, {Name: "until", Default: ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Settings (-want +got):\n%s", diff)
	}
}

func TestDefaultsOfSettings(t *testing.T) {
	s, err := spider.Load(`C:\spiders\my-books.star`, []byte("workers = threads(7)\ndef parse(page): pass\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trawl.Settings{Name: "my-books", Workers: trawl.Threads(7)}, s.Settings()); diff != "" {
		t.Errorf("Settings (-want +got):\n%s", diff)
	}
}

func TestWorkers(t *testing.T) {
	for _, tt := range []struct {
		line       string
		over, want trawl.Workers
	}{
		{"", trawl.Workers{}, trawl.Workers{}},
		{`workers = processes("cpu")`, trawl.Workers{}, trawl.Processes(0)},
		{`workers = processes(n = 5)`, trawl.Workers{}, trawl.Processes(5)},
		{`workers = processes(5)`, trawl.Threads(2), trawl.Threads(2)},
		{"", trawl.Processes(0), trawl.Processes(0)},
	} {
		got := load(t, tt.line+"\ndef parse(page): pass\n", &spider.Options{Workers: tt.over}).Settings().Workers
		if got != tt.want {
			t.Errorf("%q with the option %q: workers %q, want %q", tt.line, tt.over, got, tt.want)
		}
	}
}

func starts(s *spider.Spider) (urls []string, err error) {
	for r, err := range s.Start(context.Background()) {
		if err != nil {
			return urls, err
		}
		urls = append(urls, r.URL)
	}
	return urls, nil
}

func TestStart(t *testing.T) {
	t.Run("list", func(t *testing.T) {
		got, err := starts(load(t, fullSpider, nil))
		want := []string{"https://books.test/%E9%B1%BC?page=1", "https://books.test/%E9%B1%BC?page=2", "https://books.test/%E9%B1%BC?page=3"}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Start = %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("function", func(t *testing.T) {
		s := load(t, "args = {'n': 2}\ndef start():\n    return ['https://h.test/%d' % i for i in range(args.n)]\ndef parse(page): pass\n", nil)
		for range 2 { // the same each time
			got, err := starts(s)
			if diff := cmp.Diff([]string{"https://h.test/0", "https://h.test/1"}, got); diff != "" || err != nil {
				t.Errorf("Start = %v (-want +got):\n%s", err, diff)
			}
		}
	})
	t.Run("function that fails", func(t *testing.T) {
		_, err := starts(load(t, "def start():\n    return [None[0]]\ndef parse(page): pass\n", nil))
		wantError(t, err, "test.star:2:17: ")
	})
	t.Run("function that gives no addresses", func(t *testing.T) {
		_, err := starts(load(t, "def start():\n    return ['books.test/a']\ndef parse(page): pass\n", nil))
		wantError(t, err, "test.star:1:1: ", "has no scheme; write https://books.test/a")
	})
	t.Run("endless function", func(t *testing.T) {
		_, err := starts(load(t, "def start():\n    for i in range(1 << 40): pass\ndef parse(page): pass\n", nil))
		wantError(t, err, "test.star:2:", "start takes more than 1000000 steps")
	})
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		n := 0
		for _, err := range load(t, fullSpider, nil).Start(ctx) {
			if n++; n == 1 {
				cancel()
			} else if err != context.Canceled {
				t.Errorf("Start after cancel: %v, want %v", err, context.Canceled)
			}
		}
		if n != 2 {
			t.Errorf("Start yielded %d times, want 2", n)
		}
	})
}

// wantError checks that an error holds all the texts.
func wantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

func TestArgsInAnIf(t *testing.T) {
	src := "if True:\n    args = {'n': 1}\nelse:\n    args = {'n': 2}\nstart = ['https://h.test/%d' % args.n]\ndef parse(page): pass\n"
	for _, src := range []string{src, strings.Replace(src, "True", "False", 1)} {
		got, err := starts(load(t, src, &spider.Options{Args: map[string]string{"n": "7"}}))
		if diff := cmp.Diff([]string{"https://h.test/7"}, got); diff != "" || err != nil {
			t.Errorf("Start = %v (-want +got):\n%s", err, diff)
		}
	}
}

func TestArgsGoWrong(t *testing.T) {
	tests := []struct {
		name, src string
		args      map[string]string
		want      string
	}{
		{"unknown", fullSpider, map[string]string{"page": "3"}, "-a page: there is no such argument; there is pages, tag, big, min, langs, until"},
		{"none taken", "def parse(page): pass\n", map[string]string{"page": "3"}, "-a page: this spider takes no arguments"},
		{"not whole", fullSpider, map[string]string{"pages": "3.5"}, `test.star:7:8: -a pages: "3.5" is not a whole number`},
		{"not a number", fullSpider, map[string]string{"min": "x"}, `-a min: "x" is not a number`},
		{"not a truth", fullSpider, map[string]string{"big": "maybe"}, `-a big: "maybe" is not true or false`},
		{"odd default", "args = {'x': len}\ndef parse(page): pass\n", nil, "-a x: the default is a builtin_function_or_method"},
		{"not a dict", "args = ['x']\ndef parse(page): pass\n", nil, "args is a list; write a dict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := spider.Load("test.star", []byte(tt.src), &spider.Options{Args: tt.args})
			wantError(t, err, tt.want)
		})
	}
}

func TestSettingsGoWrong(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"name", `name = "a b"`, `name: "a b": a name is a letter`},
		{"match", `match = ["h.test/*"]`, "match: \"h.test/*\": write the whole address"},
		{"hosts", `hosts = "https://h.test"`, "hosts: \"https://h.test\": write the host alone"},
		{"headers", `headers = ["a"]`, "headers: want a dict, got a list"},
		{"header", `headers = {"A": "b\r\nC: d"}`, "is not a header"},
		{"encoding", `encoding = "gb-99"`, `encoding: "gb-99" is not an encoding`},
		{"delay", `delay = "1"`, "delay: want seconds as a number, got a string"},
		{"negative delay", `delay = -1`, "delay: -1 seconds is not between"},
		{"producers", `producers = 0`, "producers: 0 is not between 1 and 10000"},
		{"queue", `page_queue = 1.5`, "page_queue: want a whole number, got 1.5"},
		{"workers", `workers = 5`, "workers: write threads(n), processes(n) or processes(\"cpu\")"},
		{"threads", `workers = threads(0)`, "threads: 0 is not between"},
		{"threads of cpu", `workers = threads("cpu")`, "threads: write a number"},
		{"processes", `workers = processes(-1)`, "processes: -1 is not between 1 and 10000"},
		{"processes of what", `workers = processes("all")`, "processes: write a number, or \"cpu\" for one per CPU, not a string"},
		{"output", `output = "books"`, "output: want a dict"},
		{"output option", `output = {"books": {"sort": "x"}}`, "output: books: there is order and csv, not sort"},
		{"start", `start = 5`, "start: want a list of strings, got a int"},
		{"start address", `start = ["ftp://h.test"]`, `start: URL "ftp://h.test": scheme "ftp" is not http or https`},
		{"start with parameter", "def start(n): return []", "start: the function takes no parameters"},
		{"parse", `parse = 1`, "there is no function parse(page)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := spider.Load("test.star", []byte("def parse(page): pass\n"+tt.line+"\n"), nil)
			wantError(t, err, "test.star", tt.want)
		})
	}
}

// TestSeveralMistakes checks that one look shows them all.
func TestSeveralMistakes(t *testing.T) {
	_, err := spider.Load("test.star", []byte("def parse(page):\n    sum(a)\n    page.css('')\n"), nil)
	wantError(t, err, "test.star:3:14: css \"\": empty selector")
	_, err = spider.Load("test.star", []byte("def parse(page):\n    sum(a)\n"), nil)
	wantError(t, err, "test.star:2:5: undefined: sum", "test.star:2:9: undefined: a")
}

func TestTrace(t *testing.T) {
	s := load(t, "def deep(page):\n    return int('x')\n\ndef parse(page):\n    return deep(page)\n", nil)
	_, err := s.Parse(context.Background(), html(""))
	var e *spider.Error
	if !asError(err, &e) {
		t.Fatalf("Parse: %v, want an Error", err)
	}
	want := &spider.Error{
		Place: "test.star:2:15",
		Msg:   `int: "x" is not a whole number`,
		Hint:  "num(s) finds the number in a text, and gives None if there is none",
		Trace: "  test.star:5:16: in parse\n  test.star:2:15: in deep",
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestTraceInAnItem(t *testing.T) {
	s := load(t, "def big(sel):\n    return sel + '['\n\ndef parse(page):\n    page.item(x = page.css(big('a')))\n", nil)
	_, err := s.Parse(context.Background(), html(""))
	// A selector that is wrong is wrong on every page: it is no failed item.
	wantError(t, err, `test.star:5:27: css "a[": `)
	var e *spider.Error
	if want := "  test.star:5:14: in parse\n  test.star:5:27: in page.item"; !asError(err, &e) || e.Trace != want {
		t.Errorf("trace\n%s\nwant\n%s", e.Trace, want)
	}
}

func TestParseNames(t *testing.T) {
	s := load(t, `
def parse(page): page.item(fn = "parse")
def other(page): page.item(fn = "other", n = page.meta.n)
`, nil)
	page := html("")
	page.Request.Parse = "other"
	page.Request.Meta = json.RawMessage(`{"n": 9007199254740993}`)
	res, err := s.Parse(context.Background(), page)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := dump(res), "item fn=\"other\" n=9007199254740993\n"; got != want {
		t.Errorf("result %q, want %q", got, want)
	}
	page.Request.Parse = "gone"
	_, err = s.Parse(context.Background(), page)
	wantError(t, err, "there is no function gone to parse this page with")
	page.Request.Parse = ""
	page.Request.Meta = json.RawMessage(`[1]`)
	_, err = s.Parse(context.Background(), page)
	wantError(t, err, "meta of the request is not a JSON object")
}

func TestPrint(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := load(t, "print('loading')\ndef parse(page):\n    print('鱼', 1)\n", &spider.Options{Print: func(place, text string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, place+" "+text)
	}})
	if _, err := s.Parse(context.Background(), html("")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"test.star:1 loading", "test.star:3 鱼 1"}, got); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

func TestPaths(t *testing.T) {
	for _, tt := range []struct{ template, title, want string }{
		{"{title}.jpg", "a/b\\c\nd", "a_b_c_d.jpg"},
		{"{title}/1.jpg", "..", "_/1.jpg"},
		{"{title}/1.jpg", "", "_/1.jpg"},
		{"/a//{title}", "x", "a/x"},
		{"../{title}", "x", "_/x"},
		{"a/{title}{title}.jpg", "", "a/.jpg"},
		{"{{title}} {title} {no name} {", "鱼", "{title} 鱼 {no name} {"},
		{"{{{title}}}", "x", "{x}"},
	} {
		src := fmt.Sprintf("def parse(page):\n    page.item(title = %q, f = page.save('x', %q))\n", tt.title, tt.template)
		if got := parse(t, src, "").Files[0].Path; got != tt.want {
			t.Errorf("path %q of %q = %q, want %q", tt.template, tt.title, got, tt.want)
		}
	}
}

func TestCleanIsAsked(t *testing.T) {
	s := load(t, `
def parse(page):
    page.item(t = "a/b", f = page.save("x.jpg", "dir/{t}.jpg"))
    page.save("https://site.test/%2e%2e%2f.png")
    page.save("y.jpg", "../{t}", t = "zz")
`, &spider.Options{Clean: func(s string) string { return strings.Trim("<"+s+">", "<.z>") }})
	res, err := s.Parse(context.Background(), html(""))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range res.Files {
		got = append(got, f.Path)
	}
	if diff := cmp.Diff([]string{"dir/a_b.jpg", "file.png", "_/_"}, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestPages(t *testing.T) {
	t.Run("nested too deep", func(t *testing.T) {
		s := load(t, "def parse(page):\n    page.item(t = page.css('b').text)\n", nil)
		_, err := s.Parse(context.Background(), html(strings.Repeat("<div>", 600)))
		wantError(t, err, "test.star:2:", "exceeds 512 nodes")
	})
	t.Run("json", func(t *testing.T) {
		res := parse(t, "def parse(page):\n    for p in page.json()['posts']:\n        page.item(id = p['id'], f = page.save(p['url']))\n",
			`{"posts": [{"id": 1, "url": "/a.png"}, {"id": 2, "url": "https://o.test/b"}]}`)
		want := `item id=1 f=file(0)
item id=2 f=file(1)
file 0 https://site.test/a.png path="a.png" referer="https://site.test/dir/page.html"
file 1 https://o.test/b path="b" referer="https://site.test/dir/page.html"
`
		if diff := cmp.Diff(want, dump(res)); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	})
	t.Run("not json", func(t *testing.T) {
		_, err := load(t, "def parse(page):\n    page.json()\n", nil).Parse(context.Background(), html("<html>sorry"))
		wantError(t, err, `test.star:2:14: page.json: the page is not JSON; it starts with "<html>sorry"`)
	})
	t.Run("gbk", func(t *testing.T) {
		s := load(t, "encoding = 'gbk'\ndef parse(page):\n    page.item(t = page.css('b').text)\n    page.follow(page.css('a').href)\n", nil)
		res, err := s.Parse(context.Background(), html("<b>\xd6\xd0\xce\xc4</b><a href='?q=\xd6\xd0'>x</a>"))
		if err != nil {
			t.Fatal(err)
		}
		want := "item t=\"中文\"\npage https://site.test/dir/page.html?q=%D6%D0 referer=\"https://site.test/dir/page.html\"\n"
		if diff := cmp.Diff(want, dump(res)); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	})
}
