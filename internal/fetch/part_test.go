package fetch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/fetch"
)

// whole is a file of the tests, and part what there is of it.
var (
	whole = strings.Repeat("0123456789", 20)
	part  = fetch.Part{URL: "https://a.com/f.bin", Validator: `"v1"`, Length: 200, Size: 50}
)

// An answer is what a server says to a request for the rest of a file.
type answer struct {
	status int
	header map[string]string
	body   string
	length int64 // announced; 0 for that of body, -1 for none
}

func (a answer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	switch {
	case a.length == 0:
		w.Header().Set("Content-Length", fmt.Sprint(len(a.body)))
	case a.length > 0:
		w.Header().Set("Content-Length", fmt.Sprint(a.length))
	}
	w.WriteHeader(a.status)
	if a.length < 0 {
		http.NewResponseController(w).Flush() // so that it comes in chunks
	}
	io.WriteString(w, a.body)
}

// TestResume has a server answer a request for the rest of a file in every
// way it might.
func TestResume(t *testing.T) {
	rest := func(contentRange string, more ...string) answer {
		h := map[string]string{"Content-Range": contentRange, "Etag": `"v1"`}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return answer{status: 206, header: h, body: whole[50:]}
	}
	for _, tt := range []struct {
		name   string
		part   fetch.Part // the zero Part means part
		first  answer
		offset int64
		why    string // of Response.Whole
		asked  int    // requests, 0 means 1
	}{
		{name: "the rest", first: rest("bytes 50-199/200"), offset: 50},
		{name: "the rest, length unknown now", first: rest("bytes 50-199/*"), offset: 50},
		{name: "the rest, in another case", first: rest("BYTES  50-199/200 "), offset: 50},
		{name: "some of the rest", first: answer{status: 206, body: whole[50:60],
			header: map[string]string{"Content-Range": "bytes 50-59/200", "Etag": `"v1"`}}, offset: 50},
		{name: "length unknown before", part: fetch.Part{URL: part.URL, Validator: `"v1"`, Length: -1, Size: 50},
			first: rest("bytes 50-199/200"), offset: 50},
		{name: "by a date", part: fetch.Part{URL: part.URL, Validator: "Mon, 02 Jan 2023 03:04:05 GMT", Length: 200, Size: 50},
			first: rest("bytes 50-199/200", "Last-Modified", "Mon, 02 Jan 2023 03:04:05 GMT"), offset: 50},

		{name: "200", first: answer{status: 200, body: whole}, why: "changed"},
		{name: "416", first: answer{status: 416, header: map[string]string{"Content-Range": "bytes */20"}}, why: "416", asked: 2},
		{name: "from elsewhere", first: rest("bytes 49-198/200"), why: "byte 50", asked: 2},
		{name: "from the beginning", first: answer{status: 206, body: whole,
			header: map[string]string{"Content-Range": "bytes 0-199/200", "Etag": `"v1"`}}, why: "byte 50", asked: 2},
		{name: "more than was announced", first: rest("bytes 50-59/200"), why: "150 bytes", asked: 2},
		{name: "grown", first: rest("bytes 50-199/300"), why: "200 bytes", asked: 2},
		{name: "shrunk", first: rest("bytes 50-199/200"), part: fetch.Part{URL: part.URL, Validator: `"v1"`, Length: 300, Size: 50},
			why: "300 bytes", asked: 2},
		{name: "no length at all", part: fetch.Part{URL: part.URL, Validator: `"v1"`, Length: -1, Size: 50},
			first: rest("bytes 50-199/*"), why: "-1 bytes", asked: 2},
		{name: "in chunks", first: answer{status: 206, body: whole[50:], length: -1,
			header: map[string]string{"Content-Range": "bytes 50-199/200", "Etag": `"v1"`}}, why: "-1 bytes", asked: 2},
		{name: "no range", first: answer{status: 206, header: map[string]string{"Etag": `"v1"`}, body: whole[50:]}, why: "0 Content-Range", asked: 2},
		{name: "nonsense", first: rest("bytes 50-/200"), why: "no sense", asked: 2},
		{name: "another tag", first: rest("bytes 50-199/200", "Etag", `"v2"`), why: `"v2"`, asked: 2},
		{name: "a weak tag", first: rest("bytes 50-199/200", "Etag", `W/"v1"`), why: `W/`, asked: 2},
		{name: "no date", part: fetch.Part{URL: part.URL, Validator: "Mon, 02 Jan 2023 03:04:05 GMT", Length: 200, Size: 50},
			first: rest("bytes 50-199/200"), why: "Last-Modified", asked: 2},
		{name: "compressed", first: rest("bytes 50-199/200", "Content-Encoding", "gzip"), why: "gzip", asked: 2},
		{name: "came from elsewhere", part: fetch.Part{URL: "https://b.com/f.bin", Validator: `"v1"`, Length: 200, Size: 50},
			first: answer{status: 200, body: whole}, why: "b.com"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, map[string]http.HandlerFunc{"a.com/f.bin": func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" || tt.asked == 0 {
					tt.first.ServeHTTP(w, r)
					return
				}
				io.WriteString(w, whole)
			}})
			p := tt.part
			if p.URL == "" {
				p = part
			}
			c := w.client(t, fetch.Options{}, "a.com")
			res, err := c.Resume(context.Background(), "https://a.com/f.bin", "", nil, &p)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			want := whole[tt.offset:]
			if tt.name == "some of the rest" {
				want = whole[50:60]
			}
			if err != nil || string(body) != want || res.Offset != tt.offset || res.Length != 200 {
				t.Errorf("Resume() = %d bytes from %d of %d, %v", len(body), res.Offset, res.Length, err)
			}
			if tt.why == "" && (res.Whole != nil || res.Validator != p.Validator) ||
				tt.why != "" && (res.Whole == nil || !strings.Contains(res.Whole.Error(), tt.why)) {
				t.Errorf("Resume() = whole because %v, validator %q, want %q", res.Whole, res.Validator, tt.why)
			}
			reqs := w.requests()
			if len(reqs) != max(tt.asked, 1) {
				t.Errorf("%d requests, want %d", len(reqs), max(tt.asked, 1))
			}
			wantRange, wantIf := "bytes=50-", p.Validator
			if p.URL != part.URL {
				wantRange, wantIf = "", ""
			}
			if got := reqs[0].Header; got.Get("Range") != wantRange || got.Get("If-Range") != wantIf {
				t.Errorf("Range %q If-Range %q", got.Get("Range"), got.Get("If-Range"))
			}
		})
	}
}

