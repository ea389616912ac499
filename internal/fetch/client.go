package fetch

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
)

// A Client fetches pages and files. Create it with [New].
//
// It is safe for concurrent use.
type Client struct {
	opts      Options
	transport http.RoundTripper
	jar       http.CookieJar
	connect   map[string]string // Options.ConnectTo with canonical keys
	headers   []field           // Options.Headers, checked
	logins    sync.Map          // what hosts wanted to see, by origin
	rate      *rate             // of all bodies together, nil for none
	guard     *guard            // against private addresses, nil for none
	err       error             // what is wrong with the options, for each request

	// Inflating takes 40 KB of state, more than most pages.
	gzips   sync.Pool // *gzip.Reader
	buffers sync.Pool // *bufio.Reader
}

// New returns a client. It starts nothing and cannot fail: a header in opts
// that cannot be sent fails each request. We copy opts.
func New(opts *Options) *Client {
	c := &Client{opts: opts.withDefaults()}
	c.gzips.New = func() any { return new(gzip.Reader) }
	c.buffers.New = func() any { return bufio.NewReaderSize(nil, 4<<10) }
	c.connect = make(map[string]string, len(c.opts.ConnectTo))
	for host, addr := range c.opts.ConnectTo {
		c.connect[connectKey(host)] = addr
	}
	c.rate = newRate(c.opts.Rate)
	c.guard = newGuard(&c.opts)
	c.headers, c.err = checkHeaders(nil, c.opts.Headers)
	if c.jar = c.opts.Jar; c.jar == nil {
		c.jar = NewJar()
	}
	if c.transport = c.opts.Transport; c.transport == nil {
		c.transport = newTransport(&c.opts, c.connect, c.guard)
	}
	return c
}

// Close closes the connections that are not in use. Requests under way go
// on. It may be called twice.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// A Response is a file whose body is still to be read.
type Response struct {
	URL    string // where the body comes from, after redirects
	Status int
	Header http.Header

	// Length of the whole file in bytes, -1 if the server did not say.
	Length int64

	// Offset is where in the file Body begins: at 0, or where the part ends
	// that was given to Resume. Whole says why it is 0 all the same, and is
	// nil if the whole was asked for.
	Offset int64
	Whole  error

	// Validator identifies this version of the file, for [Client.Resume]; ""
	// if a body that is cut cannot be continued.
	Validator string

	// Body ends with io.EOF only if all arrived that was announced, and
	// otherwise with an [*Error], or with the context's error if that ended.
	// Of a rest that Resume asked for a server may announce less than there
	// is: compare with Length. The caller closes it. Not safe for concurrent
	// use.
	Body io.ReadCloser
}

// Page fetches r.URL with its whole body, decompressed.
//
// The fields of h are sent besides those of Options.Headers and win over
// them, and one with an empty value is left out; Accept-Encoding and the fields that frame a message are ours and
// ignored. On a redirect to another host, another port or from https to
// http all of them are dropped for good, except User-Agent, Accept and
// Accept-Language; so is r.Referer on a redirect from https to http.
// Otherwise r.Referer is sent as it is, but without user information.
//
// A status that is not a success is an [*Error], except 304 in answer to a
// condition in h. The error is ctx.Err() if ctx ends first.
//
// We copy r and h; the Page belongs to the caller.
func (c *Client) Page(ctx context.Context, r *trawl.Request, h map[string]string) (*trawl.Page, error) {
	res, err := c.do(ctx, trawl.KindPage, r.URL, r.Referer, h, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := readPage(res, c.opts.MaxPage)
	if err != nil {
		return nil, err
	}
	return &trawl.Page{
		Request: *r,
		URL:     res.URL,
		Status:  res.Status,
		Header:  res.Header,
		Body:    body,
	}, nil
}

// Open fetches a file and returns once its header is there. Headers,
// redirects and errors are as with [Client.Page], except that a response
// without a body (204, 205) is an error.
//
// The file is asked for as it is; if the server compresses it all the same,
// that is undone, unless the file itself is a gzip file.
func (c *Client) Open(ctx context.Context, rawURL string, referer string, h map[string]string) (*Response, error) {
	return c.do(ctx, trawl.KindFile, rawURL, referer, h, nil)
}

// do follows redirects from rawURL to a response with a status of success.
// part, if not nil, is what there is of the body.
func (c *Client) do(ctx context.Context, kind trawl.Kind, rawURL, referer string, h map[string]string, part *Part) (*Response, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, &Error{URL: withoutUser(rawURL), Reason: BadRequest, Err: err}
	}
	t := trip{kind: kind, url: u, referer: cleanReferer(referer), part: part, most: c.opts.MaxRedirects, follow: followOf(ctx)}
	if t.fields, err = checkHeaders(c.headers, h); err == nil {
		err = c.err
	}
	if err != nil {
		return nil, &Error{URL: u.String(), Reason: BadRequest, Err: err}
	}
	return c.travel(ctx, &t)
}

