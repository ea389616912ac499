package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/s3"
	"github.com/trawl-go/trawl/internal/s3/s3test"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/save/savetest"
)

func address(t *testing.T, s string) s3.Address {
	t.Helper()
	a, err := s3.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func open(t *testing.T, at string, dir string, opt *s3.Options) (*s3.Bucket, error) {
	t.Helper()
	local, err := save.Open(dir, &save.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s3.Open(t.Context(), address(t, at), local, opt)
}

func mustOpen(t *testing.T, at string) *s3.Bucket {
	t.Helper()
	b, err := open(t, at, t.TempDir(), &s3.Options{Owner: "me", Name: "test", Wait: 5 * time.Second, PartSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// place saves a body under a path.
func place(ctx context.Context, b *s3.Bucket, path string, body []byte) (save.File, error) {
	tmp, err := b.Write(ctx, bytes.NewReader(body), save.Want{Length: -1, Path: path})
	if err != nil {
		return save.File{}, err
	}
	defer tmp.Discard()
	f := save.File{Path: path, Size: tmp.Size, SHA256: tmp.SHA256, Type: tmp.Type}
	return f, b.Place(ctx, tmp, f)
}

// TestBucketIsFiles runs the checks of the seam on the server of package s3test,
// and on a real one if $TRAWL_S3_TEST names a place in a bucket for it.
func TestBucketIsFiles(t *testing.T) {
	real := os.Getenv("TRAWL_S3_TEST")
	if real == "" {
		t.Log("without TRAWL_S3_TEST=s3://BUCKET/PREFIX no real server is asked")
	}
	for _, at := range []string{"s3://pictures", "s3://pictures/jobs/三", real} {
		if at == "" {
			continue
		}
		hash := at == "s3://pictures"
		t.Run(at, func(t *testing.T) {
			savetest.Run(t, func(t *testing.T) savetest.Kind {
				at := at
				if at == real {
					at = fmt.Sprintf("%s/%d", at, time.Now().UnixNano())
				} else {
					s3test.New(t, "pictures").Setenv(t)
				}
				dir := t.TempDir()
				return savetest.Kind{Keeps: hash, Open: func(t *testing.T) save.Files {
					b, err := open(t, at, dir, &s3.Options{Owner: "me"})
					if err != nil {
						t.Fatal(err)
					}
					if hash {
						return save.ByHash(b)
					}
					return b
				}}
			})
		})
	}
}

func TestObject(t *testing.T) {
	srv := s3test.New(t, "pictures")
	srv.Setenv(t)
	b := mustOpen(t, "s3://pictures/a")
	body := []byte("{\"a\": 1}")
	if _, err := place(t.Context(), b, "思考/1.json", body); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	o := srv.Objects()["a/思考/1.json"]
	if !bytes.Equal(o.Body, body) || o.Meta["Sha256"] != hex.EncodeToString(sum[:]) {
		t.Errorf("object = %+v", o)
	}
	if n := len(srv.Calls("put")); n != 2 { // with the mark of the owner
		t.Errorf("%d uploads, want 2", n)
	}
	if n := len(srv.Calls("head")); n != 0 {
		t.Errorf("%d questions about what the upload had confirmed", n)
	}
}

// TestFaults has an upload meet every fault that passes: in the end the object
// is there, and right.
func TestFaults(t *testing.T) {
	for _, size := range []int{0, 10, 100 << 10, (3 << 20) + 5} {
		for name, fault := range map[string]s3test.Fault{
			"500": s3test.Broken, "slow down": s3test.SlowDown, "cut": s3test.Cut, "answer lost": s3test.Lost,
			"wrong ETag": s3test.WrongTag, "truncated": s3test.Truncated,
		} {
			t.Run(fmt.Sprintf("%s of %d bytes", name, size), func(t *testing.T) {
				srv := s3test.New(t, "pictures")
				srv.Setenv(t)
				b := mustOpen(t, "s3://pictures")
				srv.Inject(func(c s3test.Call) s3test.Fault {
					if c.N == 0 && (c.Op == "put" || c.Op == "create" || c.Op == "complete") || c.Op == "part" && c.N == 1 {
						if fault == s3test.Truncated && (c.Op != "put" || size == 0) {
							return s3test.Broken
						}
						return fault
					}
					return s3test.None
				})
				body := bytes.Repeat([]byte{7}, size)
				f, err := place(t.Context(), b, "x.bin", body)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(srv.Objects()["x.bin"].Body, body) {
					t.Error("the object is another")
				}
				if ok, err := b.Has(t.Context(), f); !ok || err != nil {
					t.Errorf("Has() = %v, %v", ok, err)
				}
			})
		}
	}
}

// TestErrors has a request meet what does not pass.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		at    string
		env   map[string]string
		fault s3test.Fault
		kind  s3.Kind
		hint  string
	}{
		{name: "no bucket", at: "s3://nothing-here/x", kind: s3.NoBucket, hint: "create the bucket"},
		{name: "wrong key", env: map[string]string{"AWS_ACCESS_KEY_ID": "AKOTHER"}, kind: s3.Denied, hint: "AWS_ACCESS_KEY_ID"},
		{name: "may not", fault: s3test.Denied, kind: s3.Denied, hint: "list, get, put and delete"},
		{name: "region", fault: s3test.Elsewhere, kind: s3.Region, hint: "AWS_REGION=cn-north-1"},
		{name: "clock", fault: s3test.Skewed, kind: s3.Clock, hint: "clock"},
		{name: "full", fault: s3test.Full, kind: s3.Full, hint: "room"},
		{name: "away", fault: s3test.Cut, kind: s3.Away, hint: "same command"},
		{name: "bad endpoint", env: map[string]string{"AWS_ENDPOINT_URL": "ftp://x:geheim@y"}, kind: s3.Setup},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := s3test.New(t, "pictures")
			srv.Setenv(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			srv.Inject(func(s3test.Call) s3test.Fault { return tt.fault })
			at := tt.at
			if at == "" {
				at = "s3://pictures/x"
			}
			_, err := open(t, at, t.TempDir(), &s3.Options{Owner: "me", Wait: 300 * time.Millisecond})
			var e *s3.Error
			var se *save.Error
			if !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(e.Hint(), tt.hint) {
				t.Fatalf("Open() = %v, want kind %s with the hint %q", err, tt.kind, tt.hint)
			}
			if !errors.As(err, &se) || !se.Persistent() || se.Reason != save.Disk {
				t.Errorf("Open() = %#v, want one that ends the job", err)
			}
			for _, secret := range []string{s3test.Secret, "geheim", s3test.Access} {
				if text := err.Error() + e.Hint(); strings.Contains(text, secret) {
					t.Errorf("%q is in %q", secret, text)
				}
			}
		})
	}
}

// TestOneObjectInTrouble tells the server's trouble from that of one object.
func TestOneObjectInTrouble(t *testing.T) {
	srv := s3test.New(t, "pictures")
	srv.Setenv(t)
	b, err := open(t, "s3://pictures", t.TempDir(), &s3.Options{Owner: "me", Wait: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	once := sync.OnceFunc(func() {
		wg.Go(func() {
			if _, err := place(t.Context(), b, "good", []byte("x")); err != nil {
				t.Error(err)
			}
		})
	})
	srv.Inject(func(c s3test.Call) s3test.Fault {
		if c.Key == "bad" && c.Op == "put" {
			once() // between two attempts another succeeds
			return s3test.Broken
		}
		return s3test.None
	})
	for _, tt := range []struct {
		alone bool
	}{{true}, {false}} {
		_, err := place(t.Context(), b, "bad", []byte("y"))
		var se *save.Error
		if !errors.As(err, &se) || se.Persistent() == tt.alone {
			t.Errorf("Place() = %v, Persistent() = %v; others went well: %v", err, se.Persistent(), tt.alone)
		}
	}
}

func TestOwners(t *testing.T) {
	srv := s3test.New(t, "pictures")
	srv.Setenv(t)
	dir := t.TempDir()
	openAs := func(at, owner string) error {
		b, err := open(t, at, dir, &s3.Options{Owner: owner, Name: "job-" + owner})
		if err == nil {
			err = b.Close()
		}
		return err
	}
	for range 2 {
		if err := openAs("s3://pictures/a", "me"); err != nil {
			t.Fatal(err)
		}
	}
	srv.Put("b/somebody's.jpg", []byte("x"))
	for at, says := range map[string]string{"s3://pictures/a": "job-me", "s3://pictures/b": "b/somebody's.jpg", "s3://pictures": "somebody"} {
		err := openAs(at, "you")
		var e *s3.Error
		if at == "s3://pictures" {
			says = "there is something already"
		}
		if !errors.As(err, &e) || e.Kind != s3.InUse || !strings.Contains(err.Error(), says) {
			t.Errorf("Open(%s) = %v, want one that says %q", at, err, says)
		}
	}
	if err := openAs("s3://pictures/c", "you"); err != nil {
		t.Error(err)
	}
	// A mark that was damaged on its way is written again.
	damaged := 0
	srv.Inject(func(c s3test.Call) s3test.Fault {
		if c.Op == "put" && damaged < 2 {
			damaged++
			return s3test.Truncated
		}
		return s3test.None
	})
	if err := openAs("s3://pictures/d", "you"); err != nil || damaged != 2 {
		t.Errorf("Open = %v after %d damaged marks", err, damaged)
	}
	srv.Inject(nil)
	if err := openAs("s3://pictures/d", "you"); err != nil {
		t.Error(err)
	}
	// A server that does not know conditions.
	srv.Inject(func(c s3test.Call) s3test.Fault {
		if c.Op == "put" && c.N == 0 {
			return s3test.Unknown
		}
		return s3test.None
	})
	if err := openAs("s3://pictures/d", "you"); err != nil {
		t.Error(err)
	}
}

// TestUploadEnds leaves nothing of an upload in parts that fails.
func TestUploadEnds(t *testing.T) {
	srv := s3test.New(t, "pictures")
	srv.Setenv(t)
	b := mustOpen(t, "s3://pictures")
	ctx, cancel := context.WithCancel(t.Context())
	srv.Inject(func(c s3test.Call) s3test.Fault {
		if c.Op == "part" {
			cancel()
			return s3test.Broken
		}
		return s3test.None
	})
	if _, err := place(ctx, b, "x.bin", make([]byte, 3<<20)); !errors.Is(err, context.Canceled) {
		t.Errorf("Place() = %v, want %v", err, context.Canceled)
	}
	if n := srv.Uploads(); n != 0 {
		t.Errorf("%d uploads in parts are left", n)
	}
	if diff := cmp.Diff([]string(nil), srv.Keys()); diff != "" {
		t.Errorf("objects: %s", diff)
	}
}

// TestChanged does not upload what is not the file any more.
func TestChanged(t *testing.T) {
	for _, size := range []int{100, 3 << 20} {
		srv := s3test.New(t, "pictures")
		srv.Setenv(t)
		dir := t.TempDir()
		b, err := open(t, "s3://pictures", dir, &s3.Options{Owner: "me", Wait: 200 * time.Millisecond, PartSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		tmp, err := b.Write(t.Context(), bytes.NewReader(make([]byte, size)), save.Want{Length: -1, Path: "x"})
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, tmp.Path()), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("x")
		f.Close()
		if err := b.Place(t.Context(), tmp, save.File{Path: "x"}); err == nil {
			t.Error("a file that has changed was uploaded")
		}
		if diff := cmp.Diff([]string(nil), srv.Keys()); diff != "" {
			t.Errorf("objects: %s", diff)
		}
		b.Close()
	}
}

func TestPublish(t *testing.T) {
	srv := s3test.New(t, "pictures")
	srv.Setenv(t)
	b := mustOpen(t, "s3://pictures/a")
	name := filepath.Join(t.TempDir(), "x.jsonl")
	for i, text := range []string{"one\n", "one\n", "one\ntwo\n"} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Publish(t.Context(), "x.jsonl", f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if got := string(srv.Objects()["a/x.jsonl"].Body); got != text {
			t.Errorf("%d: the object has %q", i, got)
		}
	}
	if n := len(srv.Calls("put")); n != 3 { // the mark, and two contents
		t.Errorf("%d uploads, want 3", n)
	}
}

func TestParseAddress(t *testing.T) {
	for s, want := range map[string]string{
		"s3://pictures": "s3://pictures", "s3://pictures/": "s3://pictures", "s3://pictures/a/b/": "s3://pictures/a/b", "s3://my.bucket-1/三": "s3://my.bucket-1/三",
		"s3://": "", "s3://ab": "", "s3://UPPER": "", "s3://a b c": "", "s3:///x": "", "s3://pictures/../x": "", "s3://pictures/a//b": "", "/home/x": "", "s3://x:y@host/": "",
	} {
		a, err := s3.ParseAddress(s)
		if want == "" {
			if err == nil {
				t.Errorf("ParseAddress(%q) = %v, want an error", s, a)
			}
			continue
		}
		if err != nil || a.String() != want {
			t.Errorf("ParseAddress(%q) = %v, %v, want %s", s, a, err, want)
		}
	}
	if got := address(t, "s3://pictures/a").Join("b").String(); got != "s3://pictures/a/b" {
		t.Errorf("Join() = %s", got)
	}
}
