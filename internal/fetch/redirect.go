package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/trawl-go/trawl"
)

// A trip is a request on its way through redirects.
type trip struct {
	kind    trawl.Kind
	url     *url.URL // where it stands
	referer string
	fields  []field // the user's and the spider's, as long as they may be sent
	past    []string
	cookies bool   // the last answer set cookies
	auth    string // of a login, as sent; see Options.Login
	away    bool   // it was sent to another host

	most   int                  // redirects that are followed
	follow func(*url.URL) error // see WithFollow; nil follows all

	part   *Part // what there is of the file; nil for nothing, or nothing any more
	ranged bool  // the last request asked for what comes after part
	length int64 // of the whole file, if the last answer goes on where part ends
	whole  error // why part is no use
}

// redirectTarget returns the Location of a redirect, "" if res is none.
func redirectTarget(res *http.Response) string {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return strings.TrimSpace(res.Header.Get("Location"))
	}
	return ""
}

// follow moves the trip to where res redirects it.
func (c *Client) follow(t *trip, res *http.Response, location string) error {
	fail := func(at *url.URL, reason Reason, err error) error {
		return &Error{URL: at.String(), Reason: reason, Status: res.StatusCode, Err: t.chained(err)}
	}
	from := t.url
	next, err := from.Parse(location)
	if err != nil {
		return fail(from, Redirect, errors.New("redirected to a malformed URL"))
	}
	if next, err = parseURL(next.String()); err != nil {
		return fail(from, Redirect, fmt.Errorf("redirected: %w", err))
	}
	to := next.String()
	if isLogin(next) && !isLogin(from) {
		return fail(from, Login, fmt.Errorf("redirected to a login page, %s", to))
	}
	t.past = append(t.past, from.String())
	if len(t.past) > t.most {
		return fail(from, Redirect, fmt.Errorf("stopped after %d redirects", t.most))
	}
	for _, seen := range t.past {
		// A page that sets a cookie and asks to come back is no loop yet.
		if seen == to && !t.cookies {
			return fail(from, Redirect, errors.New("redirect loop to "+to))
		}
	}
	if t.follow != nil {
		if err := t.follow(next); err != nil {
			return err
		}
	}
	if !sameHost(from, next) {
		kept := make([]field, 0, 3)
		for _, f := range t.fields {
			if f.harmless() {
				kept = append(kept, f)
			}
		}
		t.fields, t.auth, t.away = kept, "", true
	}
	if next.Scheme == "http" && (from.Scheme == "https" || strings.HasPrefix(t.referer, "https:")) {
		t.referer = ""
	}
	t.url, t.cookies = next, false
	return nil
}

// chained adds the way so far to err.
func (t *trip) chained(err error) error {
	if len(t.past) == 0 {
		return err
	}
	return fmt.Errorf("%w (redirected: %s)", err, strings.Join(t.past, " → "))
}

// sameHost reports whether what was meant for the host of one URL may be
// sent to another: same name and port, or from http to https on the usual
// ports.
func sameHost(from, to *url.URL) bool {
	fromHost, fromPort := splitPort(from)
	toHost, toPort := splitPort(to)
	if fromHost != toHost {
		return false
	}
	if from.Scheme == to.Scheme {
		return fromPort == toPort
	}
	return from.Scheme == "http" && fromPort == "80" && toPort == "443"
}

// isLogin reports whether a URL looks like a login wall. Only redirects to
// it from elsewhere count, so a wrong guess costs one page.
func isLogin(u *url.URL) bool {
	host := u.Hostname()
	if host == "sec.douban.com" {
		return true
	}
	label, _, _ := strings.Cut(host, ".")
	switch label {
	case "passport", "login", "signin", "sso":
		return true
	}
	p := strings.ToLower(strings.TrimSuffix(u.Path, "/"))
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return isLoginWord(first) || isLoginWord(path.Base(p))
}

func isLoginWord(s string) bool {
	switch strings.TrimSuffix(s, path.Ext(s)) {
	case "login", "log-in", "log_in", "logon", "signin", "sign-in", "sign_in", "wp-login":
		return true
	}
	return false
}
