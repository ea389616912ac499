package fetch_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/fetch"
)

// private answers 401 with a challenge, and to the right login with ok.
func private(challenge string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user == "me" && password == "s3cret:中" {
			io.WriteString(w, "ok")
			return
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "who are you?")
	}
}

func TestLogin(t *testing.T) {
	login := func(host string) (string, string, bool) {
		switch host {
		case "a.example.com", "b.example.com:8080":
			return "me", "s3cret:中", true
		case "old.example.com":
			return "me", "forgotten", true
		}
		return "", "", false
	}
	basic := private(`Basic realm="x"`)
	pages := map[string]http.HandlerFunc{
		"a.example.com/":         basic,
		"a.example.com/inside":   redirect("/"),
		"a.example.com/away":     redirect("http://b.example.com:8080/"),
		"a.example.com/and-back": redirect("http://www.example.com/to-a"),
		"b.example.com:8080/":    private(`Digest realm="a, b", nonce="x", basic realm="y"`),
		"old.example.com/":       basic,
		"digest.example.com/":    private(`Digest realm="Basic"`),
		"www.example.com/":       basic,
		"www.example.com/to-a":   redirect("http://a.example.com/"),
		"www.example.com/free":   text("ok"),
		"a.example.com/free":     text("ok"),
	}
	for _, tt := range []struct {
		name    string
		urls    []string
		headers map[string]string
		auth    []bool // whether each request had a login
		msg     string // of the error of the last; "" for none
	}{
		{"asked, and then known", []string{"a.example.com/", "a.example.com/", "a.example.com/free"}, nil, []bool{false, true, true, true}, ""},
		{"not asked for", []string{"a.example.com/free"}, nil, []bool{false}, ""},
		{"several challenges, a port", []string{"b.example.com:8080/"}, nil, []bool{false, true}, ""},
		{"a redirect on the host", []string{"a.example.com/", "a.example.com/inside"}, nil, []bool{false, true, true, true}, ""},
		{"a redirect to another host", []string{"b.example.com:8080/", "a.example.com/", "a.example.com/away"}, nil,
			[]bool{false, true, false, true, true, false}, "401 Unauthorized"},
		{"a redirect from another host", []string{"www.example.com/to-a"}, nil, []bool{false, false}, "401 Unauthorized"},
		{"away and back", []string{"a.example.com/", "a.example.com/and-back"}, nil, []bool{false, true, true, false, false}, "401 Unauthorized"},
		{"no login for the host", []string{"www.example.com/"}, nil, []bool{false}, "401 Unauthorized"},
		{"the wrong login", []string{"old.example.com/", "old.example.com/"}, nil, []bool{false, true, true}, "401 Unauthorized: the login for it was refused"},
		{"another scheme", []string{"digest.example.com/"}, nil, []bool{false}, "401 Unauthorized"},
		{"one's own header", []string{"a.example.com/"}, map[string]string{"Authorization": "Bearer x"}, []bool{true}, "401 Unauthorized"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, pages)
			c := w.client(t, fetch.Options{Login: login}, "a.example.com", "b.example.com", "old.example.com", "digest.example.com", "www.example.com")
			var err error
			for _, u := range tt.urls {
				_, err = get(c, "http://"+u, tt.headers)
			}
			if tt.msg == "" && err != nil || tt.msg != "" && (fetch.ReasonOf(err) != fetch.Auth || !strings.Contains(err.Error(), tt.msg)) {
				t.Errorf("Page() = %v, want %q", err, tt.msg)
			}
			if err != nil && strings.Contains(err.Error(), "forgotten") {
				t.Errorf("%v shows the password", err)
			}
			var auth []bool
			for _, r := range w.requests() {
				auth = append(auth, r.Header.Get("Authorization") != "")
			}
			if !slices.Equal(auth, tt.auth) {
				t.Errorf("requests with a login: %v, want %v", auth, tt.auth)
			}
		})
	}
}
