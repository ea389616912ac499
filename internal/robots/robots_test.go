package robots_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/robots"
)

func allows(t *testing.T, r *robots.Rules, path string) bool {
	t.Helper()
	u, err := url.Parse("https://example.test" + path)
	if err != nil {
		t.Fatal(err)
	}
	return r.Allows(u)
}

// The cases are those of RFC 9309 and what its text leaves no doubt about.
func TestAllows(t *testing.T) {
	long := "User-agent: *\nDisallow: /early\n" + strings.Repeat("# filler\n", robots.MaxSize/9)
	cut := "User-agent: *\nDisallow: /a\n" + strings.Repeat("#", robots.MaxSize-36) + "\nDisallow: /bcd\n"
	for _, tt := range []struct {
		name   string
		file   string
		allows string // paths, separated by spaces
		not    string
	}{
		{"empty", "", "/ /a", ""},
		{"everything", "User-agent: *\nDisallow: /", "/robots.txt", "/ /a /a?b"},
		{"nothing", "User-agent: *\nDisallow:", "/ /a", ""},
		{"not for us", "User-agent: other\nDisallow: /", "/a", ""},

		// 2.2.1: the user-agent line
		{"by name", "User-agent: trawl\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/b", "/a"},
		{"by name, whatever the case", "user-AGENT:TRAWL\ndisALLOW:/a", "/b", "/a"},
		{"name with a version", "User-agent: trawl/1.0\nDisallow: /a", "/b", "/a"},
		{"the name is not a prefix", "User-agent: trawler\nDisallow: /a\nUser-agent: traw\nDisallow: /b", "/a /b", ""},
		{"groups of a name count together", "User-agent: trawl\nDisallow: /a\n\nUser-agent: x\nDisallow: /x\n\nUser-agent: trawl\nDisallow: /b", "/x", "/a /b"},
		{"groups for all count together", "User-agent: *\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/c", "/a /b"},
		{"several names of a group", "User-agent: x\nUser-agent: trawl\nUser-agent: y\nDisallow: /a", "/b", "/a"},
		{"an empty group of our own", "User-agent: *\nDisallow: /\n\nUser-agent: trawl\nDisallow:", "/a", ""},
		{"an empty rule ends the names", "User-agent: trawl\nDisallow:\nUser-agent: x\nDisallow: /", "/a", ""},
		{"a rule without a group", "Disallow: /a\nUser-agent: *\nDisallow: /b", "/a", "/b"},
		{"other records do not interfere", "User-agent: trawl\nSitemap: https://x.test/s\nCrawl-delay: 2\nUser-agent: x\nDisallow: /a\nFoo: bar\nDisallow: /b", "/c", "/a /b"},

		// 2.2.2: the longest match
		{"longest wins", "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c", "/a/b /a/bb /x", "/a /aa /a/b/c/d"},
		{"order does not matter", "User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/b", "/a/c"},
		{"allow wins a tie", "User-agent: *\nDisallow: /a\nAllow: /a", "/a", ""},
		{"case counts in paths", "User-agent: *\nDisallow: /A", "/a", "/A"},
		{"5.1 of the RFC",
			"User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n" +
				"User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n",
			"/publications/x /a.gif?b", "/a.gif /example/page.html"},
		{"5.2 of the RFC",
			"User-Agent: trawl\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n",
			"/example/page/ /x", "/example/page/disallowed.gif"},

		// 2.2.2: percent-encoding
		{"encoded in the file", "User-agent: *\nDisallow: /foo/bar/%E3%83%84", "/foo/bar", "/foo/bar/%E3%83%84 /foo/bar/%e3%83%84 /foo/bar/ツ"},
		{"plain in the file", "User-agent: *\nDisallow: /foo/bar/ツ", "/foo/bar", "/foo/bar/%E3%83%84 /foo/bar/ツ"},
		{"needless encoding", "User-agent: *\nDisallow: /foo/bar/%62%61%7A", "/foo/bar/b", "/foo/bar/baz /foo/bar/%62az"},
		{"reserved stays encoded", "User-agent: *\nDisallow: /a%2Fb\nDisallow: /c/d", "/a/b /c%2Fd", "/a%2fb /c/d"},
		{"a URL in the query", "User-agent: *\nDisallow: /foo/bar?baz=https://foo.bar", "/foo/bar?baz=http", "/foo/bar?baz=https://foo.bar /foo/bar?baz=https%3A%2F%2Ffoo.bar"},
		{"chinese, in GBK even", "User-agent: *\nDisallow: /\xcd\xbc\xc6\xac", "/x", "/%CD%BC%C6%AC/1"},
		{"a lone percent sign", "User-agent: *\nDisallow: /100%", "/100", "/100%25"},

		// 2.2.3: special characters
		{"star", "User-agent: *\nDisallow: /a*b", "/a /ba", "/ab /axxb /a/c/bd"},
		{"a pattern is anchored", "User-agent: *\nDisallow: /a*b", "/x/ab", ""},
		{"stars at both ends", "User-agent: *\nDisallow: *x*", "/a", "/x /ax /axb"},
		{"dollar", "User-agent: *\nDisallow: /a$", "/a/ /ab /a?b", "/a"},
		{"dollar after a star", "User-agent: *\nDisallow: /*.php$", "/a.php?x /a.php5", "/a.php /b/c.php /x.php.php"},
		{"the end does not overlap", "User-agent: *\nDisallow: /ab*bc$", "/abc", "/abbc /abxbc"},
		{"dollar within", "User-agent: *\nDisallow: /a$b", "/a /ab", "/a$b /a%24b"},
		{"a star that is meant", "User-agent: *\nDisallow: /file-%2A.html", "/file-a.html", "/file-*.html /file-%2A.html"},
		{"stars count as octets", "User-agent: *\nAllow: /a*\nDisallow: /a", "/ab", ""},
		{"comments", "User-agent: * # all\nDisallow: /a # not this\n#Disallow: /b", "/b", "/a"},

		// 2.3, 2.5 and files as they are
		{"line ends", "User-agent: *\rDisallow: /a\r\nDisallow: /b\n\nDisallow: /c", "/d", "/a /b /c"},
		{"byte order mark", "\ufeffUser-agent: *\nDisallow: /a", "/b", "/a"},
		{"spaces", "  User-agent :  *\t\n\tDisallow :\t/a  ", "/b", "/a"},
		{"no colon", "User-agent *\nDisallow /a", "/b", "/a"},
		{"no slash", "User-agent: *\nDisallow: a", "/b", "/a"},
		{"a page of HTML", "<!DOCTYPE html><html>\n<body>User-agent: *\nDisallow: /</body>", "/a /", ""},
		{"rubbish", "\x00\xff\xfe\n:::\n: x\nAllow\nUser-agent\nUser-agent:\nDisallow: /x", "/x", ""},
		{"the limit", long + "Disallow: /late\n", "/late", "/early"},
		{"a line cut at the limit does not count", cut, "/b /bcd", "/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := robots.Parse([]byte(tt.file), "trawl")
			for p := range strings.FieldsSeq(tt.allows) {
				if !allows(t, r, p) {
					t.Errorf("Allows(%s) = false", p)
				}
			}
			for p := range strings.FieldsSeq(tt.not) {
				if allows(t, r, p) {
					t.Errorf("Allows(%s) = true", p)
				}
			}
		})
	}
}

