package replica_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

// doc is a parsed page and its URL.
type doc struct {
	t    testing.TB
	url  *url.URL
	node *html.Node
}

func parse(t testing.TB, rawURL string, body []byte) doc {
	t.Helper()
	n, err := html.ParseWithOptions(bytes.NewReader(body), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Fatalf("parse %s: %v", rawURL, err)
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return doc{t, u, n}
}

// page fetches and parses a page that has to be there.
func page(t testing.TB, c *http.Client, rawURL string) doc {
	t.Helper()
	resp, body := get(t, c, rawURL)
	if resp.StatusCode != 200 {
		t.Fatalf("GET %s = %s", rawURL, resp.Status)
	}
	return parse(t, rawURL, body)
}

func (d doc) all(selector string) []doc { return d.under(d.node, selector) }

func (d doc) under(n *html.Node, selector string) []doc {
	d.t.Helper()
	sel, err := cascadia.ParseGroup(selector)
	if err != nil {
		d.t.Fatal(err)
	}
	var out []doc
	for _, m := range cascadia.QueryAll(n, sel) {
		out = append(out, doc{d.t, d.url, m})
	}
	return out
}

// one is the first match; a match there has to be.
func (d doc) one(selector string) doc {
	d.t.Helper()
	m := d.all(selector)
	if len(m) == 0 {
		d.t.Fatalf("%s: no %s", d.url, selector)
	}
	return m[0]
}

// text is the text of the first match, trimmed; "" without a match.
func (d doc) text(selector string) string {
	d.t.Helper()
	m := d.all(selector)
	if len(m) == 0 {
		return ""
	}
	return m[0].inner()
}

func (d doc) inner() string {
	var b strings.Builder
	for n := range d.node.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return strings.Trim(b.String(), " \t\r\n")
}

func (d doc) texts(selector string) []string {
	d.t.Helper()
	var out []string
	for _, m := range d.all(selector) {
		out = append(out, m.inner())
	}
	return out
}

func (d doc) has(name string) bool {
	for _, a := range d.node.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func (d doc) attr(name string) string {
	for _, a := range d.node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// link is an attribute as an absolute URL.
func (d doc) link(name string) string {
	d.t.Helper()
	return d.resolve(d.attr(name))
}

func (d doc) resolve(ref string) string {
	d.t.Helper()
	u, err := d.url.Parse(strings.TrimSpace(ref))
	if err != nil {
		d.t.Fatalf("%s: %v", d.url, err)
	}
	return u.String()
}
