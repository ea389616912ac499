package trawl_test

import (
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"as it is", "https://example.com/a?b=c", "https://example.com/a?b=c"},
		{"case of scheme and host", "HTTPS://Example.COM/A", "https://example.com/A"},
		{"default port", "http://example.com:80/", "http://example.com/"},
		{"default port of the other scheme", "http://example.com:443/", "http://example.com:443/"},
		{"no path", "https://example.com", "https://example.com/"},
		{"trailing dot of the host", "https://example.com./a", "https://example.com/a"},
		{"user and fragment", "https://me:secret@example.com/a#top", "https://example.com/a"},
		{"dot segments", "https://example.com/a/./b/../c", "https://example.com/a/c"},
		{"above the root", "https://example.com/../../a", "https://example.com/a"},
		{"last segment is dots", "https://example.com/a/b/..", "https://example.com/a/"},
		{"double slashes stay", "https://example.com/a//b", "https://example.com/a//b"},
		{"escapes in upper case", "https://example.com/%e4%b8%ad", "https://example.com/%E4%B8%AD"},
		{"needless escapes", "https://example.com/%7Ea%2D", "https://example.com/~a-"},
		{"an escaped slash is no slash", "https://example.com/a%2Fb", "https://example.com/a%2Fb"},
		{"Chinese path", "https://example.com/中文", "https://example.com/%E4%B8%AD%E6%96%87"},
		{"Chinese query", "https://example.com/?q=中 文", "https://example.com/?q=%E4%B8%AD%20%E6%96%87"},
		{"order of the query", "https://example.com/?b=2&a=1", "https://example.com/?b=2&a=1"},
		{"empty query", "https://example.com/?", "https://example.com/"},
		{"international host", "https://例子.测试/", "https://xn--fsqu00a.xn--0zwm56d/"},
		{"lonely percent", "https://example.com/100%.jpg", "https://example.com/100%25.jpg"},
		{"IPv6", "http://[::1]:8080/a", "http://[::1]:8080/a"},
		{"white space around", "  https://example.com/a \n", "https://example.com/a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := trawl.Canonical(c.in)
			if err != nil || got != c.want {
				t.Fatalf("Canonical(%q) = %q, %v, want %q", c.in, got, err, c.want)
			}
			if again, err := trawl.Canonical(got); err != nil || again != got {
				t.Errorf("Canonical(%q) = %q, %v: not stable", got, again, err)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, in := range []string{"", "example.com/a", "//example.com/a", "ftp://example.com/", "javascript:void(0)", "https://", "http://exa mple.com/", "https://example.com:port/", "https://example.com:99999/", "https://example.com:0/", "https://h/\x00"} {
		if got, err := trawl.Canonical(in); err == nil {
			t.Errorf("Canonical(%q) = %q, want an error", in, got)
		}
	}
	if _, err := trawl.ParseURL("ftp://me:secret@example.com/"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("ParseURL() = %v, want an error without the password", err)
	}
}

func TestKeys(t *testing.T) {
	a := trawl.KeyOf(trawl.KindPage, "https://example.com/a")
	if b := trawl.KeyOf(trawl.KindPage, "HTTPS://EXAMPLE.com:443/a#x"); a != b {
		t.Errorf("two spellings of a URL have the keys %s and %s", a, b)
	}
	if b := trawl.KeyOf(trawl.KindFile, "https://example.com/a"); a == b {
		t.Error("a page and a file have one key")
	}
	key, host, err := trawl.Identify(trawl.KindPage, "https://Example.com:8443/a")
	if err != nil || host != "example.com:8443" || key != trawl.KeyOf(trawl.KindPage, "https://example.com:8443/a") {
		t.Errorf("Identify() = %s, %q, %v", key, host, err)
	}
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"https://h/a/b.jpg?x=1#y": "b.jpg", "https://h/%E4%B8%AD.png": "中.png", "https://h/a/": "", "https://h": "",
	} {
		if got := trawl.FileName(in); got != want {
			t.Errorf("FileName(%q) = %q, want %q", in, got, want)
		}
	}
}
