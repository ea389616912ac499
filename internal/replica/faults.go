package replica

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// matches tells whether the fault applies to a request.
func (f *Fault) matches(v *visit) bool {
	uri := v.request.URL.RequestURI()
	if v.request.URL.Path == robotsPath && !strings.HasPrefix(f.Prefix, robotsPath) {
		return false
	}
	return strings.HasPrefix(uri, f.Prefix) &&
		(f.First <= 0 || v.nth <= f.First) &&
		(f.OneIn <= 0 || v.server.dice.oneIn(f.OneIn, string(f.Kind)+v.host.name+uri))
}

// answer sends what the site has, with whatever goes wrong on the way.
func (v *visit) answer(a answer) {
	v.whole = true
	var damage []Kind
	for i := range v.rules.Faults {
		f := &v.rules.Faults[i]
		if !f.matches(v) {
			continue
		}
		v.whole = v.whole && isHarmless(f.Kind)
		if v.replace(f, a) {
			return
		}
		damage = append(damage, f.Kind)
	}
	if a.body == nil && a.picture == nil {
		v.plain(http.StatusNotFound, "404 not found")
		return
	}
	v.send(a, damage...)
}

// isHarmless tells whether a fault leaves the bytes as they are for a client
// that asks for all of them.
func isHarmless(k Kind) bool {
	switch k {
	case NoLength, Gzip, Packed, NoTag, WeakTag, FreshDate, NoRange, NoIfRange, WrongRange, Unsatisfied:
		return true
	}
	return false
}

// replace answers with a fault instead of what was asked for. It is false for
// the kinds that damage an answer.
func (v *visit) replace(f *Fault, a answer) bool {
	switch f.Kind {
	case Status:
		if f.After > 0 {
			v.out.Header().Set("Retry-After", seconds(f.After))
		}
		status := f.Status
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		v.plain(status, strings.ToLower(http.StatusText(status)))
	case Hang:
		<-v.request.Context().Done()
		panic(http.ErrAbortHandler)
	case Drop:
		panic(http.ErrAbortHandler)
	case LoginWall:
		v.wall(WallRedirect)
	case Redirect:
		to := f.To
		if to == "" {
			to = "https://" + v.host.name + v.request.URL.RequestURI()
		}
		v.redirect(to)
	case HTML:
		b := v.server.douban.wall()
		b.status = 0
		if a.picture != nil {
			b.contentType = string(a.picture.format)
		}
		v.send(b)
	case Placeholder:
		v.send(answer{contentType: string(formatJPEG), body: v.server.studio.placeholder()})
	case Deep:
		v.send(deepPage(600))
	case Empty:
		v.send(answer{contentType: "text/html; charset=utf-8", body: []byte{}})
	case Endless:
		v.endless(a)
	case Bomb:
		v.out.Header().Set("Content-Encoding", "gzip")
		v.send(answer{contentType: "text/html; charset=utf-8", body: bytes.Repeat(packed(bytes.Repeat([]byte{' '}, 1<<20)), 1<<10)})
	default:
		return false
	}
	return true
}

// endless sends the same line over and over, under the Content-Type of what was
// asked for.
func (v *visit) endless(a answer) {
	kind := a.contentType
	if a.picture != nil {
		kind = string(a.picture.format)
	}
	v.out.Header().Set("Content-Type", kind)
	block := bytes.Repeat([]byte("<p>and on and on</p>\n"), 1000)
	for v.request.Context().Err() == nil && v.request.Method != http.MethodHead {
		if _, err := v.out.Write(block); err != nil {
			return
		}
	}
}

// packed is a gzip stream of its own; several in a row are one as well.
func packed(body []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write(body) // a bytes.Buffer takes everything
	z.Close()
	return buf.Bytes()
}

// deepPage is elements nested n deep, with a link and a picture at the bottom.
func deepPage(n int) answer {
	p := new(page)
	p.s("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>deep</title></head>\n<body>")
	p.s(strings.Repeat("<div>", n))
	p.s(`<a href="/">上</a><img src="/deep.jpg">`)
	p.s(strings.Repeat("</div>", n))
	p.s("</body></html>\n")
	return p.answer()
}

// send writes an answer, damaged in the ways listed.
func (v *visit) send(a answer, damage ...Kind) {
	h := v.out.Header()
	body, tag := a.body, ""
	if p := a.picture; p != nil {
		variant := 0
		if slices.Contains(damage, Changing) {
			variant = v.nth
		}
		a.contentType = string(p.format)
		body = v.server.studio.picture(p.name, variant, p.format, p.size)
		tag = fmt.Sprintf(`"%x-%x"`, v.server.dice.roll(p.name, variant), len(body))
	} else if strings.HasPrefix(a.contentType, "text/html") && v.rules.Charset != UTF8 {
		a.contentType, body = inGBK(body, v.rules.Charset)
	}
	length := true
	for _, k := range damage {
		switch k {
		case Short:
			body = body[:len(body)/2]
		case Truncate:
			v.out.cutAt = int64(len(body) / 2)
		case Stall:
			v.out.cutAt, v.out.stall = int64(len(body)/2), true
		case Gzip:
			if strings.HasPrefix(a.contentType, "text/html") && strings.Contains(v.request.Header.Get("Accept-Encoding"), "gzip") {
				h.Set("Content-Encoding", "gzip")
				body = packed(body)
			}
		case Packed:
			h.Set("Content-Encoding", "gzip")
			body = packed(body)
		case Growing:
			body = append(body, make([]byte, v.nth)...)
			tag = `"always-the-same"`
		case NoLength:
			length = false
		}
	}
	h.Set("Content-Type", a.contentType)
	if a.cookie != "" {
		h.Set("Set-Cookie", a.cookie)
	}
	switch {
	case !length:
		v.out.WriteHeader(http.StatusOK)
		v.out.Flush()
		v.out.Write(body)
	case tag != "":
		v.sendPicture(body, tag, lastModified(v.server.dice, a.picture.name), damage)
	default:
		h.Set("Content-Length", strconv.Itoa(len(body)))
		status := a.status
		if status == 0 {
			status = http.StatusOK
		}
		v.out.WriteHeader(status)
		v.out.Write(body)
	}
}

