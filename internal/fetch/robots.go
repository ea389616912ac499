package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/trawl-go/trawl"
)

// maxRobotsRedirects bounds the redirects of a robots.txt.
const maxRobotsRedirects = 5

// Robots fetches the robots.txt of an origin, "https://example.com", and
// returns up to limit bytes of it; what comes after them is not read. Of
// headers only those of the options go with it.
//
// It is empty, and no error, if the origin has none to show: any 4xx but 429,
// a redirect that leads nowhere or to a login. Then everything is allowed. An
// error means that what it says is not known.
func (c *Client) Robots(ctx context.Context, origin string, limit int64) ([]byte, error) {
	u, err := parseURL(origin + "/robots.txt")
	if err == nil {
		err = c.err
	}
	if err != nil {
		return nil, &Error{URL: withoutUser(origin), Reason: BadRequest, Err: err}
	}
	t := trip{kind: trawl.KindPage, url: u, fields: c.headers, most: min(c.opts.MaxRedirects, maxRobotsRedirects)}
	res, err := c.travel(ctx, &t)
	if noRobots(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, limit))
}

// noRobots reports whether err says that there is no robots.txt.
func noRobots(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Reason {
	case Redirect, Login:
		return true
	case Auth, HTTP:
		return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests &&
			e.Status != http.StatusProxyAuthRequired
	}
	return false
}

// UserAgent returns the User-Agent that is sent unless a request has its own.
func (c *Client) UserAgent() string { return c.opts.UserAgent }

type followKey struct{}

// WithFollow returns a context for [Client.Page] and [Client.Open] with which
// follow is called, in the caller's goroutine, before each redirect is
// followed. Its error ends the request, as it is.
func WithFollow(ctx context.Context, follow func(*url.URL) error) context.Context {
	return context.WithValue(ctx, followKey{}, follow)
}

func followOf(ctx context.Context) func(*url.URL) error {
	follow, _ := ctx.Value(followKey{}).(func(*url.URL) error)
	return follow
}
