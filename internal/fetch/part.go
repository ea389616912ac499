package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
)

// A Part is the beginning of a file, from a response whose body was cut.
type Part struct {
	// URL, Validator and Length are those of the response.
	URL       string
	Validator string
	Length    int64

	// Size is how many bytes of the file there are.
	Size int64
}

// Resume is [Client.Open] for a file of which the beginning is there already.
// It asks for the rest, on condition that the file is still the same, and
// falls back to the whole whenever that is not beyond doubt: Response.Offset
// tells which of both came. Nothing is asked for in part from another URL than
// part's, wherever redirects lead this time, nor if h asks for a Range itself.
// Everything else is as with Open.
//
// We copy part; nil, or one without size or validator, asks for the whole.
func (c *Client) Resume(ctx context.Context, rawURL, referer string, h map[string]string, part *Part) (*Response, error) {
	if part == nil || part.Size <= 0 || part.Validator == "" {
		part = nil
	}
	return c.do(ctx, trawl.KindFile, rawURL, referer, h, part)
}

// minAge is by how much a Last-Modified must be older than its response to
// tell apart any two versions of a file. One second would do if both dates
// came from the same clock, which nobody knows.
const minAge = time.Minute

// validator returns what a later request can ask for the rest of this body
// by: a strong entity tag, or the date of the last change where there is no
// tag at all and the date is a strong validator (RFC 9110, 8.8.2.2 and
// 13.1.5). It is "" for a body that is not the whole file as it is, and if the
// server takes no ranges.
func validator(res *http.Response) string {
	if res.StatusCode != http.StatusOK || contentCoding(res.Header) != "" {
		return ""
	}
	for _, unit := range res.Header["Accept-Ranges"] {
		if strings.EqualFold(strings.TrimSpace(unit), "none") {
			return ""
		}
	}
	if tags, ok := res.Header["Etag"]; ok {
		if len(tags) == 1 && isStrong(tags[0]) {
			return tags[0]
		}
		return ""
	}
	changed := res.Header.Get("Last-Modified")
	at, err := http.ParseTime(changed)
	if err != nil {
		return ""
	}
	now, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil || now.Sub(at) < minAge {
		return ""
	}
	return changed
}

// isStrong reports whether a field value is one strong entity tag.
func isStrong(tag string) bool {
	if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return false
	}
	for _, c := range []byte(tag[1 : len(tag)-1]) {
		if c <= ' ' || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}

// setRange adds the fields that ask for what comes after p.
func (p *Part) setRange(set func(name, value string)) {
	set("Range", "bytes="+strconv.FormatInt(p.Size, 10)+"-")
	set("If-Range", p.Validator)
}

// goesOn checks that res brings what comes after p, of the same file, and
// returns the length of that file. A server that does not know If-Range sends
// a part of whatever it has now, so the validator must be there again.
func (p *Part) goesOn(res *http.Response) (length int64, err error) {
	if res.StatusCode != http.StatusPartialContent {
		return 0, errors.New(statusText(res.StatusCode))
	}
	if coding := contentCoding(res.Header); coding != "" {
		return 0, fmt.Errorf("the rest is compressed with %q", coding)
	}
	field := "Last-Modified"
	if isStrong(p.Validator) {
		field = "Etag"
	}
	if now := res.Header[field]; len(now) != 1 || now[0] != p.Validator {
		return 0, fmt.Errorf("the rest has %s %s, not %s", field, strings.Join(now, ", "), p.Validator)
	}
	ranges := res.Header["Content-Range"]
	if len(ranges) != 1 {
		return 0, fmt.Errorf("206 with %d Content-Range fields", len(ranges))
	}
	r, ok := parseContentRange(ranges[0])
	if !ok {
		return 0, fmt.Errorf("Content-Range %q makes no sense", ranges[0])
	}
	if r.total < 0 {
		r.total = p.Length
	}
	switch {
	case r.first != p.Size:
		return 0, fmt.Errorf("Content-Range %q, but byte %d was asked for", ranges[0], p.Size)
	case r.total <= r.last || p.Length >= 0 && r.total != p.Length:
		return 0, fmt.Errorf("Content-Range %q, but the file had %d bytes", ranges[0], p.Length)
	case res.ContentLength != r.last-r.first+1:
		return 0, fmt.Errorf("Content-Range %q with a body of %d bytes", ranges[0], res.ContentLength)
	}
	return r.total, nil
}

// place completes the response to a request for a file of which there was
// part, nil for nothing.
func (t *trip) place(out *Response, res *http.Response, part *Part) {
	switch {
	case t.ranged && res.StatusCode == http.StatusPartialContent:
		out.Offset, out.Length, out.Validator = part.Size, t.length, part.Validator
		return
	case part == nil:
	case t.whole != nil:
		out.Whole = t.whole
	case t.ranged:
		out.Whole = errors.New("it has changed, or the server sends no parts")
	default:
		out.Whole = errors.New("it came from " + part.URL)
	}
	out.Validator = validator(res)
}

// A contentRange is the value of a Content-Range field; total is -1 if it is
// not known.
type contentRange struct{ first, last, total int64 }

// parseContentRange parses "bytes FIRST-LAST/TOTAL", where TOTAL may be "*"
// (RFC 9110, 14.4). It is false for anything else, other units, empty ranges
// and ranges beyond the total among it.
func parseContentRange(s string) (r contentRange, ok bool) {
	unit, rest, ok := strings.Cut(textproto.TrimString(s), " ")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return r, false
	}
	span, total, ok := strings.Cut(textproto.TrimString(rest), "/")
	if !ok {
		return r, false
	}
	first, last, ok := strings.Cut(span, "-")
	if !ok {
		return r, false
	}
	r.total = -1
	if r.first, ok = parsePosition(first); !ok {
		return r, false
	}
	if r.last, ok = parsePosition(last); !ok || r.last < r.first {
		return r, false
	}
	if total != "*" {
		if r.total, ok = parsePosition(total); !ok || r.total <= r.last {
			return r, false
		}
	}
	return r, true
}

// parsePosition parses digits and nothing else.
func parsePosition(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
