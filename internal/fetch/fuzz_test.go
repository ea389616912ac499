package fetch

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzContentRange checks that what is accepted means what it says: written
// anew it is the same range, and it lies within its total.
func FuzzContentRange(f *testing.F) {
	for _, s := range []string{
		"bytes 0-0/1", "bytes 50-199/200", "bytes 50-199/*", "BYTES  1-2/3 ", "bytes */200", "bytes 2-1/3", "bytes 0-3/3",
		"bytes 1-/2", "bytes -1/2", "bytes +1-2/3", "bytes 0x1-2/3", "items 0-1/2", "bytes", "bytes 1-2", "bytes 1-2/",
		"bytes 9223372036854775806-9223372036854775807/*", "bytes 0-9223372036854775808/*", "bytes\t1-2/3", "bytes 1-2/3, bytes 4-5/6",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseContentRange(s)
		if !ok {
			return
		}
		if r.first < 0 || r.last < r.first || r.total != -1 && r.total <= r.last {
			t.Fatalf("parseContentRange(%q) = %+v", s, r)
		}
		total := "*"
		if r.total >= 0 {
			total = fmt.Sprint(r.total)
		}
		again, ok := parseContentRange(fmt.Sprintf("bytes %d-%d/%s", r.first, r.last, total))
		if !ok || again != r {
			t.Fatalf("%q is %+v, and written anew %+v, %v", s, r, again, ok)
		}
		// Nothing is left over that the numbers do not account for.
		if n := strings.Count(s, "/"); n != 1 {
			t.Fatalf("%q was accepted", s)
		}
	})
}

// FuzzRetryAfter checks that the wait is within its bounds whatever a server
// says, and that a number of seconds and the date after as many of them mean
// the same.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "7", "3600", "3601", "99999999999999999999", "-1", "1.5", "+5", " 12 ",
		"Mon, 02 Jan 2023 03:04:05 GMT", "Monday, 02-Jan-23 03:04:05 GMT", "Mon Jan  2 03:04:05 2023", "soon"} {
		f.Add(s, "Mon, 02 Jan 2023 03:04:00 GMT")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, after, date string) {
		now := time.Date(2023, 1, 2, 3, 0, 0, 0, time.UTC)
		h := http.Header{"Retry-After": {after}, "Date": {date}}
		d := retryAfter(h, now)
		if d < 0 || d > maxRetryAfter {
			t.Fatalf("retryAfter(%q) = %v", after, d)
		}
		clock := now
		if at, err := http.ParseTime(date); err == nil {
			clock = at
		}
		if d > 0 && d < maxRetryAfter && clock.Year() < 9000 {
			h.Set("Retry-After", clock.Add(d).UTC().Format(http.TimeFormat))
			if again := retryAfter(h, now); again != d.Truncate(time.Second) && again != d {
				t.Fatalf("retryAfter(%q) = %v, but as a date %q it is %v", after, d, h.Get("Retry-After"), again)
			}
		}
	})
}

// FuzzSuggestedName checks that a name is one component of a path in valid
// UTF-8, whatever the header, that it is the one which the standard library
// reads if the header is plain, and that a name which is written by the rules
// comes back, in both forms.
func FuzzSuggestedName(f *testing.F) {
	for _, s := range []string{
		`attachment; filename="a\"b.jpg"`, `inline;filename*=UTF-8''%e6%80%9d.jpg`, "attachment; filename=\xcb\xbc.jpg", "filename==?UTF-8?B?5oCd?=",
		`attachment; filename="C:\x\%41.jpg"; size=1`, `a; filename*=gbk''%cb%bc; filename=..`, "思考中.jpg", "a;b=\"c\\", "; = ;filename",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := SuggestedName(http.Header{"Content-Disposition": {s}})
		if strings.ContainsAny(got, `/\`) || !utf8.ValidString(got) || strings.Trim(got, ". ") != got && strings.Trim(got, ". ") == "" {
			t.Fatalf("SuggestedName(%q) = %q", s, got)
		}
		if _, ps, err := mime.ParseMediaType(s); err == nil && !strings.ContainsAny(s, `%*/\`) && !strings.Contains(s, "=?") {
			if want := lastSegment(ps["filename"]); got != want && utf8.ValidString(s) {
				t.Fatalf("SuggestedName(%q) = %q, want %q", s, got, want)
			}
		}

		want := lastSegment(strings.ToValidUTF8(s, "_"))
		extended := "attachment; filename=other; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(want), "+", "%20")
		if want != "" {
			if got := SuggestedName(http.Header{"Content-Disposition": {extended}}); got != want {
				t.Fatalf("SuggestedName(%q) = %q, want %q", extended, got, want)
			}
		}
		if strings.Contains(want, "%") || strings.Contains(want, "=?") {
			return
		}
		quoted := `attachment; filename="` + strings.ReplaceAll(want, `"`, `\"`) + `"`
		if got := SuggestedName(http.Header{"Content-Disposition": {quoted}}); got != want {
			t.Fatalf("SuggestedName(%q) = %q, want %q", quoted, got, want)
		}
	})
}
