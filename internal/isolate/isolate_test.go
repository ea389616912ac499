package isolate_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/isolate"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/process"
)

func TestMain(m *testing.M) {
	process.Init()
	os.Exit(m.Run())
}

func source(text string) isolate.Source {
	return isolate.Source{Name: "test.star", Text: []byte(text)}
}

// load loads a spider in a worker and has it closed at the end of the test.
func load(t testing.TB, src isolate.Source, opt *isolate.Options) *isolate.Spider {
	t.Helper()
	s, err := isolate.Load(context.Background(), src, opt)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// local loads the same spider here.
func local(t testing.TB, src isolate.Source) *spider.Spider {
	t.Helper()
	s, err := spider.Load(src.Name, src.Text, &spider.Options{Args: src.Args, Workers: src.Workers, Clean: save.CleanName})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func page(body string) *trawl.Page {
	return &trawl.Page{
		Request: trawl.Request{URL: "https://site.test/dir/", Depth: 2, Meta: []byte(`{"title":"照片/1"}`)},
		URL:     "https://site.test/dir/", Status: 200, Body: []byte(body),
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}, "X-A": {"1", "2"}},
	}
}

const everything = `
name    = "everything"
match   = ["https://site.test/*"]
hosts   = ["site.test"]
headers = {"X-Latin": "é"[:1], "Accept": "*/*"}
args    = {"n": 3, "text": "鱼"}
start   = ["https://site.test/%d" % n for n in range(args.n)]
output  = {"everything": {"order": "int", "csv": True}, "b": {}}
delay   = 0.5
workers = processes(2)

def parse(page):
    page.item(none = None, yes = True, no = False, int = -5, big = 1 << 62, float = 1.5, text = "中文\x00", empty = "",
        list = [1, [], {}, None, [2.5, "x"]], dict = {"a": {"b": [True]}, "": 1}, len = len(page.text), head = page.header("x-a"),
        file = page.save("/a.jpg", "{title}/{int}.jpg", backup = ["/b.jpg", "/c.jpg"]), both = [page.save("/d.jpg", "d.jpg")])
    page.item(to = "b", x = 1)
    for x in ["1", "two"]:
        page.item(x = int(x))
    page.follow("/next", parse_next, meta = {"a": [1, "b", None], "t": page.meta.title})
    page.follow("/other", referer = "")
    page.save("/loose.jpg", referer = "https://other.test/")
    for b in page.css("b"):
        page.item(i = b.css("i").text)
    page.save("")

def parse_next(page):
    if page.css("b"): deep(page)
    page.item(title = page.meta.title)

def deep(page): fail("too deep: %s" % page.url)
`

const body = "<title>x</title><b>1</b><b>2</b><b>3</b><b>4</b><b>5</b><b>6</b>"

// TestSame wants of a spider in a worker what it gives here.
func TestSame(t *testing.T) {
	src := source(everything)
	src.Args = map[string]string{"n": "2"}
	here := local(t, src)
	for name, s := range map[string]*isolate.Spider{
		"Load": load(t, src, nil),
		"New":  isolate.New(local(t, src), src, nil),
	} {
		t.Run(name, func(t *testing.T) {
			defer s.Close()
			if diff := cmp.Diff(here.Settings(), s.Settings()); diff != "" {
				t.Errorf("Settings (-here +worker):\n%s", diff)
			}
			if diff := cmp.Diff(starts(t, here), starts(t, s)); diff != "" {
				t.Errorf("Start (-here +worker):\n%s", diff)
			}
			ctx := context.Background()
			want, err := local(t, src).Parse(ctx, page(body))
			if err != nil {
				t.Fatal(err)
			}
			if len(want.Items) != 9 || len(want.Failed) != 1 || len(want.Warnings) != 2 || len(want.Files) != 3 || len(want.Pages) != 2 {
				t.Fatalf("the test tests less than it should: %+v", want)
			}
			got, err := s.Parse(ctx, page(body))
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("Parse: %v (-here +worker):\n%s", err, diff)
			}

			p := page(body)
			p.Request.Parse = "parse_next"
			_, err = here.Parse(ctx, p)
			var e1, e2 *spider.Error
			if !errors.As(err, &e1) || e1.Trace == "" {
				t.Fatalf("Parse here = %v, want an error with a trace", err)
			}
			if _, err = s.Parse(ctx, p); !errors.As(err, &e2) {
				t.Fatalf("Parse = %v, want a *spider.Error", err)
			}
			if diff := cmp.Diff(e1, e2); diff != "" {
				t.Errorf("error (-here +worker):\n%s", diff)
			}
			p.Body = nil
			if res, err := s.Parse(ctx, p); err != nil || len(res.Items) != 1 || res.Items[0].Fields[0].Value != "照片/1" {
				t.Errorf("Parse after that = %+v, %v", res, err)
			}
		})
	}
}

