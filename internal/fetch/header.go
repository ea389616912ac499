package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/trawl-go/trawl"
	"golang.org/x/net/http/httpguts"
)

// A field is one field of a request's header, its name in canonical form.
type field struct{ name, value string }

// checkHeaders returns base with the fields of h, which win.
func checkHeaders(base []field, h map[string]string) ([]field, error) {
	if len(h) == 0 {
		return base, nil
	}
	out := make([]field, 0, len(base)+len(h))
	for name, value := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("header %q: not a valid name", name)
		}
		// The value may be a secret: do not show it.
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("header %q: value has characters that cannot be sent", name)
		}
		switch name = http.CanonicalHeaderKey(name); name {
		case "Accept-Encoding", "Connection", "Content-Length", "Keep-Alive", "Te",
			"Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection":
			continue // ours, since we must be able to read the answer
		}
		out = append(out, field{name, value})
	}
	own := len(out)
next:
	for _, f := range base {
		for _, o := range out[:own] {
			if o.name == f.name {
				continue next
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// harmless reports whether a field that was meant for one host may be shown
// to another: it says nothing of who asks, and dropping it would change what
// comes back.
func (f field) harmless() bool {
	return f.name == "User-Agent" || f.name == "Accept" || f.name == "Accept-Language"
}

// conditional reports whether fields ask for a body only under a condition.
func conditional(fields []field) bool {
	for _, f := range fields {
		if f.name == "If-None-Match" || f.name == "If-Modified-Since" {
			return true
		}
	}
	return false
}

// partial reports whether fields ask for a part of a body.
func partial(fields []field) bool {
	for _, f := range fields {
		if f.name == "Range" {
			return true
		}
	}
	return false
}

// request returns the request for where the trip stands.
func (c *Client) request(ctx context.Context, t *trip) *http.Request {
	h := make(http.Header, 8+len(t.fields))
	req := &http.Request{
		Method:     http.MethodGet,
		URL:        t.url,
		Host:       t.url.Host,
		Header:     h,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
	}
	// One array for the values: set appends to it, Header keeps slices of it.
	values := make([]string, 0, 10+len(t.fields))
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("User-Agent", c.opts.UserAgent)
	if t.kind == trawl.KindPage {
		set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
		set("Accept-Encoding", "gzip, deflate")
	} else {
		set("Accept", "*/*")
		set("Accept-Encoding", "identity")
	}
	if t.referer != "" {
		set("Referer", t.referer)
	}
	t.ranged = t.part != nil && !partial(t.fields) && t.url.String() == t.part.URL
	if t.ranged {
		t.part.setRange(set)
	}
	for _, f := range t.fields {
		if f.name == "Host" {
			req.Host = f.value
			continue
		}
		if f.value == "" && f.name != "User-Agent" { // net/http has one of its own
			delete(h, f.name)
			continue
		}
		set(f.name, f.value)
	}
	if t.auth != "" {
		set("Authorization", t.auth)
	}
	if cookies := c.jar.Cookies(t.url); len(cookies) > 0 {
		set("Cookie", joinCookies(h.Get("Cookie"), cookies))
	}
	if addr, ok := connectTo(c.connect, t.url); ok {
		mapped := *t.url
		mapped.Scheme, mapped.Host = "http", addr
		req.URL, ctx = &mapped, withMapped(ctx)
	}
	return req.WithContext(ctx)
}

// joinCookies adds cookies to the value of a Cookie field. Their values go as
// they are, as browsers do it; AddCookie would leave out quotation marks and
// all that is not ASCII, and with that make another value of it.
func joinCookies(value string, cookies []*http.Cookie) string {
	var b strings.Builder
	b.WriteString(value)
	for _, c := range cookies {
		if !httpguts.ValidHeaderFieldValue(c.Value) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(c.Name)
		b.WriteByte('=')
		if c.Quoted {
			b.WriteString(`"` + c.Value + `"`)
		} else {
			b.WriteString(c.Value)
		}
	}
	return b.String()
}

// connectKey returns a key of Options.ConnectTo in the form in which hosts
// stand in a parsed URL.
func connectKey(host string) string {
	if u, err := trawl.ParseURL("http://" + host + "/"); err == nil {
		if u.Port() == "" && strings.HasSuffix(host, ":80") {
			return u.Host + ":80"
		}
		return u.Host
	}
	return strings.ToLower(host)
}

// connectTo returns where requests to u's host are sent instead.
func connectTo(m map[string]string, u *url.URL) (addr string, ok bool) {
	if len(m) == 0 {
		return "", false
	}
	host, port := splitPort(u)
	if addr, ok = m[host+":"+port]; ok {
		return addr, true
	}
	addr, ok = m[host]
	return addr, ok
}

// splitPort returns u's host as it stands in the URL, an IPv6 address in
// brackets, and its port, that of the scheme if it names none.
func splitPort(u *url.URL) (host, port string) {
	if port = u.Port(); port != "" {
		return strings.TrimSuffix(u.Host, ":"+port), port
	}
	if u.Scheme == "https" {
		return u.Host, "443"
	}
	return u.Host, "80"
}

// cleanReferer returns a referer without user information and fragment,
// which must not be sent.
func cleanReferer(s string) string {
	if !strings.ContainsAny(s, "@#") {
		return s
	}
	s, _, _ = strings.Cut(s, "#")
	return withoutUser(s)
}
