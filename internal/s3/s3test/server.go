// Package s3test serves a bucket from memory, for tests: as much of the language
// of Amazon S3 as package s3 speaks, with a switch for every fault. Start with
// [New].
//
// It refuses what a real server refuses: requests without a signature by its
// key, or of another time, and bodies that are not what their headers say. The
// signature itself is not computed.
package s3test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Access and Secret are the keys that the server takes.
const (
	Access = "AKTRAWLTEST"
	Secret = "a secret that no log may show"
)

// An Object is what is under a key.
type Object struct {
	Body []byte
	Type string
	Meta map[string]string // by names like "Sha256"
	ETag string            // without quotes
}

// A Call is one request.
type Call struct {
	// Op is what is asked for: "put", "get", "head", "delete", "copy", "list",
	// "location", or of an upload in parts "create", "part", "complete",
	// "abort", "uploads".
	Op  string
	Key string
	N   int // how many of this Op for this Key there were before
}

// A Fault is what goes wrong with a call.
type Fault int

// Faults.
const (
	None      Fault = iota
	Broken          // 500 InternalError
	SlowDown        // 503 SlowDown
	Cut             // the connection ends before anything is done
	Lost            // it is done, and the connection ends before the answer
	WrongTag        // it is done, and the answer names another ETag
	Truncated       // half of the body is kept
	Denied          // 403 AccessDenied
	Skewed          // 403 RequestTimeTooSkewed
	Elsewhere       // 301 PermanentRedirect, from another region
	Full            // 507 of a server whose disk is full
	Unknown         // 501 NotImplemented
)

// A Server is a bucket behind a URL. It is safe for concurrent use.
type Server struct {
	URL    string
	Bucket string

	mu      sync.Mutex
	objects map[string]Object
	uploads map[string]*upload
	calls   []Call
	counts  map[Call]int // with N 0
	hashes  map[string][]string
	inject  func(Call) Fault
	nextID  int
}

type upload struct {
	key   string
	head  http.Header
	parts map[int][]byte
	begun time.Time
}

// New starts a server on loopback, which ends with the test.
func New(t testing.TB, bucket string) *Server {
	s := &Server{
		Bucket: bucket, objects: make(map[string]Object), uploads: make(map[string]*upload),
		counts: make(map[Call]int), hashes: make(map[string][]string),
	}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Env returns the environment by which a client finds the server and has its
// keys, and no others.
func (s *Server) Env() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": s.URL, "AWS_ENDPOINT_URL_S3": "",
		"AWS_ACCESS_KEY_ID": Access, "AWS_SECRET_ACCESS_KEY": Secret, "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	}
}

// Setenv gives this process the environment of [Server.Env], for the test.
func (s *Server) Setenv(t testing.TB) {
	for k, v := range s.Env() {
		t.Setenv(k, v)
	}
}

// Inject has every call asked what goes wrong with it; nil means nothing. f is
// called from several goroutines, one at a time.
func (s *Server) Inject(f func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inject = f
}

// Objects returns what is there, without the marks of owners.
func (s *Server) Objects() map[string]Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := maps.Clone(s.objects)
	maps.DeleteFunc(m, func(k string, _ Object) bool { return strings.HasSuffix(k, ".trawl/owner") })
	return m
}

// Keys returns the sorted keys of Objects.
func (s *Server) Keys() []string { return slices.Sorted(maps.Keys(s.Objects())) }

// Put puts an object there, or with a nil body takes it away.
func (s *Server) Put(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if body == nil {
		delete(s.objects, key)
		return
	}
	o := s.objects[key]
	o.Body = body
	s.objects[key] = o
}

// Uploads returns how many uploads in parts were begun and not ended.
func (s *Server) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// Calls returns the calls of an Op, of every one for "", in their order.
func (s *Server) Calls(op string) (calls []Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if op == "" || c.Op == op {
			calls = append(calls, c)
		}
	}
	return calls
}

// Contents returns the hashes of the different contents that a key has had.
func (s *Server) Contents(key string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hashes[key])
}

// set puts an object there. The caller holds mu.
func (s *Server) set(key string, o Object) {
	s.objects[key] = o
	sum := sha256.Sum256(o.Body)
	if h := hex.EncodeToString(sum[:]); !slices.Contains(s.hashes[key], h) {
		s.hashes[key] = append(s.hashes[key], h)
	}
}

// call notes a call and returns what goes wrong with it.
func (s *Server) call(op, key string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Call{Op: op, Key: key}
	c.N = s.counts[c]
	s.counts[Call{Op: op, Key: key}]++
	s.calls = append(s.calls, c)
	if s.inject == nil {
		return None
	}
	return s.inject(c)
}

// opOf tells what a request asks for.
func opOf(r *http.Request, key string, q url.Values) string {
	switch {
	case q.Has("location"):
		return "location"
	case q.Has("uploads") && r.Method == http.MethodGet:
		return "uploads"
	case q.Has("uploads"):
		return "create"
	case q.Has("partNumber"):
		return "part"
	case q.Has("uploadId") && r.Method == http.MethodPost:
		return "complete"
	case q.Has("uploadId") && r.Method == http.MethodDelete:
		return "abort"
	case r.Method == http.MethodGet && key == "":
		return "list"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "copy"
	}
	return strings.ToLower(r.Method)
}

// refuse answers with an error as S3 does.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
}