// TestEmptyValues wants lists and dicts that are empty to stay what they are,
// which cmpopts.EquateEmpty would not see.
func TestEmptyValues(t *testing.T) {
	src := source("def parse(page): page.item(l = [], d = {}, n = None)")
	res, err := load(t, src, nil).Parse(t.Context(), page(""))
	if err != nil {
		t.Fatal(err)
	}
	want := []trawl.Field{{Name: "l", Value: []any{}}, {Name: "d", Value: map[string]any{}}, {Name: "n"}}
	if diff := cmp.Diff(want, res.Items[0].Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func starts(t *testing.T, s trawl.Spider) []trawl.Request {
	t.Helper()
	var out []trawl.Request
	for r, err := range s.Start(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestStartFunction(t *testing.T) {
	s := load(t, source(`
def start(): return ["https://site.test/1", "https://site.test/2"]
def parse(page): pass
`), nil)
	for range 2 {
		if got := starts(t, s); len(got) != 2 || got[1].URL != "https://site.test/2" || got[1].Spider != "test" {
			t.Errorf("Start = %+v", got)
		}
	}
	s = load(t, source("def start(): fail('no')\ndef parse(page): pass\n"), nil)
	for _, err := range s.Start(t.Context()) {
		var e *spider.Error
		if !errors.As(err, &e) || e.Place != "test.star:1:18" {
			t.Errorf("Start = %v, want the spider's error", err)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	src := source("x = pag\ny = pagg\ndef parse(page): page.css('a[')\n")
	_, want := spider.Load(src.Name, src.Text, nil)
	_, got := isolate.Load(t.Context(), src, nil)
	if want == nil || got == nil || want.Error() != got.Error() {
		t.Errorf("Load = %v\nwant %v", got, want)
	}
	var e *spider.Error
	if !errors.As(got, &e) {
		t.Errorf("Load = %T, want *spider.Error in it", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := isolate.Load(ctx, source("def parse(page): pass"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %v, want %v", err, context.Canceled)
	}
}

// slow is a function with an operation that takes for ever, and neither the
// spider's limits nor a context end.
const slow = `
def slow():
    t = ()
    for _ in range(60): t = (t, t)
    return {t: 1}
`

// TestDeadline has a page that would take minutes, and others that go on.
func TestDeadline(t *testing.T) {
	s := load(t, source(slow+`
workers = processes(1)
def parse(page):
    if page.text: slow()
    page.item(x = 1)
def parse_other(page): slow()
`), &isolate.Options{Deadline: time.Second})
	_, err := s.Parse(t.Context(), page("x"))
	wantCause(t, err, isolate.Deadline, "test.star: parsing the page takes longer than 1s; the worker process was ended")
	p := page("x")
	p.Request.Parse = "parse_other"
	_, err = s.Parse(t.Context(), p)
	wantCause(t, err, isolate.Deadline, "test.star: parse_other takes longer than 1s")
	if res, err := s.Parse(t.Context(), page("")); err != nil || len(res.Items) != 1 {
		t.Errorf("Parse after that = %+v, %v", res, err)
	}
}

func wantCause(t *testing.T, err error, cause isolate.Cause, text string) {
	t.Helper()
	var e *isolate.Error
	if !errors.As(err, &e) || e.Cause != cause || e.Reason() != string(cause) {
		t.Fatalf("error %v, want the cause %s", err, cause)
	}
	if !strings.HasPrefix(err.Error(), text) {
		t.Errorf("error %q, want %q", err, text)
	}
}

func TestMemory(t *testing.T) {
	if !process.MemoryLimited {
		t.Skip("there is no memory limit")
	}
	opt := &isolate.Options{Memory: 256 << 20}
	_, err := isolate.Load(t.Context(), source("x = [0] * (1 << 29)\ndef parse(page): pass\n"), opt)
	wantCause(t, err, isolate.Memory, "test.star: loading the spider needs more than 256 MB of memory; the worker process was ended")
	s := load(t, source("def parse(page):\n    if page.text: [0] * (1 << 29)\n"), opt)
	_, err = s.Parse(t.Context(), page("x"))
	wantCause(t, err, isolate.Memory, "test.star: parsing the page needs more than 256 MB")
	if _, err := s.Parse(t.Context(), page("")); err != nil {
		t.Errorf("Parse after that = %v", err)
	}
}

func TestHostileTop(t *testing.T) {
	_, err := isolate.Load(t.Context(), source(slow+"slow()\ndef parse(page): pass\n"), &isolate.Options{Deadline: time.Second})
	wantCause(t, err, isolate.Deadline, "test.star: loading the spider takes longer than 1s")
}

func TestCrash(t *testing.T) {
	e := &isolate.Error{Place: "test.star", What: "parsing the page", Cause: isolate.Crash, Err: &process.CrashError{
		ExitCode: 2, Reason: "fatal error: concurrent map writes", Stderr: []byte("fatal error: concurrent map writes\ngoroutine 1:\n"),
	}}
	if got, want := e.Error(), "test.star: parsing the page crashed the worker process: fatal error: concurrent map writes"; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
	if !strings.Contains(e.Backtrace(), "goroutine 1") {
		t.Errorf("Backtrace = %q, want what the program wrote", e.Backtrace())
	}
	e.Err = &process.CrashError{ExitCode: -9, Signal: os.Kill}
	if got := e.Error(); !strings.HasSuffix(got, "crashed the worker process: killed") || e.Backtrace() != "" {
		t.Errorf("Error = %q, Backtrace %q", got, e.Backtrace())
	}
}

func TestCancel(t *testing.T) {
	s := load(t, source(slow+"def parse(page): slow()\n"), &isolate.Options{Deadline: time.Hour, Print: func(string, string) {}})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.Parse(ctx, page("")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Parse = %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestClose(t *testing.T) {
	s := load(t, source("def parse(page): pass"), nil)
	if _, err := s.Parse(t.Context(), page("")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var e *isolate.Error
	if _, err := s.Parse(t.Context(), page("")); err == nil || errors.As(err, &e) {
		t.Errorf("Parse after Close = %v, want an error that blames nobody", err)
	}
}

func TestPrint(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := load(t, source(`
workers = processes(1)
print("top")
def parse(page):
    print("two\nlines", 1)
    if not page.text: return
    for i in range(100): print("x" * 1000)
`), &isolate.Options{Print: func(place, text string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, place+" "+text)
	}})
	for _, body := range []string{"", "x", ""} {
		if _, err := s.Parse(t.Context(), page(body)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	mu.Lock()
	defer mu.Unlock()
	two := "test.star:5 two\nlines 1"
	if len(got) != 2+65+1+1 || got[0] != "test.star:3 top" || got[1] != two || got[2] != two || got[len(got)-1] != two ||
		got[len(got)-2] != "test.star:7 … the rest of what this page prints is left out" {
		t.Errorf("%d prints: %.200q", len(got), got)
	}
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		line     string
		override trawl.Workers
		want     func(int) bool
	}{
		{"workers = processes(1)", trawl.Workers{}, func(n int) bool { return n == 1 }},
		{"workers = threads(1)", trawl.Workers{}, func(n int) bool { return n == 1 }},
		{"workers = processes(5000)", trawl.Workers{}, func(n int) bool { return n < 5000 }},
		{"workers = processes(1)", trawl.Processes(700), func(n int) bool { return n == 700 }},
		{"", trawl.Threads(9000), func(n int) bool { return n < 9000 }},
	} {
		src := source(tt.line + "\ndef parse(page): pass\n")
		src.Workers = tt.override
		if got := isolate.Size(load(t, src, nil)); !tt.want(got) {
			t.Errorf("%q with %q: %d processes", tt.line, tt.override, got)
		}
	}
	src := source("workers = processes(700)\ndef parse(page): pass\n")
	if got := isolate.Size(isolate.New(local(t, src), src, nil)); got != 700 {
		t.Errorf("New: %d processes, want 700", got)
	}
}
