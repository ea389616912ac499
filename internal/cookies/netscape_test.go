package cookies_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/cookies"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// later is a time after now.
var later = time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)

func TestParse(t *testing.T) {
	const head = "# Netscape HTTP Cookie File\n\n"
	good := cookies.Cookie{Host: "example.com", Subdomains: true, Path: "/", Secure: true, Expires: later, Name: "sid", Value: "s3cret"}
	for _, tt := range []struct {
		name string
		text string
		want cookies.Set
	}{
		{"a domain with its subdomains", ".example.com\tTRUE\t/\tTRUE\t1800000000\tsid\ts3cret\n", cookies.Set{Cookies: []cookies.Cookie{good}}},
		{"no dot before it", "example.com\tTRUE\t/\tTRUE\t1800000000\tsid\ts3cret", cookies.Set{Cookies: []cookies.Cookie{good}}},
		{"one host", "www.Example.com\tFALSE\t/a\tFALSE\t0\tsid\tx\n", cookies.Set{Cookies: []cookies.Cookie{
			{Host: "www.example.com", Path: "/a", Name: "sid", Value: "x"}}}},
		{"a dot tells of subdomains", ".example.com\tFALSE\t/\tFALSE\t0\tsid\tx\n", cookies.Set{Cookies: []cookies.Cookie{
			{Host: "example.com", Subdomains: true, Path: "/", Name: "sid", Value: "x"}}}},
		{"HttpOnly, BOM, CRLF, comments", "\ufeff" + strings.ReplaceAll(head, "\n", "\r\n") + "#HttpOnly_a.test\tFALSE\t/\tFALSE\t\tn\tv w\r\n \t\r\n# a.test\tFALSE\r\n", cookies.Set{Cookies: []cookies.Cookie{
			{Host: "a.test", Path: "/", HTTPOnly: true, Name: "n", Value: "v w"}}}},
		{"no value", "a.test\tFALSE\t/\tFALSE\t0\tn\t\nb.test\tFALSE\t/\tFALSE\t0\tn\n", cookies.Set{Cookies: []cookies.Cookie{
			{Host: "a.test", Path: "/", Name: "n"}, {Host: "b.test", Path: "/", Name: "n"}}}},
		{"milliseconds and fractions", "a.test\tFALSE\t/\tFALSE\t1800000000000\ta\tv\na.test\tFALSE\t/\tFALSE\t1800000000.0\tb\tv\na.test\tFALSE\t/\tFALSE\t-1\tc\tv\n", cookies.Set{Cookies: []cookies.Cookie{
			{Host: "a.test", Path: "/", Expires: later, Name: "a", Value: "v"},
			{Host: "a.test", Path: "/", Expires: later, Name: "b", Value: "v"},
			{Host: "a.test", Path: "/", Name: "c", Value: "v"}}}},
		{"a value of JSON", "a.test\tFALSE\t/\tFALSE\t0\tn\t{\"a\": 1, \"b\": \"中文\"}\n", cookies.Set{Cookies: []cookies.Cookie{
			{Host: "a.test", Path: "/", Name: "n", Value: `{"a": 1, "b": "中文"}`}}}},
		{"international names, addresses, ports", "例子.测试\tFALSE\t/\tFALSE\t0\tn\tv\n127.0.0.1\tFALSE\t/\tFALSE\t0\tn\tv\nlocalhost:8080\tFALSE\t/\tFALSE\t0\tn\tv\n::1\tFALSE\t/\tFALSE\t0\tn\tv\n", cookies.Set{Cookies: []cookies.Cookie{
			{Host: "xn--fsqu00a.xn--0zwm56d", Path: "/", Name: "n", Value: "v"},
			{Host: "127.0.0.1", Path: "/", Name: "n", Value: "v"},
			{Host: "localhost", Path: "/", Name: "n", Value: "v"},
			{Host: "::1", Path: "/", Name: "n", Value: "v"}}}},
		{"expired", "a.test\tFALSE\t/\tFALSE\t1500000000\tn\tv\n", cookies.Set{Expired: 1}},
		{"empty", head, cookies.Set{}},
		{"mistakes", head + "" +
			"a.test FALSE / FALSE 0 n s3cret\n" + // 3: spaces
			".example.com\tTRUE\t/\tTRUE\t1800000000\tsid\ts3cret\n" +
			"a.test\tFALSE\t/\tFALSE\t0\tn\ts3cret\tmore\n" + // 5: a tab too many
			"a.test\tyes\t/\tFALSE\t0\tn\ts3cret\n" +
			"a.test\tFALSE\t/\tno\t0\tn\ts3cret\n" +
			"a.test\tFALSE\t/\tFALSE\tsoon\tn\ts3cret\n" +
			"a.test\tFALSE\tpath\tFALSE\t0\tn\ts3cret\n" +
			"a.test\tFALSE\t/\tFALSE\t0\t\ts3cret\n" + // 10: no name
			"a.test\tFALSE\t/\tFALSE\t0\tn\ts3;cret\n" +
			"a b.test\tFALSE\t/\tFALSE\t0\tn\ts3cret\n" +
			"https://a.test/\tFALSE\t/\tFALSE\t0\tn\ts3cret\n" +
			"s3cret\n",
			cookies.Set{Cookies: []cookies.Cookie{good}, Mistakes: []cookies.Mistake{
				{3, "the fields have spaces between them and must have tabs; an editor or a copy on a screen may have changed them"},
				{5, "8 fields, must be 7 with tabs between them: domain, subdomains, path, secure, expires, name, value"},
				{6, "the second field, for subdomains, must be TRUE or FALSE"},
				{7, "the fourth field, for https only, must be TRUE or FALSE"},
				{8, "the fifth field, when it expires, must be a number of seconds since 1970"},
				{9, "the path of n does not begin with '/'"},
				{10, "the cookie has no name"},
				{11, "the value of n has characters that cannot be sent"},
				{12, "the domain is not a host's name"},
				{13, "the domain is not a host's name"},
				{14, "1 field, must be 7 with tabs between them: domain, subdomains, path, secure, expires, name, value"},
			}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := cookies.Parse("cookies.txt", strings.NewReader(tt.text), now)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Source = "cookies.txt"
			if d := cmp.Diff(&tt.want, got); d != "" {
				t.Errorf("Parse() (-want +got):\n%s", d)
			}
			for _, m := range got.Mistakes {
				if strings.Contains(m.Msg, "s3") {
					t.Errorf("line %d shows a value: %s", m.Line, m.Msg)
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"JSON":     {`[{"name":"sid","value":"s3cret"}]`, "cookies.txt: is JSON; have the cookies exported in Netscape's format, as cookies.txt"},
		"database": {"SQLite format 3\x00s3cret", "cookies.txt: is a browser's database, not a cookies.txt; see --cookies-from-browser"},
		"UTF-16":   {"\xff\xfea\x00", "cookies.txt: is in UTF-16; save it as UTF-8"},
		"HTML":     {"\n<html>", "cookies.txt: is HTML or XML, not a cookies.txt"},
		"spaces":   {"# x\na.test FALSE / FALSE 0 n s3cret\n", "cookies.txt:2: the fields have spaces between them and must have tabs; an editor or a copy on a screen may have changed them; no line of the file is a cookie"},
		"too long": {"# x\n" + strings.Repeat("x", 2<<20), "cookies.txt:2: the line is too long for a cookie"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cookies.Parse("cookies.txt", strings.NewReader(tt.text), now)
			if err == nil || err.Error() != tt.want {
				t.Errorf("Parse() = %v, want %s", err, tt.want)
			}
		})
	}
}

// What Parse takes can be sent, and is taken again as it was.
func FuzzParse(f *testing.F) {
	f.Add(".example.com\tTRUE\t/\tTRUE\t1800000000\tsid\ts3cret\n#HttpOnly_例子.测试\tFALSE\t/a\tFALSE\t0\tn\t{\"a\": 1}\r\n")
	f.Add("a.test FALSE / FALSE 0 n v\n[::1]:80\t0\t\t1\t1e9\tn\n")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := cookies.Parse("f", strings.NewReader(text), now)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, c := range first.Cookies {
			if strings.ContainsAny(c.Name+c.Value, "\r\n\x00;") || c.Name == "" || c.Host == "" || strings.HasPrefix(c.Host, ".") {
				t.Errorf("cookie %+v", c)
			}
			if c.HTTPOnly {
				b.WriteString("#HttpOnly_")
			}
			expires := int64(0)
			if !c.Expires.IsZero() {
				if expires = c.Expires.UnixMilli(); c.Expires.Before(now) {
					t.Errorf("%+v has expired", c)
				}
			}
			fmt.Fprintf(&b, "%s\t%t\t%s\t%t\t%d\t%s\t%s\n", c.Host, c.Subdomains, c.Path, c.Secure, expires, c.Name, c.Value)
		}
		again, err := cookies.Parse("f", strings.NewReader(b.String()), now)
		if err != nil {
			t.Fatal(err)
		}
		first.Expired, first.Mistakes = 0, nil
		if d := cmp.Diff(first, again); d != "" {
			t.Errorf("read again (-first +again):\n%s", d)
		}
	})
}