func TestDelay(t *testing.T) {
	for _, tt := range []struct {
		file string
		want time.Duration
	}{
		{"User-agent: *\nCrawl-delay: 2.5", 2500 * time.Millisecond},
		{"User-agent: *\nCrawl-delay: 2\n\nUser-agent: trawl\nDisallow: /x", 0},
		{"User-agent: *\nCrawl-delay: 2\nUser-agent: trawl\nCrawl-delay: 3\nCrawl-delay: 1", 3 * time.Second},
		{"User-agent: *\nCrawl-delay: 1e300", 24 * time.Hour},
		{"User-agent: *\nCrawl-delay: -1\nCrawl-delay: NaN\nCrawl-delay: soon", 0},
	} {
		if got := robots.Parse([]byte(tt.file), "trawl").Delay; got != tt.want {
			t.Errorf("Delay of %q = %v, want %v", tt.file, got, tt.want)
		}
	}
}

func TestToken(t *testing.T) {
	for agent, want := range map[string]string{
		"trawl/1.2 (+https://example.test)": "trawl",
		"my_bot-2":                          "my_bot-2",
		"":                                  "",
		"(none)":                            "",
	} {
		if got := robots.Token(agent); got != want {
			t.Errorf("Token(%q) = %q, want %q", agent, got, want)
		}
	}
}

func TestNilAllows(t *testing.T) {
	if !allows(t, nil, "/a") {
		t.Error("no rules at all do not allow /a")
	}
}

// A file of stars costs little, whatever it is asked about.
func TestStarsAreCheap(t *testing.T) {
	file := "User-agent: *\nDisallow: /" + strings.Repeat("*a", 100_000) + "b$"
	r := robots.Parse([]byte(file), "trawl")
	if !allows(t, r, "/"+strings.Repeat("a", 8000)) {
		t.Error("a path without b matches")
	}
}

func ExampleParse() {
	r := robots.Parse([]byte("User-agent: *\nDisallow: /private/\nAllow: /private/*.jpg$\n"), "trawl")
	for _, s := range []string{"https://example.com/private/a.html", "https://example.com/private/a.jpg"} {
		u, _ := url.Parse(s)
		fmt.Println(r.Allows(u))
	}
	// Output:
	// false
	// true
}
