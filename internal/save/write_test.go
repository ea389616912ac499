package save_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/trawl-go/trawl/internal/save"
)

// random returns n bytes that look like nothing.
func random(n int) []byte {
	rnd := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	rnd.Read(b)
	if n > 0 {
		b[0] = 0x01
	}
	return b
}

func TestWriteSizes(t *testing.T) {
	d, dir := open(t, &save.Options{NoSync: true})
	for _, n := range []int{0, 1, 511, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 300000} {
		body := random(n)
		for name, r := range map[string]io.Reader{
			"at once":       bytes.NewReader(body),
			"in halves":     iotest.HalfReader(bytes.NewReader(body)),
			"end with data": iotest.DataErrReader(bytes.NewReader(body)),
			"odd stretches": &stretches{data: body},
			"byte by byte":  iotest.OneByteReader(bytes.NewReader(body[:min(n, 5000)])),
		} {
			want := body
			if name == "byte by byte" {
				want = body[:min(n, 5000)]
			}
			tmp, err := d.Write(context.Background(), r, save.Want{Length: int64(len(want)), Path: "x.bin"})
			if err != nil {
				t.Fatalf("%d bytes %s: %v", n, name, err)
			}
			if tmp.Size != int64(len(want)) || tmp.SHA256 != sha256.Sum256(want) {
				t.Errorf("%d bytes %s: %d bytes, wrong hash or size", n, name, tmp.Size)
			}
			if err := tmp.Rename("x.bin"); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, "x.bin"))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes %s: file has %d bytes, %v", n, name, len(got), err)
			}
		}
	}
	noTemps(t, dir)
}

// stretches reads in pieces of growing size, and sometimes nothing.
type stretches struct {
	data []byte
	n    int
}

func (s *stretches) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(s.n, len(p))], s.data)
	s.data = s.data[n:]
	s.n += 13
	return n, nil
}

func TestWriteRefuses(t *testing.T) {
	broken := errors.New("connection reset")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		opts   save.Options
		body   io.Reader
		want   save.Want
		reason string // of an *Error
		err    error  // anything else
	}{
		{name: "short", body: bytes.NewReader(random(99)), want: save.Want{Length: 100}, reason: save.Cut},
		{name: "short by much", body: bytes.NewReader(random(200000)), want: save.Want{Length: 300000}, reason: save.Cut},
		{name: "long", body: bytes.NewReader(random(101)), want: save.Want{Length: 100}, reason: save.Cut},
		{name: "too large", body: bytes.NewReader(random(101)), want: save.Want{Length: -1, MaxSize: 100}, reason: save.Size},
		{name: "too large by much", body: bytes.NewReader(random(300000)), want: save.Want{Length: -1, MaxSize: 200000}, reason: save.Size},
		{name: "too large by the options", opts: save.Options{MaxSize: 100}, body: bytes.NewReader(random(101)), want: save.Want{Length: -1}, reason: save.Size},
		{name: "too large by its length", body: iotest.ErrReader(broken), want: save.Want{Length: 101, MaxSize: 100}, reason: save.Size},
		{name: "body fails", body: io.MultiReader(bytes.NewReader(random(10)), iotest.ErrReader(broken)), want: save.Want{Length: -1}, err: broken},
		{name: "body fails late", body: io.MultiReader(bytes.NewReader(random(200000)), iotest.ErrReader(broken)), want: save.Want{Length: -1}, err: broken},
		{name: "context ended", ctx: ended, body: bytes.NewReader(random(10)), want: save.Want{Length: -1}, err: context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, dir := open(t, &tt.opts)
			if tt.ctx == nil {
				tt.ctx = context.Background()
			}
			tmp, err := d.Write(tt.ctx, tt.body, tt.want)
			var e *save.Error
			switch {
			case tmp != nil:
				t.Error("Write() returned a file")
			case tt.reason != "" && (!errors.As(err, &e) || e.Reason != tt.reason):
				t.Errorf("Write() = %v, want reason %s", err, tt.reason)
			case tt.err != nil && err != tt.err:
				t.Errorf("Write() = %v, want %v as it is", err, tt.err)
			}
			noTemps(t, dir)
		})
	}
}

