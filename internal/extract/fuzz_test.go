package extract_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trawl-go/trawl/internal/extract"
)

// FuzzJoin checks that an absolute link, seen again from the same page, is
// the same link.
func FuzzJoin(f *testing.F) {
	for _, ref := range []string{"a", "?q=中 文", "//h.test/照片.jpg!w300", `\a\b`, "/100%/%zz", "https://例子.测试:80/a//b", "mailto:x", "#f%", "http://[::1]:8/", "a{b}", "https:a", "/..//b"} {
		f.Add("https://site.test/dir/page?q#f", ref)
	}
	f.Fuzz(func(t *testing.T, base, ref string) {
		abs := extract.Join(base, ref)
		if abs == base {
			return // a blank link
		}
		u, err := url.Parse(abs)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "" {
			return // made no sense and came back as it was
		}
		if again := extract.Join(base, abs); again != abs {
			t.Errorf("Join(%q, %q) = %q, and from there %q", base, ref, abs, again)
		}
		for _, part := range []string{u.EscapedPath(), u.RawQuery} {
			if strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				t.Errorf("Join(%q, %q) = %q has characters to escape", base, ref, abs)
			}
		}
	})
}

// FuzzDecode checks that text is valid UTF-8 whatever a page says of itself.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{"", "\ufeffx", "\xff\xfe\x00\xd8", `<meta charset="gbk">` + "\xd6", "<?xml encoding='utf-16'?>\xff", "\x00<", "<meta charset=iso-2022-jp>\x1b$B\xff", "caf\xe9"} {
		f.Add([]byte(body), "text/html; charset=x", "")
		f.Add([]byte(body), "charset=", "gb2312")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, forced string) {
		text, name := extract.Decode(body, contentType, forced)
		if !utf8.ValidString(text) {
			t.Errorf("Decode gives invalid UTF-8 as %s", name)
		}
		if canonical, ok := extract.EncodingName(name); !ok || canonical != name {
			t.Errorf("Decode says %q, which is no encoding's name", name)
		}
	})
}

// FuzzCSS checks that a selector that compiles selects from a page what a
// second look finds too.
func FuzzCSS(f *testing.F) {
	for _, s := range []string{"a", "li.x > b::text", "a::attr(href), p", "div:has(> p)", `[a="::text"]`, ":not(:has(>a))", "a,", "p ::text", `\`, "a:contains('('):has(>b)", ":nth-child(2n+1)"} {
		f.Add(s)
	}
	page := []byte(`<div id=top class="a b"><ul><li>1<li class=x>2</ul><p title="t">p1 <b>bold</b><a href=one>A</a></div>`)
	f.Fuzz(func(t *testing.T, selector string) {
		d := extract.New(page, nil)
		first, err := d.CSS(selector)
		if err != nil {
			if strings.Contains(err.Error(), "\n") && !strings.Contains(selector, "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			return
		}
		second, err := d.CSS(selector)
		if err != nil || strings.Join(first.Texts(), "|") != strings.Join(second.Texts(), "|") {
			t.Errorf("CSS(%q) gives %q, then %q, %v", selector, first.Texts(), second.Texts(), err)
		}
	})
}
