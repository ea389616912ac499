package fetch

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// login gives the trip the login for the host that answered 401, and reports
// whether it is worth asking again. It is once at most, only while the trip
// has not been sent to another host, and not if the caller has chosen what to
// send.
func (c *Client) login(t *trip, res *http.Response) bool {
	if res.StatusCode != http.StatusUnauthorized || c.opts.Login == nil || t.away || t.auth != "" || !wantsBasic(res.Header) {
		return false
	}
	if t.authorized() {
		return false
	}
	user, password, ok := c.opts.Login(t.url.Host)
	if !ok {
		return false
	}
	t.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	// The next requests to it need not be refused first.
	c.logins.Store(origin(t), t.auth)
	return true
}

// known returns what the host of a trip wanted to see earlier.
func (c *Client) known(t *trip) string {
	if t.authorized() {
		return ""
	}
	if auth, ok := c.logins.Load(origin(t)); ok {
		return auth.(string)
	}
	return ""
}

// authorized reports whether the caller has chosen what to send.
func (t *trip) authorized() bool {
	return slices.ContainsFunc(t.fields, func(f field) bool { return f.name == "Authorization" })
}

// origin is what a login is remembered for.
func origin(t *trip) string { return t.url.Scheme + "://" + t.url.Host }

// wantsBasic reports whether a host that answered 401 takes a name and a
// password.
func wantsBasic(h http.Header) bool {
	for _, v := range h.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(v, ",") {
			scheme, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if strings.EqualFold(scheme, "Basic") {
				return true
			}
		}
	}
	return false
}
