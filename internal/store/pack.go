package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trawl-go/trawl"
)

// rest is what most requests leave empty, in the form in which drivers keep
// it. The names are part of the format of a store.
type rest struct {
	Parse   string          `json:"parse,omitempty"`
	Meta    json.RawMessage `json:"meta,omitempty"`
	Referer string          `json:"referer,omitempty"`
	Path    string          `json:"path,omitempty"`
	Loose   bool            `json:"loose,omitempty"`
	Backup  []string        `json:"backup,omitempty"`
	Depth   int             `json:"depth,omitempty"`
}

// Packed is an entry that is ready for a driver to insert: Rest is what
// PackRest makes of its request.
type Packed struct {
	*Entry
	Rest string
}

// Pack appends entries to ps. It returns the error of PackRest for the first
// that no store takes.
func Pack(ps []Packed, es []Entry) ([]Packed, error) {
	for i := range es {
		rest, err := PackRest(&es[i].Request)
		if err != nil {
			return nil, err
		}
		ps = append(ps, Packed{&es[i], rest})
	}
	return ps, nil
}

// PackRest returns those fields of a request that are usually empty (Parse,
// Meta, Referer, Path, Loose, Backup and Depth) as one JSON object; "" if all are.
// Bytes of a URL that are not UTF-8 are percent-escaped.
//
// It returns an error for a request that no store takes: if its Kind is none,
// or its Meta not JSON.
func PackRest(r *trawl.Request) (string, error) {
	if r.Kind > trawl.KindFile {
		return "", fmt.Errorf("request %s: %v is no kind of request", r.URL, r.Kind)
	}
	if r.Parse == "" && len(r.Meta) == 0 && r.Referer == "" && r.Path == "" && !r.Loose && len(r.Backup) == 0 && r.Depth == 0 {
		return "", nil
	}
	v := rest{r.Parse, r.Meta, escapeInvalid(r.Referer), r.Path, r.Loose, r.Backup, r.Depth}
	for i, b := range v.Backup {
		if utf8.ValidString(b) {
			continue
		}
		if &v.Backup[0] == &r.Backup[0] {
			v.Backup = append([]string(nil), r.Backup...)
		}
		v.Backup[i] = escapeInvalid(b)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // addresses stay readable
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("request %s: meta: %w", r.URL, err)
	}
	return strings.TrimSuffix(buf.String(), "\n"), nil
}

// UnpackRest sets the fields of r that [PackRest] packed.
func UnpackRest(s string, r *trawl.Request) error {
	if s == "" {
		return nil
	}
	var v rest
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return fmt.Errorf("%w: request %s: %v", ErrCorrupt, r.URL, err)
	}
	r.Parse, r.Meta, r.Referer, r.Path, r.Loose, r.Backup, r.Depth = v.Parse, v.Meta, v.Referer, v.Path, v.Loose, v.Backup, v.Depth
	return nil
}

// escapeInvalid percent-escapes the bytes of a URL that are not UTF-8, which
// JSON cannot carry; servers read both spellings the same.
func escapeInvalid(u string) string {
	if utf8.ValidString(u) {
		return u
	}
	var b strings.Builder
	for i := 0; i < len(u); {
		r, n := utf8.DecodeRuneInString(u[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "%%%02X", u[i])
		} else {
			b.WriteString(u[i : i+n])
		}
		i += n
	}
	return b.String()
}

// Nanos returns a time as drivers keep it, in nanoseconds since 1970; 0 for
// the zero time. Times before 1678 and after 2262 are cut to the nearest.
func Nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(minTime):
		return minTime.UnixNano()
	case t.After(maxTime):
		return maxTime.UnixNano()
	}
	return t.UnixNano()
}

// Time undoes [Nanos]. The time is in UTC.
func Time(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

var (
	minTime = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)
