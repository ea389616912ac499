package netrc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/netrc"
)

func parse(t testing.TB, text string) *netrc.File {
	t.Helper()
	f, err := netrc.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLogin(t *testing.T) {
	const file = `# my logins
machine example.com login me password s3cret
machine Quoted.Example.com
	login	"an employee"
	password "a \"word\" \\ with # 中文\t"

macdef init
machine trap login x password y
machine trap2

machine hash password pass#word login #me
machine twice login first password 1
machine twice login second password 2
machine port.test:8080 login port password 3
machine port.test login noport password 4
machine only account a password 5
machine none # nothing here
machine last account x login l password p # a comment
`
	for _, tt := range []struct{ text, host, want string }{
		{file, "example.com", "me:s3cret"},
		{file, "EXAMPLE.COM:8080", "me:s3cret"},
		{file, "www.example.com", ""},
		{file, "quoted.example.com", "an employee:a \"word\" \\ with # 中文\t"},
		{file, "trap", ""},
		{file, "trap2", ""},
		{file, "hash", "#me:pass#word"},
		{file, "twice", "first:1"},
		{file, "port.test:8080", "port:3"},
		{file, "port.test", "noport:4"},
		{file, "port.test:9090", "noport:4"},
		{file, "only", ":5"},
		{file, "none", ""},
		{file, "last", "l:p"},
		{"default login d password e\nmachine late login l password p\n", "late", "d:e"},
		{"machine early login l password p\r\ndefault login d password e\r\n", "early", "l:p"},
		{"machine early login l password p\r\ndefault login d password e\r\n", "other", "d:e"},
		{"\ufeffmachine a login b password c", "a", "b:c"},
		{"macdef init\nmachine a login b password c", "a", ""},
		{"", "a", ""},
	} {
		f := parse(t, tt.text)
		got := ""
		if login, password, ok := f.Login(tt.host); ok {
			got = login + ":" + password
		}
		if got != tt.want || len(f.Mistakes) > 0 {
			t.Errorf("Login(%q) = %q, want %q; mistakes %v", tt.host, got, tt.want, f.Mistakes)
		}
	}
}

func TestMistakes(t *testing.T) {
	const words = "expected machine, default, login, password, account or macdef; a value with spaces needs quotation marks"
	for _, tt := range []struct {
		name, text string
		want       []netrc.Mistake
	}{
		{"a password of several words", "machine a\nlogin b\npassword s3 cr et\nmachine c login d", []netrc.Mistake{{3, words}}},
		{"a misspelt word", "\nmachnie s3cret.test login s3cret password s3cret\n", []netrc.Mistake{
			{2, words}, {2, "login before any machine"}, {2, "password before any machine"}}},
		{"no end of the quotes", "machine a password \"s3cret\nlogin b", []netrc.Mistake{{1, "password: no quotation mark at its end"}}},
		{"no end of the file", "machine a password \"s3cret\\", []netrc.Mistake{{1, "password: no quotation mark at its end"}}},
		{"nothing after it", "machine a\n\nlogin s3cret password ", []netrc.Mistake{{3, "password: the file ends before its value"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parse(t, tt.text)
			if d := cmp.Diff(tt.want, f.Mistakes); d != "" {
				t.Errorf("mistakes (-want +got):\n%s", d)
			}
			if strings.Contains(fmt.Sprint(f.Mistakes), "s3cr") {
				t.Error("the mistakes show a password")
			}
		})
	}
}

// A login that is written with quotes is read as it was, whatever it is.
func FuzzParse(f *testing.F) {
	f.Add("me", "s3cret", "machine x login y password z\n")
	f.Add("a \"b\"", "\\ # \t中文", "macdef m\nfoo\n\n# machine\n")
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	f.Fuzz(func(t *testing.T, login, password, after string) {
		parse(t, after).Login("host.test")
		if login == "" && password == "" || strings.Contains(login+password, "\ufeff") {
			return
		}
		text := fmt.Sprintf("machine host.test login \"%s\" password \"%s\"\nmachine other.test\n", quote.Replace(login), quote.Replace(password))
		gotLogin, gotPassword, ok := parse(t, text+after).Login("host.test")
		if !ok || gotLogin != login || gotPassword != password {
			t.Errorf("%q gives %q, %q, %v, want %q, %q", text, gotLogin, gotPassword, ok, login, password)
		}
	})
}