// A long body is given up while it is being written.
func TestWriteCancel(t *testing.T) {
	d, dir := open(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	long := readerFunc(func(p []byte) (int, error) {
		if n += len(p); n > 500000 {
			cancel()
		}
		if n > 5000000 {
			return 0, errors.New("still reading")
		}
		return len(p), nil
	})
	if _, err := d.Write(ctx, long, save.Want{Length: -1}); err != context.Canceled {
		t.Errorf("Write() = %v, want %v", err, context.Canceled)
	}
	noTemps(t, dir)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func write(t *testing.T, d *save.Dir, body string) *save.Temp {
	t.Helper()
	tmp, err := d.Write(context.Background(), bytes.NewReader([]byte(body)), save.Want{Length: -1})
	if err != nil {
		t.Fatal(err)
	}
	return tmp
}

func TestRenameReplacesOnlyFiles(t *testing.T) {
	d, dir := open(t, nil)
	outside := filepath.Join(t.TempDir(), "outside")
	for _, err := range []error{
		os.WriteFile(outside, []byte("untouched"), 0o666),
		os.WriteFile(filepath.Join(dir, "half.txt"), []byte("ha"), 0o666),
		os.Mkdir(filepath.Join(dir, "folder.txt"), 0o777),
		os.Mkdir(filepath.Join(dir, "real"), 0o777),
		os.Symlink(outside, filepath.Join(dir, "link.txt")),
		os.Symlink("nowhere", filepath.Join(dir, "dangling.txt")),
		os.Symlink(filepath.Dir(outside), filepath.Join(dir, "out")),
		os.Symlink("real", filepath.Join(dir, "in")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		path string
		ok   bool
	}{
		{"new.txt", true},
		{"half.txt", true},
		{"in/new.txt", true}, // a link of the user's own that stays inside
		{"folder.txt", false},
		{"link.txt", false},
		{"dangling.txt", false},
		{"out/outside", false},
		{"out/new.txt", false},
		{"out/sub/new.txt", false},
		{"half.txt/below", false},
		{"../escaped.txt", false},
		{"/tmp/escaped.txt", false},
		{"a/../../escaped.txt", false},
		{"", false},
		{".", false},
		{".trawl/job.db", false},
		{".Trawl/tmp/x", false},
	} {
		tmp := write(t, d, "content")
		err := tmp.Rename(tt.path)
		if tt.ok != (err == nil) {
			t.Errorf("Rename(%q) = %v, want ok %v", tt.path, err, tt.ok)
		}
		var e *save.Error
		if err != nil && (!errors.As(err, &e) || e.Reason != save.Disk || e.Persistent()) {
			t.Errorf("Rename(%q) = %#v, want reason disk for this name only", tt.path, err)
		}
		if err == nil {
			if got, err := os.ReadFile(filepath.Join(dir, tt.path)); string(got) != "content" {
				t.Errorf("after Rename(%q): %q, %v", tt.path, got, err)
			}
			continue
		}
		// The file is still there and can have another name.
		if err := tmp.Rename("other.txt"); err != nil {
			t.Errorf("Rename(other) after a failure: %v", err)
		}
	}
	if got, _ := os.ReadFile(outside); string(got) != "untouched" {
		t.Errorf("the file outside became %q", got)
	}
	if left, _ := os.ReadDir(filepath.Dir(outside)); len(left) != 1 {
		t.Errorf("files outside: %v", left)
	}
	noTemps(t, dir)
}

func TestExists(t *testing.T) {
	d, dir := open(t, nil)
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := write(t, d, "x").Rename("图/1.txt"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"图/1.txt": true, "图": true, "dangling": true, "图/2.txt": false, "x/y/z": false,
		"图/1.txt/below": true, // the file is in the way
	} {
		if got := d.Exists(path); got != want {
			t.Errorf("Exists(%q) = %v, want %v", path, got, want)
		}
	}
}

func TestReachable(t *testing.T) {
	d, dir := open(t, nil)
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "a", "b"), 0o777), os.WriteFile(filepath.Join(dir, "a", "f"), nil, 0o666),
		os.Symlink("b", filepath.Join(dir, "a", "in")), os.Symlink(t.TempDir(), filepath.Join(dir, "out")), os.Symlink("gone", filepath.Join(dir, "gone")))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{
		"x": true, "a": true, "a/b/x": true, "a/b/c/d/x": true, "new/x": true, "out": true,
		"a/f/x": false, "a/f/y/x": false, "a/in/x": false, "out/x": false, "gone/x": false,
	} {
		if got := d.Reachable(p); got != want {
			t.Errorf("Reachable(%q) = %v, want %v", p, got, want)
		}
	}
}