// The rest is asked for where the file came from, and not on the way there.
func TestResumeRedirected(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		"a.com/f.bin": redirect("https://b.com/signed?at=1"),
		"b.com/signed": answer{status: 206, body: whole[50:],
			header: map[string]string{"Content-Range": "bytes 50-199/200", "Etag": `"v1"`}}.ServeHTTP,
		"a.com/other": redirect("https://b.com/other"),
		"b.com/other": text(whole),
	})
	c := w.client(t, fetch.Options{}, "a.com", "b.com")
	p := part
	p.URL = "https://b.com/signed?at=1"
	for _, tt := range []struct {
		url    string
		offset int64
		ranges []string
	}{
		{"https://a.com/f.bin", 50, []string{"", "bytes=50-"}},
		{"https://a.com/other", 0, []string{"", ""}},
	} {
		res, err := c.Resume(context.Background(), tt.url, "", nil, &p)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.Offset != tt.offset {
			t.Errorf("%s: Offset = %d, want %d", tt.url, res.Offset, tt.offset)
		}
		for i, r := range w.requests() {
			if got := r.Header.Get("Range"); got != tt.ranges[i] {
				t.Errorf("%s: request %d has Range %q, want %q", tt.url, i, got, tt.ranges[i])
			}
		}
	}
}

// What a server says may fail all the same.
func TestResumeFails(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{"a.com/f.bin": answer{status: 404}.ServeHTTP})
	_, err := w.client(t, fetch.Options{}, "a.com").Resume(context.Background(), "https://a.com/f.bin", "", nil, &part)
	if fetch.ReasonOf(err) != fetch.HTTP {
		t.Errorf("Resume() = %v, want 404", err)
	}
	// A range of the user's own is left alone.
	w.pages["a.com/f.bin"] = answer{status: 206, body: "x", header: map[string]string{"Content-Range": "bytes 7-7/200"}}.ServeHTTP
	w.requests()
	res, err := w.client(t, fetch.Options{}, "a.com").Resume(context.Background(), "https://a.com/f.bin", "", map[string]string{"Range": "bytes=7-7"}, &part)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if h := w.requests()[0].Header; h.Get("Range") != "bytes=7-7" || h.Get("If-Range") != "" || res.Offset != 0 || res.Validator != "" {
		t.Errorf("Range %q, offset %d, validator %q", h.Get("Range"), res.Offset, res.Validator)
	}
}

func TestValidator(t *testing.T) {
	now := time.Now().UTC()
	old := now.Add(-time.Hour).Format(http.TimeFormat)
	young := now.Add(-30 * time.Second).Format(http.TimeFormat)
	date := now.Format(http.TimeFormat)
	for _, tt := range []struct {
		name   string
		header map[string]string
		want   string
	}{
		{"strong tag", map[string]string{"Etag": `"abc"`}, `"abc"`},
		{"strong tag and date", map[string]string{"Etag": `"abc"`, "Last-Modified": old, "Date": date}, `"abc"`},
		{"empty tag", map[string]string{"Etag": `""`}, `""`},
		{"weak tag", map[string]string{"Etag": `W/"abc"`}, ""},
		{"weak tag and old date", map[string]string{"Etag": `W/"abc"`, "Last-Modified": old, "Date": date}, ""},
		{"tag without quotes", map[string]string{"Etag": `abc`}, ""},
		{"two tags", map[string]string{"Etag": `"a", "b"`}, ""},
		{"old date", map[string]string{"Last-Modified": old, "Date": date}, old},
		{"young date", map[string]string{"Last-Modified": young, "Date": date}, ""},
		{"date of the future", map[string]string{"Last-Modified": date, "Date": old}, ""},
		{"date that is none", map[string]string{"Last-Modified": "yesterday", "Date": date}, ""},
		{"nothing", nil, ""},
		{"takes no ranges", map[string]string{"Etag": `"abc"`, "Accept-Ranges": "none"}, ""},
		{"compressed", map[string]string{"Etag": `"abc"`, "Content-Encoding": "gzip"}, ""},
		{"not compressed", map[string]string{"Etag": `"abc"`, "Content-Encoding": "identity"}, `"abc"`},
	} {
		w := newWorld(t, map[string]http.HandlerFunc{"a.com/f.bin": answer{status: 200, header: tt.header, body: whole}.ServeHTTP})
		res, err := w.client(t, fetch.Options{}, "a.com").Open(context.Background(), "https://a.com/f.bin", "", nil)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		res.Body.Close()
		if res.Validator != tt.want {
			t.Errorf("%s: Validator = %q, want %q", tt.name, res.Validator, tt.want)
		}
	}
}
