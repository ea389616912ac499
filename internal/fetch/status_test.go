package fetch_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/fetch"
)

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		status    int
		page      fetch.Reason // "" for none
		file      fetch.Reason
		temporary bool
		h         map[string]string
	}{
		{status: 200},
		{status: 203},
		{status: 204, file: fetch.Type},
		{status: 206, page: fetch.HTTP, file: fetch.HTTP},
		{status: 206, h: map[string]string{"range": "bytes=0-9"}},
		{status: 300, page: fetch.HTTP, file: fetch.HTTP},
		{status: 304, page: fetch.HTTP, file: fetch.HTTP},
		{status: 304, h: map[string]string{"if-none-match": `"x"`}},
		{status: 400, page: fetch.HTTP, file: fetch.HTTP},
		{status: 401, page: fetch.Auth, file: fetch.Auth},
		{status: 403, page: fetch.HTTP, file: fetch.HTTP},
		{status: 404, page: fetch.HTTP, file: fetch.HTTP},
		{status: 407, page: fetch.Auth, file: fetch.Auth},
		{status: 408, page: fetch.HTTP, file: fetch.HTTP, temporary: true},
		{status: 418, page: fetch.HTTP, file: fetch.HTTP},
		{status: 425, page: fetch.HTTP, file: fetch.HTTP, temporary: true},
		{status: 429, page: fetch.HTTP, file: fetch.HTTP, temporary: true},
		{status: 500, page: fetch.HTTP, file: fetch.HTTP, temporary: true},
		{status: 501, page: fetch.HTTP, file: fetch.HTTP},
		{status: 503, page: fetch.HTTP, file: fetch.HTTP, temporary: true},
		{status: 522, page: fetch.HTTP, file: fetch.HTTP, temporary: true},
		{status: 999, page: fetch.HTTP, file: fetch.HTTP, temporary: true},
	} {
		c := fetch.New(&fetch.Options{Transport: fake(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: tt.status, Header: http.Header{}, Body: http.NoBody}, nil
		})})
		p, err := get(c, "http://a.com/", tt.h)
		_, ferr := c.Open(context.Background(), "http://a.com/", "", tt.h)
		if tt.page == "" && (err != nil || p.Status != tt.status) {
			t.Errorf("%d: Page() = %v, %v", tt.status, p, err)
		}
		if tt.file == "" && ferr != nil {
			t.Errorf("%d: Open() = %v", tt.status, ferr)
		}
		if tt.page != "" {
			if e := check(t, "Page()", err, tt.page, tt.status); e.Temporary() != tt.temporary {
				t.Errorf("%v: Temporary() = %v", err, e.Temporary())
			}
		}
		if tt.file != "" {
			check(t, "Open()", ferr, tt.file, tt.status)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Now().UTC()
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tt := range []struct {
		name, value, date string
		status            int
		min, max          time.Duration
	}{
		{"seconds", "7", "", 429, 7 * time.Second, 7 * time.Second},
		{"seconds at 503", " 120 ", "", 503, 2 * time.Minute, 2 * time.Minute},
		{"none", "", "", 429, 0, 0},
		{"zero", "0", "", 429, 0, 0},
		{"negative", "-5", "", 429, 0, 0},
		{"nonsense", "soon", "", 429, 0, 0},
		{"fraction", "1.5", "", 429, 0, 0},
		{"a year", "31536000", "", 429, time.Hour, time.Hour},
		{"beyond numbers", "99999999999999999999", "", 429, time.Hour, time.Hour},
		{"date", date(5 * time.Minute), "", 429, 290 * time.Second, 5 * time.Minute},
		{"date by the server's clock", date(-55 * time.Minute), date(-time.Hour), 429, 5 * time.Minute, 5 * time.Minute},
		{"past date", date(-time.Hour), "", 503, 0, 0},
		{"far date", date(1000 * time.Hour), "", 503, time.Hour, time.Hour},
		{"other status", "7", "", 500, 0, 0},
	} {
		c := fetch.New(&fetch.Options{Transport: fake(func(r *http.Request) (*http.Response, error) {
			h := http.Header{"Retry-After": {tt.value}}
			if tt.date != "" {
				h.Set("Date", tt.date)
			}
			return &http.Response{StatusCode: tt.status, Header: h, Body: http.NoBody}, nil
		})})
		_, err := get(c, "http://a.com/", nil)
		if e := check(t, tt.name, err, fetch.HTTP, tt.status); e.RetryAfter < tt.min || e.RetryAfter > tt.max {
			t.Errorf("%s: RetryAfter = %v, want %v to %v", tt.name, e.RetryAfter, tt.min, tt.max)
		}
	}
}
