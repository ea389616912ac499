package fetch

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A body that grows more than maxRatio-fold and beyond freeInflate bytes is
// taken for a bomb. HTML and JSON shrink to a hundredth at the very most;
// gzip can do a thousandth.
const (
	maxRatio    = 200
	freeInflate = 1 << 20
)

// contentCoding returns the coding of a body in lower case, "" for none.
func contentCoding(h http.Header) string {
	s := strings.ToLower(strings.TrimSpace(strings.Join(h["Content-Encoding"], ",")))
	switch s {
	case "identity", "none", "utf-8", "binary": // seen in the wild
		return ""
	case "x-gzip":
		return "gzip"
	}
	return s
}

// isGzipFile reports whether a file that comes with Content-Encoding: gzip
// is meant to be kept compressed. Servers send archives that way by mistake.
func isGzipFile(u *url.URL, h http.Header) bool {
	p := strings.ToLower(u.Path)
	for _, ext := range []string{".gz", ".tgz", ".svgz"} {
		if strings.HasSuffix(p, ext) {
			return true
		}
	}
	t := strings.ToLower(h.Get("Content-Type"))
	return strings.HasPrefix(t, "application/gzip") || strings.HasPrefix(t, "application/x-gzip")
}

// inflate puts a decoder in front of out.Body, which is b.
func (c *Client) inflate(out *Response, b *body, coding string) error {
	if coding != "gzip" && coding != "deflate" {
		return &Error{URL: out.URL, Reason: Type, Status: out.Status,
			Err: fmt.Errorf("body is compressed with %q, which was not asked for", coding)}
	}
	in := c.buffers.Get().(*bufio.Reader)
	in.Reset(b)
	d := &inflater{client: c, raw: b, in: in}
	out.Body, out.Length = d, -1
	head, err := in.Peek(2)
	if len(head) == 0 && err == io.EOF {
		d.dec = in // an empty body needs no header
		return nil
	}
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case isGzipHead(head):
		d.gz = c.gzips.Get().(*gzip.Reader)
		if err := d.gz.Reset(in); err != nil {
			return d.fail(err)
		}
		d.gz.Multistream(false)
		d.dec = d.gz
	case coding == "gzip":
		d.dec = in // announced, but not done
	case len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0:
		z, err := zlib.NewReader(in)
		if err != nil {
			return d.fail(err)
		}
		d.dec = z
	default:
		d.dec = flate.NewReader(in) // what some servers call deflate
	}
	return nil
}

func isGzipHead(p []byte) bool { return len(p) >= 2 && p[0] == 0x1f && p[1] == 0x8b }

// An inflater is a body with its content coding undone.
type inflater struct {
	client *Client
	raw    *body
	in     *bufio.Reader // over raw; nil once closed
	dec    io.Reader     // over in, or in itself
	gz     *gzip.Reader  // dec, if that is from the pool
	total  int64
	err    error // sticky
}

func (d *inflater) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.dec.Read(p)
	d.total += int64(n)
	if d.total > freeInflate && d.total > maxRatio*d.raw.total {
		d.err = &Error{URL: d.raw.url, Reason: Size, Status: d.raw.status,
			Err: fmt.Errorf("body inflates more than %d-fold", maxRatio)}
		return 0, d.err
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		return n, d.fail(err)
	case d.gz == nil && d.dec != io.Reader(d.in):
		// The end of the stream, whatever follows.
		err = d.rest()
	case d.gz != nil:
		head, perr := d.in.Peek(2)
		if isGzipHead(head) {
			// Another member of the same body.
			if err := d.gz.Reset(d.in); err != nil {
				return n, d.fail(err)
			}
			d.gz.Multistream(false)
			return n, nil
		}
		if perr == nil || perr == io.EOF {
			err = d.rest()
		} else {
			return n, d.fail(perr)
		}
	}
	if d.err = err; err == nil {
		d.err = io.EOF
	}
	return n, d.err
}

// rest reads what follows the compressed stream, a little padding as a rule,
// so that a body that was cut is noticed and the connection can serve again.
func (d *inflater) rest() error {
	if _, err := io.CopyN(io.Discard, d.in, 64<<10); err != nil && err != io.EOF {
		return d.fail(err)
	}
	return io.EOF
}

// fail makes err the error of the body: as it is if it came from below.
func (d *inflater) fail(err error) error {
	if d.raw.err != nil && d.raw.err != io.EOF && errors.Is(err, d.raw.err) {
		d.err = d.raw.err
		return d.err
	}
	d.err = &Error{URL: d.raw.url, Reason: Cut, Status: d.raw.status,
		Err: fmt.Errorf("body after %d bytes: %w", d.total, err)}
	return d.err
}

// Close gives the decoder back. It may be called twice.
func (d *inflater) Close() error {
	if d.in != nil {
		d.in.Reset(nil)
		d.client.buffers.Put(d.in)
		if d.gz != nil {
			d.client.gzips.Put(d.gz)
		}
		d.in, d.gz, d.dec = nil, nil, nil
		if d.err == nil {
			d.err = errClosed
		}
	}
	return d.raw.Close()
}
