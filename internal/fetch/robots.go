package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/trawl-go/trawl"
)

// maxRobotsRedirects bounds the redirects of a robots.txt.
const maxRobotsRedirects = 5

// Robots fetches the robots.txt of an origin, "https://example.com", and
// returns up to limit bytes of it; what comes after them is not read. None of
// the headers of a request goes with it but those of the options.
//
// It is empty, and no error, if the origin has none to show: any 4xx but 429,
// a redirect that leads nowhere or to a login. Then everything is allowed. An
// error means that what it says is not known.
func (c *Client) Robots(ctx context.Context, origin string, limit int64) ([]byte, error) {
	res, err := c.do(ctx, trawl.KindPage, origin+"/robots.txt", "", nil, nil)
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
