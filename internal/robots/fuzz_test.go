package robots_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/robots"
)

// FuzzPattern compares the answer for one rule with that of a regular
// expression, for patterns and paths that look the same with and without
// percent-encoding.
func FuzzPattern(f *testing.F) {
	f.Add("/a*b$", "/axb")
	f.Add("*.gif", "/x.gif/y")
	f.Add("/ab*bc$", "/abc")
	f.Add("/**$", "/")
	plain := regexp.MustCompile(`^/[a-z/.]*$`)
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if !plain.MatchString(path) || !plain.MatchString("/"+strings.TrimSuffix(strings.ReplaceAll(pattern, "*", ""), "$")) || pattern == "" {
			t.Skip()
		}
		re := pattern
		if re[0] != '/' && re[0] != '*' {
			re = "/" + re
		}
		re, end := strings.CutSuffix(re, "$")
		re = "^" + strings.ReplaceAll(regexp.QuoteMeta(re), `\*`, `.*`)
		if end {
			re += "$"
		}
		want := path != "/robots.txt" && regexp.MustCompile(re).MatchString(path)
		r := robots.Parse([]byte("User-agent: *\nDisallow: "+pattern), "trawl")
		if got := !r.Allows(&url.URL{Path: path}); got != want {
			t.Errorf("pattern %q matches %q: %v, want %v", pattern, path, got, want)
		}
	})
}

// FuzzParse checks of any file that a group for somebody else changes nothing,
// and that robots.txt itself may be asked for.
func FuzzParse(f *testing.F) {
	f.Add("User-agent: *\nDisallow: /a\nAllow: /a/*.jpg$\nCrawl-delay: 1\n", "/a/b.jpg")
	f.Add("User-agent: trawl\nUser-agent: x\nDisallow: /%E3%83%84?a=%2F\n", "/ツ")
	f.Add("\ufeffuser-agent:*\rdisallow:*$\r\n#", "/")
	f.Fuzz(func(t *testing.T, file, path string) {
		u, err := url.Parse("http://example.test/" + path)
		if err != nil {
			t.Skip()
		}
		r := robots.Parse([]byte(file), "trawl")
		got := r.Allows(u)
		if !r.Allows(&url.URL{Path: "/robots.txt"}) {
			t.Error("robots.txt is not allowed")
		}
		if len(file) > robots.MaxSize/2 {
			t.Skip()
		}
		if r.Delay < 0 {
			t.Errorf("Delay = %v", r.Delay)
		}
		group := "User-agent: somebody-else\nDisallow: /\n"
		if robots.Parse([]byte(group+strings.TrimPrefix(file, "\ufeff")), "trawl").Allows(u) != got {
			t.Error("a group for somebody else changes the answer")
		}
	})
}
