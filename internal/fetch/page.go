package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// headBytes is what is kept of a body that is too large for a page and is
// none.
const headBytes = 4 << 10

var errTooLarge = errors.New("too large")

// readPage reads a page. What is larger than limit bytes, if that is not 0, is
// an error, unless its type says that it is no page at all: of that it returns
// the beginning, by which to see what it is.
func readPage(res *Response, limit int64) ([]byte, error) {
	binary := isBinary(res.Header.Get("Content-Type"))
	most := limit
	if limit > 0 && res.Length > limit {
		if !binary {
			return nil, tooLarge(res, limit) // the claim is enough
		}
		most = min(limit, headBytes)
	}
	body, err := readAll(res, most)
	switch {
	case !errors.Is(err, errTooLarge):
		return body, err
	case binary:
		return bytes.Clone(body[:min(len(body), headBytes)]), nil
	}
	return nil, tooLarge(res, limit)
}

// isBinary reports whether a media type is not one of text, markup or data.
func isBinary(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	top, sub, _ := strings.Cut(strings.ToLower(strings.TrimSpace(media)), "/")
	switch top {
	case "image", "video", "audio", "font":
		return sub != "svg+xml"
	case "application":
		for _, text := range []string{"xml", "json", "html", "javascript", "ecmascript", "yaml"} {
			if strings.Contains(sub, text) {
				return false
			}
		}
		return true
	}
	return false
}

func tooLarge(res *Response, limit int64) error {
	return &Error{URL: res.URL, Reason: Size, Status: res.Status,
		Err: fmt.Errorf("page is larger than %d bytes", limit)}
}
