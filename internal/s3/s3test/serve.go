package s3test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	op := opOf(r, key, q)
	if op == "list" {
		key = q.Get("prefix")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever sent it is gone
	}
	fault := s.call(op, key)
	if code, status := check(r, body); code != "" {
		refuse(w, status, code, "The request was refused.")
		return
	}
	if bucket != s.Bucket {
		refuse(w, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
		return
	}
	if r, ok := refusals[fault]; ok {
		if fault == Elsewhere {
			w.Header().Set("X-Amz-Bucket-Region", "cn-north-1")
		}
		refuse(w, r.status, r.code, r.message)
		return
	}
	switch fault {
	case Cut:
		panic(http.ErrAbortHandler)
	case Truncated:
		body = body[:len(body)/2]
	case Lost:
		s.answer(discard{}, r, op, key, q, body)
		panic(http.ErrAbortHandler)
	case WrongTag:
		w = &wrongTag{w}
	}
	s.answer(w, r, op, key, q, body)
}

// refusals are what the faults that refuse answer.
var refusals = map[Fault]struct {
	status        int
	code, message string
}{
	Broken:    {http.StatusInternalServerError, "InternalError", "We encountered an internal error."},
	SlowDown:  {http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."},
	Denied:    {http.StatusForbidden, "AccessDenied", "Access Denied"},
	Skewed:    {http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."},
	Elsewhere: {http.StatusMovedPermanently, "PermanentRedirect", "The bucket must be addressed using the specified endpoint."},
	Full:      {http.StatusInsufficientStorage, "XMinioStorageFull", "Storage backend has reached its minimum free drive threshold."},
	Unknown:   {http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented"},
}

// check refuses a request that a real server would refuse.
func check(r *http.Request, body []byte) (code string, status int) {
	auth := r.Header.Get("Authorization")
	if !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=") || !strings.Contains(auth, "Signature=") ||
		!strings.Contains(auth, ";x-amz-content-sha256;") || !strings.Contains(auth, ";x-amz-date") {
		return "AccessDenied", http.StatusForbidden
	}
	if !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential="+Access+"/") {
		return "InvalidAccessKeyId", http.StatusForbidden
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if d := time.Since(at); err != nil || d > 15*time.Minute || d < -15*time.Minute {
		return "RequestTimeTooSkewed", http.StatusForbidden
	}
	sum, digest := sha256.Sum256(body), md5.Sum(body)
	if h := r.Header.Get("X-Amz-Content-Sha256"); h != hex.EncodeToString(sum[:]) && (h != "UNSIGNED-PAYLOAD" || len(body) > 0) {
		return "XAmzContentSHA256Mismatch", http.StatusBadRequest
	}
	if h := r.Header.Get("Content-Md5"); h != "" && h != base64.StdEncoding.EncodeToString(digest[:]) {
		return "BadDigest", http.StatusBadRequest
	}
	return "", 0
}

// answer does what is asked for.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, op, key string, q url.Values, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case "put":
		if _, there := s.objects[key]; there && r.Header.Get("If-None-Match") == "*" {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
			return
		}
		o := objectOf(r.Header, body)
		s.set(key, o)
		w.Header().Set("ETag", `"`+o.ETag+`"`)
		w.WriteHeader(http.StatusOK)
	case "copy":
		from, err := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
		o, there := s.objects[strings.TrimPrefix(strings.TrimPrefix(from, "/"), s.Bucket+"/")]
		if !there || err != nil {
			refuse(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
			return
		}
		s.set(key, o)
		fmt.Fprintf(w, `<CopyObjectResult><ETag>"%s"</ETag><LastModified>%s</LastModified></CopyObjectResult>`, o.ETag, stamp(time.Now()))
	case "get", "head":
		o, there := s.objects[key]
		if !there {
			refuse(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
			return
		}
		for k, v := range o.Meta {
			w.Header().Set("X-Amz-Meta-"+k, v)
		}
		w.Header().Set("ETag", `"`+o.ETag+`"`)
		w.Header().Set("Content-Type", o.Type)
		w.Header().Set("Content-Length", strconv.Itoa(len(o.Body)))
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		if op == "get" {
			w.Write(o.Body)
		}
	case "delete":
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case "location":
		io.WriteString(w, `<LocationConstraint></LocationConstraint>`)
	case "list":
		s.list(w, q)
	default:
		s.answerParts(w, r, op, key, q, body)
	}
}

// answerParts does what concerns uploads in parts.
func (s *Server) answerParts(w http.ResponseWriter, r *http.Request, op, key string, q url.Values, body []byte) {
	if op == "create" {
		s.nextID++
		id := strconv.Itoa(s.nextID)
		s.uploads[id] = &upload{key: key, head: r.Header.Clone(), parts: make(map[int][]byte), begun: time.Now()}
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Bucket>%s</Bucket><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, s.Bucket, id)
		return
	}
	if op == "uploads" {
		io.WriteString(w, `<ListMultipartUploadsResult>`)
		for id, u := range s.uploads {
			fmt.Fprintf(w, `<Upload><Key>%s</Key><UploadId>%s</UploadId><Initiated>%s</Initiated></Upload>`, escape(u.key), id, stamp(u.begun))
		}
		io.WriteString(w, `</ListMultipartUploadsResult>`)
		return
	}
	id := q.Get("uploadId")
	u := s.uploads[id]
	if u == nil {
		refuse(w, http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist.")
		return
	}
	switch op {
	case "part":
		n, _ := strconv.Atoi(q.Get("partNumber"))
		u.parts[n] = body
		w.Header().Set("ETag", fmt.Sprintf("%q", hexMD5(body)))
	case "abort":
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	case "complete":
		var whole, tags []byte
		for _, n := range slices.Sorted(maps.Keys(u.parts)) {
			sum := md5.Sum(u.parts[n])
			whole, tags = append(whole, u.parts[n]...), append(tags, sum[:]...)
		}
		o := objectOf(u.head, whole)
		o.ETag = fmt.Sprintf("%s-%d", hexMD5(tags), len(u.parts))
		s.set(key, o)
		delete(s.uploads, id)
		tag := o.ETag
		if _, wrong := w.(*wrongTag); wrong {
			tag = "wrong"
		}
		fmt.Fprintf(w, `<CompleteMultipartUploadResult><Bucket>%s</Bucket><Key>%s</Key><ETag>"%s"</ETag></CompleteMultipartUploadResult>`, s.Bucket, escape(key), tag)
	}
}

// list answers with the keys that have a prefix.
func (s *Server) list(w io.Writer, q url.Values) {
	most, err := strconv.Atoi(q.Get("max-keys"))
	if err != nil || most <= 0 || most > 1000 {
		most = 1000
	}
	after := max(q.Get("start-after"), q.Get("continuation-token"))
	var rest []string
	for _, k := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(k, q.Get("prefix")) && k > after {
			rest = append(rest, k)
		}
	}
	more := len(rest) > most
	if more {
		rest = rest[:most]
	}
	fmt.Fprintf(w, `<ListBucketResult><Name>%s</Name><EncodingType>%s</EncodingType><IsTruncated>%t</IsTruncated>`, s.Bucket, q.Get("encoding-type"), more)
	if more {
		fmt.Fprintf(w, `<NextContinuationToken>%s</NextContinuationToken>`, escape(rest[most-1]))
	}
	for _, k := range rest {
		name := k
		if q.Get("encoding-type") == "url" {
			name = url.QueryEscape(k)
		}
		fmt.Fprintf(w, `<Contents><Key>%s</Key><Size>%d</Size><LastModified>%s</LastModified></Contents>`, escape(name), len(s.objects[k].Body), stamp(time.Now()))
	}
	io.WriteString(w, `</ListBucketResult>`)
}

// objectOf is what a request puts there.
func objectOf(h http.Header, body []byte) Object {
	o := Object{Body: bytes.Clone(body), Type: h.Get("Content-Type"), Meta: make(map[string]string), ETag: hexMD5(body)}
	if o.Body == nil {
		o.Body = []byte{}
	}
	for k := range h {
		if name, ok := strings.CutPrefix(k, "X-Amz-Meta-"); ok {
			o.Meta[name] = h.Get(k)
		}
	}
	return o
}

func hexMD5(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}

// discard takes an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return make(http.Header) }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// wrongTag changes the ETag of an answer.
type wrongTag struct{ http.ResponseWriter }

func (w *wrongTag) WriteHeader(status int) {
	w.spoil()
	w.ResponseWriter.WriteHeader(status)
}

func (w *wrongTag) Write(p []byte) (int, error) {
	w.spoil()
	return w.ResponseWriter.Write(p)
}

func (w *wrongTag) spoil() {
	if w.Header().Get("ETag") != "" {
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
	}
}
