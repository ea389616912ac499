package spider_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/spider"
)

// TestJudge parses pages in turns with several spiders, as worker processes
// do, and wants the warnings that one spider gives.
func TestJudge(t *testing.T) {
	const src = `
def parse(page):
    page.css("h1").text
    page.css("h2").text
    page.xpath("//table/tr")
    for p in page.css("p"):
        page.item(x = p.css("b").text)
    page.save("")
`
	one := load(t, src, nil)
	judge := spider.NewJudge("test")
	workers := []*spider.Spider{load(t, src, nil), load(t, src, nil), load(t, src, nil)}
	told := 0
	for i := range 25 {
		body := strings.Repeat("<p>x", i%7) + "<table><tr><td>x</table>"
		if i < 3 {
			body += "<h2>x</h2>"
		}
		want, err := one.Parse(context.Background(), html(body))
		if err != nil {
			t.Fatal(err)
		}
		res, seen, err := workers[i%3].See(context.Background(), html(body))
		if err != nil || res.Warnings != nil {
			t.Fatalf("See = %v, %v", res, err)
		}
		got := judge.Warnings(seen)
		if diff := cmp.Diff(want.Warnings, got); diff != "" {
			t.Errorf("page %d: warnings (-one +several):\n%s", i, diff)
		}
		told += len(got)
		for _, text := range []string{"h1", "h2"} {
			at := map[string]int{"h1": 9, "h2": 12}[text]
			if strings.Contains(fmt.Sprint(got), text) != (i == at) {
				t.Errorf("page %d: %q, want %s after page %d", i, got, text, at)
			}
		}
	}
	if told == 0 {
		t.Error("there was no warning at all")
	}
}
