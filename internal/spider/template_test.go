package spider_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/spider"
)

func TestTemplate(t *testing.T) {
	s, err := spider.Load("my-site.star", spider.Template("my-site"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Settings().Name; got != "my-site" {
		t.Errorf("name %q, want my-site", got)
	}
	for _, tt := range []struct{ name, fn, body, want string }{
		{"list", "", "<div class=list><a href=/1>1</a><a href=/2>2</a></div><a class=next href=?page=2>next</a>",
			`page https://site.test/1 parse=parse_entry referer="https://site.test/dir/page.html"
page https://site.test/2 parse=parse_entry referer="https://site.test/dir/page.html"
page https://site.test/dir/page.html?page=2 referer="https://site.test/dir/page.html"
`},
		{"last list", "", "<div class=list><a href=/1>1</a></div>",
			"page https://site.test/1 parse=parse_entry referer=\"https://site.test/dir/page.html\"\n"},
		{"entry", "parse_entry", "<h1>早茶</h1><time datetime=2020-01-02>x</time><p class=views>1,234 views<div class=main><img src=a.jpg>",
			`item title="早茶" date="2020-01-02" views=1234 address="https://site.test/dir/page.html" picture=file(0)
file 0 https://site.test/dir/a.jpg path="早茶.jpg" referer="https://site.test/dir/page.html"
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page := html(tt.body)
			page.Request.Parse = tt.fn
			res, err := s.Parse(context.Background(), page)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, dump(res)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}
