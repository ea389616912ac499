package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Reason says in one constant word why a request failed. Exit statuses,
// summaries and retries group by it, and it is kept in the job's store.
type Reason string

// Reasons. This package uses those up to Size; the others belong to what
// happens to a response later, and stand here so that there is one list.
const (
	BadRequest Reason = "request"  // the URL or a header is malformed; nothing was sent
	Network    Reason = "network"  // no such host, refused, reset, timed out, too slow
	TLS        Reason = "tls"      // no trustworthy encrypted connection
	Private    Reason = "private"  // at a private address that was not asked for
	Auth       Reason = "auth"     // 401 or 407
	HTTP       Reason = "http"     // another status that is not a success
	Login      Reason = "login"    // redirected to a login wall
	Redirect   Reason = "redirect" // a loop, too many, or not to http or https
	Cut        Reason = "cut"      // the body is shorter than announced, or damaged
	Type       Reason = "type"     // not what was wanted, such as HTML for a picture
	Size       Reason = "size"     // over a limit

	Disk   Reason = "disk"   // the file could not be written
	Parse  Reason = "parse"  // the page could not be read as a document
	Spider Reason = "spider" // the spider failed on the page

	// What became of the worker process that parsed the page.
	Crash    Reason = "crash"    // it died
	Memory   Reason = "memory"   // it needed more than it may
	Deadline Reason = "deadline" // it took longer than it may
)

// An Error is a request that failed.
type Error struct {
	// URL is the one that failed, after redirects, without user information.
	URL    string
	Reason Reason

	// Status is the HTTP status, 0 if none was received.
	Status int

	// RetryAfter is how long a 429 or 503 asked us to stay away, at most one
	// hour; 0 if it did not say.
	RetryAfter time.Duration

	// Err is the cause; nil if Status says it all.
	Err error
}

// Error returns "fetch URL: what happened".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("fetch ")
	b.WriteString(e.URL)
	b.WriteString(": ")
	switch {
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	case e.Status != 0:
		b.WriteString(statusText(e.Status))
	default:
		b.WriteString(string(e.Reason))
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may well succeed later: the
// network, a body that was cut, a server that was busy or broken.
func (e *Error) Temporary() bool {
	switch e.Reason {
	case Network:
		var dns *net.DNSError
		return !errors.As(e.Err, &dns) || !dns.IsNotFound
	case Cut:
		return true
	case HTTP:
		switch e.Status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return true
		case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
			return false
		}
		return e.Status >= 500
	}
	return false
}

// ReasonOf returns the reason of the first [*Error] in err's chain, and ""
// if there is none.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func statusText(code int) string {
	if t := http.StatusText(code); t != "" {
		return fmt.Sprintf("%d %s", code, t)
	}
	return fmt.Sprintf("status %d", code)
}
