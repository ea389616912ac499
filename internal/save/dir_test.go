package save_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/save"
)

// picture returns a PNG of some size.
func picture(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range 16 {
		img.Set(i, i, color.RGBA{uint8(i * 16), 99, 7, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t *testing.T, opts *save.Options) (*save.Dir, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := save.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, dir
}

func TestWriteRename(t *testing.T) {
	d, dir := open(t, nil)
	body := picture(t)
	tmp, err := d.Write(context.Background(), bytes.NewReader(body), save.Want{Length: int64(len(body)), Path: "a/1.png"})
	if err != nil {
		t.Fatal(err)
	}
	if tmp.Size != int64(len(body)) || tmp.SHA256 != sha256.Sum256(body) || tmp.Type != "image/png" {
		t.Errorf("Write() = %d bytes, %x, %q", tmp.Size, tmp.SHA256, tmp.Type)
	}
	if d.Exists("a/1.png") {
		t.Error("the final name exists before Rename")
	}
	if err := tmp.Rename("相册/一/1.png"); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	tmp.Discard()
	got, err := os.ReadFile(filepath.Join(dir, "相册", "一", "1.png"))
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("file = %d bytes, %v, want %d", len(got), err, len(body))
	}
	noTemps(t, dir)
}

// noTemps fails if a temporary file is left in dir.
func noTemps(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, ".trawl", "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if len(names) > 0 {
		t.Errorf("temporary files left: %s", strings.Join(names, " "))
	}
}

// Open removes the places of processes that were killed, when nobody can be
// at work in them.
func TestGonePlaces(t *testing.T) {
	dir := t.TempDir()
	place := func(name string, age time.Duration) string {
		p := filepath.Join(dir, ".trawl", name)
		if err := os.MkdirAll(p, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p, "1"), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(p, at, at); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const old = 2 * time.Hour
	want := map[string]bool{ // whether it stays
		place("tmp-a-dead", old):            false,
		place("tmp-a-alive", old):           true,
		place("tmp-a-young", time.Minute):   true,
		place("tmp-b-of-another job", old):  true,
		place("tmp", old):                   true,
		place("held", old):                  true,
		place("tmp-a-own", old):             true,
		place("tmp-a-future", -time.Minute): true,
	}
	d, err := save.Open(dir, &save.Options{Process: "a-own", Gone: func(process string) bool {
		return strings.HasPrefix(process, "a-") && process != "a-alive"
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for p, stays := range want {
		if _, err := os.Stat(p); (err == nil) != stays {
			t.Errorf("%s: %v; want that it stays: %v", filepath.Base(p), err, stays)
		}
	}
}
