package fetch

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestJarIsBounded(t *testing.T) {
	j := NewJar()
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
	j := NewJar()
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

// What the user gives is bounded by nothing and outlives everything, and what
// the site sets beside it is kept as ever.
func TestJarGive(t *testing.T) {
	j := NewJar()
	j.limit = 10 * (cookieOverhead + 2)
	u := &url.URL{Scheme: "https", Host: "www.home.co.uk", Path: "/"}
	var own []*http.Cookie
	for i := range 2 * maxSiteCookies {
		own = append(own, &http.Cookie{Name: fmt.Sprint("own", i), Value: strings.Repeat("x", 2*maxCookie), Domain: "home.co.uk"})
	}
	j.Give(u, own)
	for i := range 100 {
		j.SetCookies(&url.URL{Scheme: "http", Host: fmt.Sprintf("site%d.com", i), Path: "/"}, []*http.Cookie{{Name: "a", Value: "1"}})
	}
	j.SetCookies(u, []*http.Cookie{{Name: "theirs", Value: "1"}, {Name: "own0", Value: "changed", Domain: "home.co.uk"}})
	got := j.Cookies(u)
	if len(got) != len(own)+1 {
		t.Errorf("%d cookies, want %d", len(got), len(own)+1)
	}
	for _, c := range got {
		if c.Name == "own0" && c.Value != "changed" {
			t.Error("the site cannot change a cookie that it was given")
		}
	}
	if n := len(j.Cookies(&url.URL{Scheme: "https", Host: "img.home.co.uk", Path: "/"})); n != len(own) {
		t.Errorf("%d cookies for another host of the site, want %d", n, len(own))
	}
	if n := len(j.sites); n > 11 {
		t.Errorf("%d sites, want at most 11", n)
	}
}
