package extract_test

import (
	"testing"

	"github.com/trawl-go/trawl/internal/extract"
)

func TestAbs(t *testing.T) {
	const page = "https://site.test/dir/page.html?q=1#f"
	tests := []struct{ name, body, ref, want string }{
		{"relative", "", "a.html", "https://site.test/dir/a.html"},
		{"query only", "", "?start=25&filter=", "https://site.test/dir/page.html?start=25&filter="},
		{"fragment", "", "#x", "https://site.test/dir/page.html?q=1#x"},
		{"root", "", "/a//b/", "https://site.test/a//b/"},
		{"up", "", "../../../a", "https://site.test/a"},
		{"other host", "", "//h.test/a//b.jpg!dta", "https://h.test/a//b.jpg!dta"},
		{"absolute", "", "HTTP://H.test/A", "http://H.test/A"},
		{"blank", "", " \t\n", ""},
		{"spaces around and breaks inside", "", " /a\n b&nbsp;\t", "https://site.test/a%20b&nbsp;"},
		{"no-break space around", "", "\u00a0/a\u3000", "https://site.test/a"},
		{"backslashes", "", `\a\b?c\d`, `https://site.test/a/b?c\d`},
		{"lonely percent", "", "/100%/a%zz?b=5%&c=%41", "https://site.test/100%25/a%25zz?b=5%25&c=%41"},
		{"escapes stay", "", "/%e4%b8%ad%2f?x=%2F", "https://site.test/%e4%b8%ad%2f?x=%2F"},
		{"chinese path", "", "/照片.jpg!w300", "https://site.test/%E7%85%A7%E7%89%87.jpg!w300"},
		{"chinese query", "", "/s?q=中 文", "https://site.test/s?q=%E4%B8%AD%20%E6%96%87"},
		{"chinese host", "", "https://例子.测试/路", "https://xn--fsqu00a.xn--0zwm56d/%E8%B7%AF"},
		{"chinese host with port", "", "http://例子.测试:8080/", "http://xn--fsqu00a.xn--0zwm56d:8080/"},
		{"braces and quotes", "", `/a{b}|"c"`, "https://site.test/a%7Bb%7D%7C%22c%22"},
		{"gbk query", "<meta charset=gbk><p>x", "/s?q=中&p=路", "https://site.test/s?q=%D6%D0&p=%C2%B7"},
		{"mail", "", "mailto:a@b.test", "mailto:a@b.test"},
		{"script", "", "javascript:void(0)", "javascript:void(0)"},
		{"data", "", "data:image/gif;base64,R0lGOD lhAQ==", "data:image/gif;base64,R0lGOD lhAQ=="},
		{"base", "<base href='/other/'><p>x", "a", "https://site.test/other/a"},
		{"absolute base", "<base target=_blank><base href='http://b.test/x/y'><base href='/no/'>", "a", "http://b.test/x/a"},
		{"base that is none", "<base href='data:text/plain,x'>", "a", "https://site.test/dir/a"},
		{"base in the body is none", "<body><base href='/other/'>", "a", "https://site.test/dir/a"},
		{"base of a page that is not markup", `{"x": "<base href='/other/'>"}`, "a", "https://site.test/dir/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := extract.New([]byte(tt.body), &extract.Options{URL: page})
			if got := d.Abs(tt.ref); got != tt.want {
				t.Errorf("Abs(%q) = %q, want %q", tt.ref, got, tt.want)
			}
		})
	}
	t.Run("page without address", func(t *testing.T) {
		d := extract.New(nil, nil)
		if got := d.Abs("a/b"); got != "a/b" {
			t.Errorf("Abs = %q, want the link as it is", got)
		}
		if got := d.Abs("https://h.test/a b"); got != "https://h.test/a%20b" {
			t.Errorf("Abs = %q, want the link mended", got)
		}
	})
}

func TestSplitName(t *testing.T) {
	for address, want := range map[string][2]string{
		"https://h/a/photo.jpg":           {"photo", ".jpg"},
		"https://h/a/photo.JPEG?x=1.png":  {"photo", ".jpeg"},
		"https://h/a/p.jpg!dta":           {"p", ".jpg"},
		"https://h/a/p.null!dta":          {"p", ""},
		"https://h/a/p.jpg@160w_220h_1c":  {"p", ".jpg"},
		"https://h/a/p.JPG@2x?x=1":        {"p", ".jpg"},
		"https://h/a/p.jpg@!thumb":        {"p", ".jpg"},
		"https://h/a/logo@2x.png":         {"logo@2x", ".png"},
		"https://h/a/mail.me@home":        {"mail.me@home", ""},
		"https://h/a/b@2":                 {"b@2", ""},
		"https://h/a/b!c":                 {"b!c", ""},
		"https://h/a/wow!.gif":            {"wow!", ".gif"},
		"https://h/a/%E5%9B%BE%20x.png":   {"图 x", ".png"},
		"//h/a/x.tar.gz":                  {"x.tar", ".gz"},
		"https://h/a/":                    {"", ""},
		"https://h":                       {"", ""},
		"https://h.com/v1.2.3":            {"v1.2", ".3"},
		"https://h/what.is this":          {"what.is this", ""},
		"https://h/a.verylongextension":   {"a.verylongextension", ""},
		"https://h/.htaccess":             {".htaccess", ""},
		"https://h/%2e%2e%2fetc%2fpasswd": {"passwd", ""},
		"https://h/a%ff.jpg":              {"a\ufffd", ".jpg"},
		"":                                {"", ""},
	} {
		stem, ext := extract.SplitName(address)
		if got := [2]string{stem, ext}; got != want {
			t.Errorf("SplitName(%q) = %q, want %q", address, got, want)
		}
	}
}
