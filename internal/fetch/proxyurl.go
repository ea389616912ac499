package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// ParseProxy reads the address of a proxy: a URL with the scheme http, https,
// socks5 or socks5h, a host, and if need be a port and "user:password@"; or
// "host:port" alone for http. SOCKS proxies look up the names of the sites
// themselves, with both schemes.
//
// The error does not show the password.
func ParseProxy(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, errors.New("empty; must be a URL like http://host:3128 or socks5://user:password@host:1080")
	}
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	_, rest, _ := strings.Cut(s, "://")
	if err != nil || strings.Contains(rest, "@") && strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
		if strings.Contains(rest, "@") {
			return nil, errors.New("malformed; in a name or password write %23 for #, %2F for /, %3A for :, %3F for ?, %40 for @, %25 for %")
		}
		return nil, errors.New("malformed; must be a URL like http://host:3128 or socks5://user:password@host:1080")
	}
	show := u.Scheme + "://" + u.Hostname() // what stands for a port may be a password
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, fmt.Errorf("%q: scheme %q is not http, https or socks5", show, u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%q has no host", show)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%q: its port is not between 1 and 65535", show)
		}
	}
	if strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
		return nil, fmt.Errorf("%q must end after the host and port", show)
	}
	return &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}, nil
}

// EnvironmentProxy returns an Options.Proxy that goes by the variables
// http_proxy, https_proxy, all_proxy and no_proxy, in lower or upper case, as
// wget and curl do. This machine itself is asked directly. getenv is
// os.Getenv.
//
// The error names the variable with a proxy that makes no sense.
func EnvironmentProxy(getenv func(string) string) (func(*http.Request) (*url.URL, error), error) {
	get := func(name string) (value, from string) {
		for _, n := range []string{name, strings.ToUpper(name)} {
			if v := getenv(n); v != "" {
				return v, n
			}
		}
		return "", ""
	}
	proxy := func(name string) (string, error) {
		v, from := get(name)
		if from == "HTTP_PROXY" && getenv("REQUEST_METHOD") != "" {
			v = "" // in a CGI program it may be a header of the request
		}
		if v == "" {
			v, from = get("all_proxy")
		}
		if v == "" {
			return "", nil
		}
		u, err := ParseProxy(v)
		if err != nil {
			return "", fmt.Errorf("environment variable %s: %w", from, err)
		}
		return u.String(), nil
	}
	var (
		c   httpproxy.Config
		err error
	)
	if c.HTTPProxy, err = proxy("http_proxy"); err != nil {
		return nil, err
	}
	if c.HTTPSProxy, err = proxy("https_proxy"); err != nil {
		return nil, err
	}
	c.NoProxy, _ = get("no_proxy")
	choose := c.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }, nil
}

// noProxy returns whether a URL's host is among those that a NO_PROXY names:
// "*", domains, addresses and networks, with or without a port.
func noProxy(list string) func(*url.URL) bool {
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	const any = "http://proxy"
	c := httpproxy.Config{HTTPProxy: any, HTTPSProxy: any, NoProxy: strings.Join(names, ",")}
	choose := c.ProxyFunc()
	return func(u *url.URL) bool {
		host := u.Hostname()
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			// httpproxy never gives these to a proxy. Whoever names one
			// for such a host means it.
			return slices.Contains(names, "*") || slices.Contains(names, host) || slices.Contains(names, u.Host)
		}
		p, err := choose(u)
		return err == nil && p == nil
	}
}
