package fetch_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
)

func TestPageAndOpen(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "www.example.com" {
			t.Errorf("Host = %q", r.Host)
		}
		io.WriteString(w, r.URL.Path+" "+r.Referer())
	}))
	defer srv.Close()
	c := fetch.New(&fetch.Options{ConnectTo: map[string]string{"www.example.com": srv.Listener.Addr().String()}})
	defer c.Close()
	p, err := c.Page(context.Background(), &trawl.Request{URL: "https://www.example.com/a", Referer: "https://ref/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Body); got != "/a https://ref/" || p.URL != "https://www.example.com/a" || p.Status != 200 {
		t.Errorf("Page() = %q from %s, status %d", got, p.URL, p.Status)
	}
	res, err := c.Open(context.Background(), "https://www.example.com/b", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if string(body) != "/b " || err != nil || res.Length != 3 {
		t.Errorf("Open() = %q, %v, length %d", body, err, res.Length)
	}
}
