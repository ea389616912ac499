package fetch

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
)

// maxRetryAfter bounds what a server can ask for: one that says "in a year"
// is not what stops a job.
const maxRetryAfter = time.Hour

// statusError returns what is wrong with the status of res, nil for nothing.
func statusError(t *trip, res *http.Response) error {
	e := &Error{URL: t.url.String(), Status: res.StatusCode, Reason: HTTP}
	switch code := res.StatusCode; {
	case code == http.StatusNotModified && conditional(t.fields):
		return nil
	case code == http.StatusPartialContent && t.ranged: // goesOn has looked at it
		return nil
	case code == http.StatusPartialContent && !partial(t.fields):
		e.Err = errors.New("206 Partial Content, but the whole was asked for")
	case (code == http.StatusNoContent || code == http.StatusResetContent) && t.kind == trawl.KindFile:
		e.Reason = Type
		e.Err = errors.New(statusText(code) + ", but a file was asked for")
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusProxyAuthRequired:
		e.Reason = Auth
		if t.auth != "" && code == http.StatusUnauthorized {
			e.Err = errors.New(statusText(code) + ": the login for it was refused")
		}
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		e.RetryAfter = retryAfter(res.Header, time.Now())
	}
	if len(t.past) > 0 {
		if e.Err == nil {
			e.Err = errors.New(statusText(res.StatusCode))
		}
		e.Err = t.chained(e.Err)
	}
	return e
}

// retryAfter reads Retry-After, as seconds or as a date, within
// 0..maxRetryAfter. A date is taken relative to the server's own clock if it
// tells it.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if s == "" {
		return 0
	}
	if strings.Trim(s, "0123456789") == "" {
		n, err := strconv.Atoi(s)
		if err != nil || n > int(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
