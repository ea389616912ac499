package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
)

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string // which of 1 to 9 are in it; "-" for an error
	}{
		{"1", "1"},
		{"2-4", "234"},
		{"8-", "89"},
		{"-2", "12"},
		{"1,3,5-6", "1356"},
		{" 1 , 3 ", "13"},
		{"5,1-5", "12345"},
		{"20-", ""},
		{"1:4", "123"},
		{":3", "12"},
		{"7:", "789"},
		{"2::3", "258"},
		{"1:9:4,2", "125"},
		{"3:3", "-"}, {"1:9:0", "-"}, {"1:2:3:4", "-"}, {"a:", "-"}, {"1-2:3", "-"},
		{"", "-"}, {"-", "-"}, {"0", "-"}, {"0-3", "-"}, {"3-2", "-"}, {"1,,2", "-"}, {"a", "-"}, {"1-b", "-"}, {"1-2-3", "-"}, {"99999999999999999999", "-"},
	} {
		choose, err := parseRanges(c.in)
		got := "-"
		if err == nil {
			got = ""
			for i := 1; i <= 9; i++ {
				if choose(i) {
					got += string(rune('0' + i))
				}
			}
		}
		if got != c.want {
			t.Errorf("parseRanges(%q) takes %q, want %q (%v)", c.in, got, c.want, err)
		}
	}
}

func TestFilename(t *testing.T) {
	r := trawl.Request{URL: "https://IMG.example.com:8443/x.jpg?a=1", Path: "组图/第 1 张.tar.gz", Spider: "mine"}
	for _, c := range []struct{ template, want string }{
		{"{path}", "组图/第 1 张.tar.gz"},
		{"{dir}|{name}|{ext}", "组图|第 1 张.tar|.gz"},
		{"{spider}/{host}/{name}{ext}", "mine/img.example.com/第 1 张.tar.gz"},
		{"a{name}{name}", "a第 1 张.tar第 1 张.tar"},
		{"{name}.{ext}", "第 1 张.tar.gz"},
		{"{filename}.{extension}", "第 1 张.tar.gz"},
	} {
		f, err := filenameTemplate(c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
		} else if got := f(r); got != c.want {
			t.Errorf("%s gives %q, want %q", c.template, got, c.want)
		}
	}
	plain := trawl.Request{URL: "https://a.test/x", Path: "x"}
	if f, err := filenameTemplate("{name}.{ext}"); err != nil || f(plain) != "x" {
		t.Errorf("a file without extension gets another name than x: %v", err)
	}
	for _, bad := range []string{"x", "{}", "{nmae}", "{name}{Ext}"} {
		if _, err := filenameTemplate(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestSpanAndSizeFlags(t *testing.T) {
	spans := map[string]time.Duration{"0": 0, "1.5": 1500 * time.Millisecond, "500ms": 500 * time.Millisecond, "2m": 2 * time.Minute}
	for in, want := range spans {
		var s seconds
		if err := s.Set(in); err != nil || time.Duration(s) != want {
			t.Errorf("span %q = %v, %v, want %v", in, time.Duration(s), err, want)
		}
	}
	sizes := map[string]byteSize{"5000": 5000, "500k": 500 << 10, "2.5M": 5 << 19, "1g": 1 << 30}
	for in, want := range sizes {
		var b byteSize
		if err := b.Set(in); err != nil || b != want {
			t.Errorf("size %q = %d, %v, want %d", in, b, err, want)
		}
	}
	for _, bad := range []string{"", "-1", "x", "1x", "NaN", "Inf", "1e400", "-5s"} {
		if err := new(seconds).Set(bad); err == nil {
			t.Errorf("span %q: no error", bad)
		}
		if err := new(byteSize).Set(bad); err == nil {
			t.Errorf("size %q: no error", bad)
		}
	}
}

func TestDelayFlag(t *testing.T) {
	for in, want := range map[string]string{
		"2": "2s", "0": "", "2-4": "2s-4s", "500ms-2": "500ms-2s", "0-1.5": "-1.5s", "3-3": "3s-3s",
		"4-2": "error", "2-": "error", "-2": "error", "a-b": "error", "1-2-3": "error", "": "error",
	} {
		var r spanRange
		got := "error"
		if err := r.Set(in); err == nil {
			got = r.String()
		}
		if got != want {
			t.Errorf("--delay %s = %s, want %s", in, got, want)
		}
	}
}

func TestHeaderFlag(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want string
	}{
		{nil, "map[]"},
		{[]string{"accept-language: zh-CN"}, "map[Accept-Language:zh-CN]"},
		{[]string{"X-Time:12:30 "}, "map[X-Time:12:30]"},
		{[]string{"Cookie: a=1", "X: y", "cookie: b=2"}, "map[Cookie:a=1; b=2 X:y]"},
		{[]string{"Accept: a", "Accept: b"}, "map[Accept:a, b]"},
		{[]string{"Accept: a", "Accept:"}, "map[Accept:]"},
		{[]string{"Authorization s3cret"}, "--header: must be 'NAME: VALUE', like 'Accept-Language: zh-CN'"},
		{[]string{": s3cret"}, "--header: must be 'NAME: VALUE', like 'Accept-Language: zh-CN'"},
		{[]string{"a b: s3cret"}, "--header: must be 'NAME: VALUE', like 'Accept-Language: zh-CN'"},
		{[]string{"X-Key: s3cret\nX: y"}, "--header X-Key: its value has characters that cannot be sent"},
	} {
		m, err := parseHeaders(c.in)
		got := fmt.Sprint(m)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("parseHeaders(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, url string
		want         bool
	}{
		{"https://a.test/x/*", "https://a.test/x/1", true},
		{"https://a.test/x/*", "https://a.test/x/", true},
		{"https://a.test/x/*", "https://a.test/x", false},
		{"https://a.test/*/end", "https://a.test/a/b/end", true},
		{"https://a.test/*/end", "https://a.test/end", false},
		{"https://a.test/*a*b", "https://a.test/ab", true},
		{"https://a.test/*a*b", "https://a.test/ba", false},
		{"https://a.test/ab*b", "https://a.test/ab", false}, // the b is not used twice
		{"https://a.test/", "https://a.test/", true},
		{"https://a.test/", "https://a.test/x", false},
	} {
		if got := matches(strings.Split(c.pattern, "*"), c.url); got != c.want {
			t.Errorf("%s matches %s = %v, want %v", c.pattern, c.url, got, c.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"组图 é":               "组图 é",
		"\x1b[2Jx":           "?[2Jx",
		"a\nb\tc":            "a?b?c",
		"\u202egpj.exe":      "?gpj.exe",
		"\xff":               "?",
		"\u009b31m\u2028end": "?31m?end",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		size(0): "0 B", size(999): "999 B", size(1000): "1.0 kB", size(9_949): "9.9 kB", size(9_960): "10 kB",
		size(999_499): "999 kB", size(999_500): "1.0 MB", size(12_345_678_901): "12 GB", size(1 << 62): "4612 PB",
		thousands(0): "0", thousands(1234567): "1,234,567", plural(1, "file"): "1 file", plural(0, "file"): "0 files",
		span(1234 * time.Microsecond): "1ms", span(12345 * time.Millisecond): "12.35s", span(3661*time.Second + 400*time.Millisecond): "1h1m1s",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
