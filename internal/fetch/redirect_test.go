package fetch_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
)

func TestRedirects(t *testing.T) {
	pages := map[string]http.HandlerFunc{
		"a.com/end":       text("end"),
		"b.com/end":       text("end of b"),
		"a.com/1":         redirect("/2"),
		"a.com/2":         redirect("end"),
		"a.com/other":     redirect("//b.com/end"),
		"a.com/secure":    redirect("https://a.com/end"),
		"a.com/fragment":  redirect("/end#top"),
		"a.com/spaces":    redirect("  /end?q=中 文  "),
		"a.com/loop":      redirect("/pool"),
		"a.com/pool":      redirect("/loop"),
		"a.com/self":      redirect("/self"),
		"a.com/ftp":       redirect("ftp://a.com/x"),
		"a.com/script":    redirect("javascript:alert(1)"),
		"a.com/local":     redirect("file:///etc/passwd"),
		"a.com/malformed": redirect("http://[::1"),
		"a.com/none":      redirect(""),
		"a.com/broken":    redirect("/missing"),
		"a.com/wall": func(w http.ResponseWriter, r *http.Request) {
			// A first visit gets a cookie and is sent back to itself.
			if _, err := r.Cookie("seen"); err == nil {
				fmt.Fprint(w, "let in")
				return
			}
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
			redirect("/wall")(w, r)
		},
	}
	for i := range 12 {
		pages[fmt.Sprintf("a.com/chain%d", i)] = redirect(fmt.Sprintf("/chain%d", i+1))
	}
	pages["a.com/chain10"] = text("far")
	w := newWorld(t, pages)
	for _, tt := range []struct {
		path, url, body string
		reason          fetch.Reason
		status          int
		msg             string
	}{
		{path: "/1", url: "http://a.com/end", body: "end"},
		{path: "/other", url: "http://b.com/end", body: "end of b"},
		{path: "/secure", url: "https://a.com/end", body: "end"},
		{path: "/fragment", url: "http://a.com/end", body: "end"},
		{path: "/spaces", url: "http://a.com/end?q=%E4%B8%AD%20%E6%96%87", body: "end"},
		{path: "/wall", url: "http://a.com/wall", body: "let in"},
		{path: "/chain0", url: "http://a.com/chain10", body: "far"},
		{path: "/loop", reason: fetch.Redirect, status: 302, msg: "fetch http://a.com/pool: redirect loop to http://a.com/loop (redirected: http://a.com/loop → http://a.com/pool)"},
		{path: "/self", reason: fetch.Redirect, status: 302, msg: "loop"},
		{path: "/ftp", reason: fetch.Redirect, status: 302, msg: `"ftp" is not http or https`},
		{path: "/script", reason: fetch.Redirect, status: 302, msg: `"javascript" is not http or https`},
		{path: "/local", reason: fetch.Redirect, status: 302, msg: `"file" is not http or https`},
		{path: "/malformed", reason: fetch.Redirect, status: 302, msg: "malformed"},
		{path: "/none", reason: fetch.HTTP, status: 302, msg: "302 Found"},
		{path: "/broken", reason: fetch.HTTP, status: 404, msg: "fetch http://a.com/missing: 404 Not Found (redirected: http://a.com/broken)"},
	} {
		t.Run(tt.path[1:], func(t *testing.T) {
			c := w.client(t, fetch.Options{}, "a.com", "b.com")
			p, err := get(c, "http://a.com"+tt.path, nil)
			if tt.reason != "" {
				e := check(t, "Page()", err, tt.reason, tt.status)
				if !strings.Contains(e.Error(), tt.msg) {
					t.Errorf("error = %q, want %q in it", err, tt.msg)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.URL != tt.url || string(p.Body) != tt.body {
				t.Errorf("Page() = %q from %s, want %q from %s", p.Body, p.URL, tt.body, tt.url)
			}
		})
	}
	t.Run("one too many", func(t *testing.T) {
		c := w.client(t, fetch.Options{MaxRedirects: 9}, "a.com")
		_, err := get(c, "http://a.com/chain0", nil)
		check(t, "Page()", err, fetch.Redirect, 302)
	})
	t.Run("none wanted", func(t *testing.T) {
		c := w.client(t, fetch.Options{MaxRedirects: -1}, "a.com")
		_, err := get(c, "http://a.com/1", nil)
		check(t, "Page()", err, fetch.Redirect, 302)
	})
	t.Run("one connection", func(t *testing.T) {
		before := w.conns.Load()
		c := w.client(t, fetch.Options{}, "a.com")
		for _, path := range []string{"/chain0", "/1", "/broken", "/loop"} {
			get(c, "http://a.com"+path, nil)
		}
		if n := w.conns.Load() - before; n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
	})
}

func TestLoginWalls(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		wall     bool
	}{
		{"http://movie.douban.com/top250", "https://sec.douban.com/b?r=https%3A%2F%2Fmovie.douban.com%2Ftop250", true},
		{"http://movie.douban.com/top250", "https://sec.douban.com/c?r=x", true},
		{"http://movie.douban.com/top250", "https://accounts.douban.com/passport/login?source=movie", true},
		{"http://a.com/1", "http://a.com/login", true},
		{"http://a.com/1", "http://a.com/login/?next=/1", true},
		{"http://a.com/1", "http://a.com/users/sign_in", true},
		{"http://a.com/1", "http://a.com/wp-login.php?redirect_to=x", true},
		{"http://a.com/1", "http://a.com/SignIn.aspx", true},
		{"http://a.com/1", "https://passport.b.com/x", true},
		{"http://a.com/login", "http://a.com/login/", false}, // it was asked for
		{"http://a.com/1", "http://a.com/blog/login-tips", false},
		{"http://a.com/1", "http://a.com/blogin", false},
		{"http://a.com/1", "http://a.com/2?from=login", false},
		{"http://a.com/1", "http://loginov.com/", false},
		{"http://a.com/1", "http://a.com/", false},
	} {
		t.Run(tt.to, func(t *testing.T) {
			c := fetch.New(&fetch.Options{Transport: fake(func(r *http.Request) (*http.Response, error) {
				res := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
				if r.URL.String() == tt.from {
					res.StatusCode = 302
					res.Header.Set("Location", tt.to)
				}
				return res, nil
			})})
			p, err := get(c, tt.from, nil)
			if tt.wall {
				check(t, "Page()", err, fetch.Login, 302)
			} else if err != nil || p.URL != tt.to {
				t.Errorf("Page() = %v, %v", p, err)
			}
		})
	}
}

// What is meant for one host is not told to another.
func TestRedirectKeepsSecrets(t *testing.T) {
	secrets := map[string]string{
		"Cookie": "mine=1", "Authorization": "Basic c2VjcmV0", "X-Api-Key": "secret",
		"Accept-Language": "zh", "User-Agent": "me",
	}
	const kept, dropped = true, false
	for _, tt := range []struct {
		name    string
		chain   []string
		secrets bool // at the end of the chain
		referer bool
	}{
		{"same host", []string{"http://a.com/1", "http://a.com/2"}, kept, kept},
		{"upgrade", []string{"http://a.com/1", "https://a.com/2"}, kept, kept},
		{"other host", []string{"http://a.com/1", "http://b.com/2"}, dropped, kept},
		{"subdomain", []string{"http://a.com/1", "http://www.a.com/2"}, dropped, kept},
		{"parent", []string{"http://www.a.com/1", "http://a.com/2"}, dropped, kept},
		{"suffix", []string{"http://a.com/1", "http://evila.com/2"}, dropped, kept},
		{"other port", []string{"http://a.com/1", "http://a.com:8080/2"}, dropped, kept},
		{"upgrade to another port", []string{"http://a.com/1", "https://a.com:8443/2"}, dropped, kept},
		{"downgrade", []string{"https://a.com/1", "http://a.com/2"}, dropped, dropped},
		{"there and back", []string{"http://a.com/1", "http://b.com/2", "http://a.com/3"}, dropped, kept},
		{"down and up", []string{"https://a.com/1", "http://a.com/2", "https://a.com/3"}, dropped, dropped},
	} {
		for _, by := range []string{"user", "spider"} {
			t.Run(tt.name+" by "+by, func(t *testing.T) {
				var last *http.Request
				opts := fetch.Options{Transport: fake(func(r *http.Request) (*http.Response, error) {
					last = r
					res := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
					for i, u := range tt.chain[:len(tt.chain)-1] {
						if u == r.URL.String() {
							res.StatusCode = 301
							res.Header.Set("Location", tt.chain[i+1])
						}
					}
					return res, nil
				})}
				h := secrets
				if by == "user" {
					opts.Headers, h = secrets, nil
				}
				c := fetch.New(&opts)
				_, err := c.Page(context.Background(), &trawl.Request{URL: tt.chain[0], Referer: "http://ref.com/page"}, h)
				if err != nil {
					t.Fatal(err)
				}
				if got := last.URL.String(); got != tt.chain[len(tt.chain)-1] {
					t.Fatalf("ended at %s", got)
				}
				for name, value := range secrets {
					want := value
					if !tt.secrets && name != "Accept-Language" && name != "User-Agent" {
						want = ""
					}
					if got := last.Header.Get(name); got != want {
						if name == "User-Agent" && got == fetch.DefaultUserAgent {
							continue
						}
						t.Errorf("%s = %q, want %q", name, got, want)
					}
				}
				if got := last.Header.Get("Referer"); (got != "") != tt.referer {
					t.Errorf("Referer = %q, want it kept: %v", got, tt.referer)
				}
			})
		}
	}
}
