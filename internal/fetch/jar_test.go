package fetch

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestJarIsBounded(t *testing.T) {
	j := newJar()
	j.limit = 50 * (cookieOverhead + 2)
	at := func(format string, args ...any) *url.URL {
		u, err := url.Parse(fmt.Sprintf(format, args...))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	// One site is kept in use while a thousand others come and go.
	home := at("http://www.home.co.uk/")
	j.SetCookies(home, []*http.Cookie{{Name: "a", Value: "1"}})
	for i := range 1000 {
		j.SetCookies(at("http://site%d.com/", i), []*http.Cookie{{Name: "a", Value: "1"}})
		if len(j.Cookies(home)) != 1 {
			t.Fatalf("forgotten after %d other sites", i)
		}
	}
	if len(j.sites) != 50 || j.used.Len() != 50 || j.size != j.limit {
		t.Errorf("%d sites, %d bytes, want 50 and %d", len(j.sites), j.size, j.limit)
	}
	if n := len(j.Cookies(at("http://site0.com/"))); n != 0 {
		t.Errorf("the oldest site has %d cookies", n)
	}
	if n := len(j.Cookies(at("http://site999.com/"))); n != 1 {
		t.Errorf("the latest site has %d cookies, want 1", n)
	}
	// Setting a cookie again is no new one.
	for i := range 1000 {
		j.SetCookies(home, []*http.Cookie{{Name: "a", Value: fmt.Sprint(i % 10)}})
	}
	if j.size != j.limit {
		t.Errorf("%d bytes after setting one cookie again, want %d", j.size, j.limit)
	}
}

func TestJarOfOneSite(t *testing.T) {
	j := newJar()
	u := &url.URL{Scheme: "http", Host: "a.com", Path: "/"}
	j.SetCookies(u, []*http.Cookie{{Name: "first", Value: "1"}, {Name: "large", Value: strings.Repeat("x", maxCookie)}})
	if n := len(j.Cookies(u)); n != 1 {
		t.Errorf("%d cookies, want the small one", n)
	}
	for i := range 1000 {
		j.SetCookies(u, []*http.Cookie{{Name: fmt.Sprint("c", i), Value: "1"}})
	}
	j.SetCookies(u, []*http.Cookie{{Name: "first", Value: "2"}})
	got := j.Cookies(u)
	if len(got) != maxSiteCookies || got[0].Value != "2" {
		t.Errorf("%d cookies, first = %v, want %d and the value 2", len(got), got[0], maxSiteCookies)
	}
}
