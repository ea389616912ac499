package spider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/spider"
)

// load loads a spider or fails the test.
func load(t testing.TB, src string, opts *spider.Options) *spider.Spider {
	t.Helper()
	s, err := spider.Load("test.star", []byte(src), opts)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}

// html is a page at https://site.test/dir/page.html.
func html(body string) *trawl.Page {
	return &trawl.Page{
		URL:     "https://site.test/dir/page.html",
		Status:  200,
		Header:  http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:    []byte(body),
		Request: trawl.Request{URL: "https://site.test/dir/page.html", Depth: 2},
	}
}

// parse runs a spider over a page, both given as text.
func parse(t testing.TB, src, body string) *trawl.Result {
	t.Helper()
	res, err := load(t, src, nil).Parse(context.Background(), html(body))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return res
}

// dump writes a result as lines.
func dump(res *trawl.Result) string {
	var b strings.Builder
	for _, it := range res.Items {
		fmt.Fprintf(&b, "item%s", suffix(" to=", it.Output))
		for _, f := range it.Fields {
			fmt.Fprintf(&b, " %s=%s", f.Name, dumpValue(f.Value))
		}
		b.WriteByte('\n')
	}
	for i, f := range res.Files {
		fmt.Fprintf(&b, "file %d %s%s path=%q referer=%q%s\n", i, f.URL, odd(f, trawl.KindFile), f.Path, f.Referer, suffix(" backup=", strings.Join(f.Backup, " ")))
	}
	for _, p := range res.Pages {
		fmt.Fprintf(&b, "page %s%s%s%s referer=%q\n", p.URL, odd(p, trawl.KindPage), suffix(" parse=", p.Parse), suffix(" meta=", string(p.Meta)), p.Referer)
	}
	for _, f := range res.Failed {
		fmt.Fprintf(&b, "failed %v\n", f)
	}
	for _, w := range res.Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	return b.String()
}

// odd tells what is not as every request of the page html should be.
func odd(r trawl.Request, kind trawl.Kind) string {
	if r.Kind == kind && r.Depth == 3 && r.Spider != "" {
		return ""
	}
	return fmt.Sprintf(" ODD: %v of %q at depth %d", r.Kind, r.Spider, r.Depth)
}

func suffix(label, s string) string {
	if s == "" {
		return ""
	}
	return label + s
}

func dumpValue(v any) string {
	if ref, ok := v.(trawl.FileRef); ok {
		return fmt.Sprintf("file(%d)", ref)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// jsonText is meta that holds a text, {"t": text}.
func jsonText(text string) (json.RawMessage, error) {
	return json.Marshal(map[string]string{"t": text})
}