// travel follows the redirects of a trip to its end.
func (c *Client) travel(ctx context.Context, t *trip) (*Response, error) {
	t.auth = c.known(t)
	part := t.part
	deadline := c.opts.FileDeadline
	if t.kind == trawl.KindPage {
		deadline = c.opts.PageDeadline
	}
	w := newWatch(ctx, deadline)
	for {
		res, err := c.roundTrip(w, t)
		if err != nil {
			w.end()
			return nil, err
		}
		if c.login(t, res) {
			w.drain(res.Body)
			continue
		}
		if location := redirectTarget(res); location != "" {
			w.drain(res.Body)
			if err := c.follow(t, res, location); err != nil {
				w.end()
				return nil, err
			}
			continue
		}
		if t.ranged && (res.StatusCode == http.StatusPartialContent || res.StatusCode == http.StatusRequestedRangeNotSatisfiable) {
			if t.length, t.whole = t.part.goesOn(res); t.whole != nil {
				t.part = nil // ask once more, for the whole
				w.drain(res.Body)
				continue
			}
		}
		if err := statusError(t, res); err != nil {
			w.drain(res.Body)
			w.end()
			return nil, err
		}
		out, err := c.response(w, t, res)
		if err == nil && t.kind == trawl.KindFile {
			t.place(out, res, part)
		}
		return out, err
	}
}

// roundTrip sends one request and returns its response, whatever its status.
func (c *Client) roundTrip(w *watch, t *trip) (*http.Response, error) {
	w.begin()
	// The transport keeps time by itself; this is for one that does not.
	var limit time.Duration
	if c.opts.ConnectTimeout > 0 && c.opts.HeaderTimeout > 0 {
		limit = 2*c.opts.ConnectTimeout + c.opts.HeaderTimeout
	}
	var res *http.Response
	err := w.arm(limit, timeout{"no response", limit})
	if err == nil {
		req := c.request(w.ctx, t)
		if err = c.guard.check(req.Context(), req.URL); err == nil {
			res, err = c.transport.RoundTrip(req)
		}
		w.disarm()
	}
	if err != nil {
		if perr := w.parent.Err(); perr != nil {
			return nil, perr
		}
		err = w.cause(err)
		if pe := (*PrivateError)(nil); errors.As(err, &pe) {
			err = pe // without the words of the dialer around it
		}
		return nil, &Error{URL: t.url.String(), Reason: reasonOf(err), Status: statusOf(err), Err: t.chained(err)}
	}
	if cookies := res.Cookies(); len(cookies) > 0 {
		t.cookies = true
		c.jar.SetCookies(t.url, cookies)
	}
	return res, nil
}

// response makes a Response of res, whose status is a success.
func (c *Client) response(w *watch, t *trip, res *http.Response) (*Response, error) {
	out := &Response{
		URL:    t.url.String(),
		Status: res.StatusCode,
		Header: res.Header,
		Length: res.ContentLength,
	}
	b := &body{src: res.Body, watch: w, url: out.URL, status: res.StatusCode, opts: &c.opts, rate: c.rate}
	out.Body = b
	if res.StatusCode == http.StatusNotModified || res.StatusCode == http.StatusNoContent {
		out.Length = 0
		return out, nil
	}
	coding := contentCoding(res.Header)
	if coding == "" || t.kind == trawl.KindFile && coding == "gzip" && isGzipFile(t.url, res.Header) {
		return out, nil
	}
	if err := c.inflate(out, b, coding); err != nil {
		out.Body.Close()
		return nil, err
	}
	return out, nil
}

// readAll reads the whole body, up to limit bytes if limit is not 0.
func readAll(res *Response, limit int64) ([]byte, error) {
	// A length is a claim: do not reserve much memory for it before the
	// bytes arrive.
	size := int64(8 << 10)
	if res.Length >= 0 {
		size = min(res.Length+1, 1<<20) // +1 finds the end without growing
	}
	buf := make([]byte, 0, size)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := res.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if limit > 0 && int64(len(buf)) > limit {
			return buf, errTooLarge
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// parseURL is trawl.ParseURL with errors that keep passwords to themselves.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := trawl.ParseURL(rawURL)
	if err != nil {
		if withoutUser(rawURL) != rawURL {
			return nil, errors.New("malformed URL")
		}
		return nil, err
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	return u, nil
}

// withoutUser returns a URL, well-formed or not, without user information.
func withoutUser(rawURL string) string {
	start := strings.Index(rawURL, "//")
	if start < 0 {
		return rawURL
	}
	start += len("//")
	end := len(rawURL)
	if i := strings.IndexAny(rawURL[start:], "/?#"); i >= 0 {
		end = start + i
	}
	at := strings.LastIndexByte(rawURL[start:end], '@')
	if at < 0 {
		return rawURL
	}
	return rawURL[:start] + rawURL[start+at+1:]
}

// escapeQuery escapes what net/http would send as it is and would break the
// request line, or be read differently from server to server.
func escapeQuery(q string) string {
	bad := func(c byte) bool {
		return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>'
	}
	n := 0
	for i := 0; i < len(q); i++ {
		if bad(q[i]) {
			n++
		}
	}
	if n == 0 {
		return q
	}
	var b strings.Builder
	b.Grow(len(q) + 2*n)
	for i := 0; i < len(q); i++ {
		if bad(q[i]) {
			fmt.Fprintf(&b, "%%%02X", q[i])
		} else {
			b.WriteByte(q[i])
		}
	}
	return b.String()
}
