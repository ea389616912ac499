// Package cookies reads the cookies that a user has: from a file in the format
// of Netscape's cookies.txt, with [Parse], or from a browser on this machine,
// with [FromBrowser].
//
// Errors and mistakes say where they are and never what is there: values of
// cookies are passwords. Nothing is written back, neither to the file nor to
// the browser.
//
// The functions are safe for concurrent use.
package cookies

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// A Cookie is one cookie, with whom it may be sent to.
type Cookie struct {
	Host       string // in lower case and ASCII, without a dot before it
	Subdomains bool   // also to the hosts below Host
	Path       string // to URLs with this path and those below it
	Secure     bool   // over https only
	HTTPOnly   bool
	Expires    time.Time // zero: never

	Name, Value string
}

// HTTP returns the cookie as net/http has it, and a URL that may set it.
func (c *Cookie) HTTP() (*url.URL, *http.Cookie) {
	h := &http.Cookie{
		Name: c.Name, Value: c.Value, Path: c.Path,
		Secure: c.Secure, HttpOnly: c.HTTPOnly, Expires: c.Expires,
	}
	if c.Subdomains {
		h.Domain = c.Host
	}
	host := c.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return &url.URL{Scheme: "https", Host: host, Path: c.Path}, h
}

// A Set is the cookies that were read, and what became of the others.
type Set struct {
	// Source says where they are from: a file, or a browser and its profile.
	Source string

	Cookies []Cookie

	// Expired, Sealed and Apart count those that were left out: out of date;
	// encrypted with a key that we do not have; of a container or partition
	// of the browser, which the sites themselves do not see together.
	Expired, Sealed, Apart int

	// Mistakes are what was left out because it makes no sense.
	Mistakes []Mistake
}

// A Mistake is a line of a file that is no cookie; of a browser, Line is 0.
type Mistake struct {
	Line int
	Msg  string
}

// add takes a cookie, unless it has expired or cannot be sent.
func (s *Set) add(line int, c Cookie, now time.Time) {
	host, sub := strings.CutPrefix(c.Host, ".")
	c.Subdomains = c.Subdomains || sub
	err := check(&c)
	if err == nil {
		c.Host, err = cleanHost(host)
	}
	switch {
	case err != nil:
		s.Mistakes = append(s.Mistakes, Mistake{line, err.Error()})
	case !c.Expires.IsZero() && !c.Expires.After(now):
		s.Expired++
	default:
		s.Cookies = append(s.Cookies, c)
	}
}

// cleanHost returns a host as it stands in a canonical URL, without its port.
func cleanHost(host string) (string, error) {
	notHost := errors.New("the domain is not a host's name")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String(), nil // IPv6 too, without brackets
	}
	u, err := url.Parse("//" + host)
	if err != nil || u.Host != host {
		return "", notHost
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return a.String(), nil
	}
	host = strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", notHost
		}
	}
	if host == "" || strings.HasPrefix(host, ".") || strings.ContainsAny(host, " \t/\\,;:%") {
		return "", notHost
	}
	return host, nil
}

// check reports what keeps a cookie from being sent.
func check(c *Cookie) error {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == ';' }
	switch {
	case c.Name == "":
		return errors.New("the cookie has no name")
	case strings.ContainsFunc(c.Name, bad) || strings.ContainsAny(c.Name, "= "):
		return errors.New("the cookie's name has characters that cannot be sent")
	case strings.ContainsFunc(c.Value, bad):
		return fmt.Errorf("the value of %s has characters that cannot be sent", c.Name)
	case !strings.HasPrefix(c.Path, "/"):
		return fmt.Errorf("the path of %s does not begin with '/'", c.Name)
	}
	return nil
}

// expiry turns a time since 1970 into a time: in seconds, or, since nothing
// expires in the year 5138, in milliseconds or microseconds. Zero or less
// means that the cookie ends with the session, which for us is never.
func expiry(n float64) time.Time {
	const most = 1e11
	for n > most {
		n /= 1000
	}
	if n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n * 1000)).UTC()
}