func TestTempEndsOnce(t *testing.T) {
	d, dir := open(t, nil)
	tmp := write(t, d, "x")
	if err := tmp.Rename("a"); err != nil {
		t.Fatal(err)
	}
	if err := tmp.Rename("b"); err == nil {
		t.Error("the second Rename succeeded")
	}
	tmp.Discard()
	if !d.Exists("a") || d.Exists("b") {
		t.Errorf("a exists: %v, b exists: %v", d.Exists("a"), d.Exists("b"))
	}
	tmp = write(t, d, "x")
	tmp.Discard()
	tmp.Discard()
	if err := tmp.Rename("c"); err == nil {
		t.Error("Rename after Discard succeeded")
	}
	noTemps(t, dir)
}

func TestOpenRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	d, err := save.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, d, "never renamed")
	if err := os.WriteFile(filepath.Join(dir, ".trawl", "job.db"), []byte("db"), 0o666); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if d, err = save.Open(dir, nil); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	noTemps(t, dir)
	if _, err := os.Stat(filepath.Join(dir, ".trawl", "job.db")); err != nil {
		t.Errorf("what is not a temporary file: %v", err)
	}
}

func TestOpenCreatesDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "图")
	d, err := save.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := write(t, d, "x").Rename("1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "1")); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := save.Open(file, nil)
	var e *save.Error
	if !errors.As(err, &e) || e.Reason != save.Disk {
		t.Errorf("Open(a file) = %v, want reason disk", err)
	}
	// A folder of the job that leads elsewhere.
	other := t.TempDir()
	if err := os.Symlink(other, filepath.Join(dir, ".trawl")); err != nil {
		t.Fatal(err)
	}
	if _, err := save.Open(dir, nil); !errors.As(err, &e) {
		t.Errorf("Open(.trawl is a link out) = %v, want an error", err)
	}
	if left, _ := os.ReadDir(other); len(left) != 0 {
		t.Errorf("created outside: %v", left)
	}
}

func TestClosed(t *testing.T) {
	d, _ := open(t, nil)
	tmp := write(t, d, "x")
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Errorf("Close() twice = %v", err)
	}
	if err := tmp.Rename("x"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Rename() after Close = %v, want %v", err, fs.ErrClosed)
	}
	if _, err := d.Write(context.Background(), bytes.NewReader(nil), save.Want{}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Write() after Close = %v, want %v", err, fs.ErrClosed)
	}
}

// Many goroutines save into new directories while names are synced.
func TestConcurrent(t *testing.T) {
	d, dir := open(t, nil)
	const workers, each = 8, 40
	stop := make(chan struct{})
	var syncer, wg sync.WaitGroup
	syncer.Go(func() {
		for {
			if err := d.Sync(context.Background()); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				body := fmt.Sprintf("%d of %d", i, w)
				tmp, err := d.Write(context.Background(), bytes.NewReader([]byte(body)), save.Want{Length: -1})
				if err != nil {
					t.Error(err)
					return
				}
				if err := tmp.Rename(fmt.Sprintf("%d/%d/%d.txt", i%5, i%3, w*each+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	syncer.Wait()
	n := 0
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return err
	})
	if n != workers*each {
		t.Errorf("%d files, want %d", n, workers*each)
	}
	noTemps(t, dir)
}