// sendPicture writes a picture, or the part of it that was asked for.
func (v *visit) sendPicture(body []byte, tag string, changed time.Time, damage []Kind) {
	h := v.out.Header()
	r := v.request.Clone(v.request.Context())
	for _, k := range damage {
		switch k {
		case NoTag:
			tag = ""
		case WeakTag:
			tag = "W/" + tag
		case FreshDate:
			tag, changed = "", time.Now()
		case NoRange:
			r.Header.Del("Range")
		case NoIfRange:
			r.Header.Del("If-Range")
		}
	}
	if tag != "" {
		h.Set("Etag", tag)
	}
	if r.Header.Get("Range") != "" {
		switch {
		case slices.Contains(damage, Unsatisfied):
			h.Set("Content-Range", fmt.Sprintf("bytes */%d", len(body)))
			v.plain(http.StatusRequestedRangeNotSatisfiable, "416 range not satisfiable")
			return
		case slices.Contains(damage, WrongRange):
			h.Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(body)-1, len(body)))
			h.Set("Content-Length", strconv.Itoa(len(body)))
			v.out.WriteHeader(http.StatusPartialContent)
			v.out.Write(body)
			return
		}
	}
	// ServeContent does HEAD, Range and If-None-Match.
	http.ServeContent(v.out, r, "", changed, bytes.NewReader(body))
}

// lastModified is a date of a picture, in 2018 or 2019.
func lastModified(d dice, name string) time.Time {
	return time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(d.below(2*365*24*3600, "modified"+name)) * time.Second)
}

// inGBK encodes HTML in GBK and lets it say so where c wants it to.
func inGBK(body []byte, c Charset) (contentType string, gbk []byte) {
	meta := regexp.MustCompile(`(?i)<meta[^>]*charset=[^>]*>\s*`)
	with := ""
	if c == GBKMeta {
		with = "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=gb2312\" />\n"
	}
	body = meta.ReplaceAllLiteral(body, []byte(with))
	gbk, err := encoding.HTMLEscapeUnsupported(simplifiedchinese.GBK.NewEncoder()).Bytes(body)
	if err != nil {
		// Unreachable: pages are UTF-8, and what GBK lacks is escaped.
		panic(err)
	}
	contentType = "text/html"
	if c == GBKHeader {
		contentType += "; charset=gbk"
	}
	return contentType, gbk
}

// errCut is what a handler sees that goes on writing after a cut.
var errCut = errors.New("replica: body cut")

// sender is the way to the client: it counts, slows down and cuts.
type sender struct {
	http.ResponseWriter
	ctx    context.Context
	head   bool  // the request is a HEAD: nothing of the body is sent
	rate   int   // bytes a second; zero means no limit
	cutAt  int64 // of the body, in bytes; negative means never
	stall  bool  // at the cut, hang instead of closing
	status int
	sent   int64
	err    error
}

func (s *sender) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Flush pushes what was written out to the client.
func (s *sender) Flush() { http.NewResponseController(s.ResponseWriter).Flush() }

func (s *sender) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	if s.head {
		return len(b), nil
	}
	if s.cutAt >= 0 && s.sent+int64(len(b)) > s.cutAt {
		s.paced(b[:max(0, s.cutAt-s.sent)])
		s.Flush()
		s.err = errCut
		if s.stall {
			<-s.ctx.Done()
		}
		panic(http.ErrAbortHandler)
	}
	return s.paced(b)
}

// paced writes in slices of a twentieth of a second.
func (s *sender) paced(b []byte) (int, error) {
	if s.rate <= 0 {
		return s.write(b)
	}
	total := 0
	for len(b) > 0 {
		n := min(len(b), max(1, s.rate/20))
		t := time.NewTimer(time.Duration(n) * time.Second / time.Duration(s.rate))
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			s.err = s.ctx.Err()
			return total, s.err
		}
		k, err := s.write(b[:n])
		total += k
		if err != nil {
			return total, err
		}
		s.Flush()
		b = b[n:]
	}
	return total, nil
}

func (s *sender) write(b []byte) (int, error) {
	n, err := s.ResponseWriter.Write(b)
	s.sent += int64(n)
	if err != nil {
		s.err = err
	}
	return n, err
}
