// Package savetest checks that an implementation of [save.Files] does what the
// interface says. Start with [Run].
package savetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
)

// A Kind is an implementation, and what is particular about it.
type Kind struct {
	// Open opens the same place each time within a test.
	Open func(t *testing.T) save.Files

	// Commit, if not nil, does what makes files that were placed and synced
	// count: Open shows nothing before it.
	Commit func(t *testing.T, f save.Files, files []save.File)

	// Keeps says that Hold and Remove leave the content where it is, since
	// nobody finds it by its path.
	Keeps bool
}

// Run runs the checks. New makes a place that is empty, for each of them.
func Run(t *testing.T, New func(t *testing.T) Kind) {
	for _, c := range []struct {
		name  string
		check func(t *testing.T, k Kind)
	}{
		{"place", testPlace}, {"replace", testReplace}, {"missing", testMissing}, {"reopen", testReopen},
		{"remove", testRemove}, {"hold", testHold}, {"part", testPart}, {"together", testTogether},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, New(t)) })
	}
}

// picture returns the bytes of a small GIF, each n another one.
func picture(n int) []byte {
	var b bytes.Buffer
	img := image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.Black, color.White})
	if err := gif.Encode(&b, img, nil); err != nil {
		panic(err) // Unreachable: a Buffer takes all.
	}
	return fmt.Appendf(b.Bytes(), "%08d", n)
}

// put saves a body under a path, and has it count.
func put(t *testing.T, k Kind, files save.Files, path string, body []byte) save.File {
	t.Helper()
	f := place(t, files, path, body)
	if err := files.Sync(t.Context()); err != nil {
		t.Fatalf("Sync() = %v", err)
	}
	if k.Commit != nil {
		k.Commit(t, files, []save.File{f})
	}
	return f
}

func place(t *testing.T, files save.Files, path string, body []byte) save.File {
	t.Helper()
	tmp, err := files.Write(t.Context(), bytes.NewReader(body), save.Want{Length: int64(len(body)), Path: path})
	if err != nil {
		t.Fatalf("Write(%s) = %v", path, err)
	}
	f := save.File{
		Key: trawl.KeyOf(trawl.KindFile, "https://example.com/"+path), URL: "https://example.com/" + path,
		Path: path, Size: tmp.Size, SHA256: tmp.SHA256, Type: tmp.Type,
	}
	if f.Size != int64(len(body)) || f.SHA256 != sha256.Sum256(body) {
		t.Fatalf("Write(%s): size %d or hash is wrong", path, f.Size)
	}
	if err := files.Place(t.Context(), tmp, f); err != nil {
		t.Fatalf("Place(%s) = %v", path, err)
	}
	tmp.Discard() // does nothing now
	return f
}

// want checks that a file is there.
func want(t *testing.T, files save.Files, f save.File, body []byte) {
	t.Helper()
	r, err := files.Open(t.Context(), f)
	if err != nil {
		t.Errorf("Open(%s) = %v", f.Path, err)
		return
	}
	got, err := io.ReadAll(r)
	if cerr := r.Close(); err != nil || cerr != nil || !bytes.Equal(got, body) {
		t.Errorf("%s has %q, %v, %v, want %q", f.Path, got, err, cerr, body)
	}
	wantHas(t, files, f, true)
}

func wantHas(t *testing.T, files save.Files, f save.File, want bool) {
	t.Helper()
	if ok, err := files.Has(t.Context(), f); ok != want || err != nil {
		t.Errorf("Has(%s) = %v, %v, want %v", f.Path, ok, err, want)
	}
	if ok, err := files.HasSize(t.Context(), f); ok != want || err != nil {
		t.Errorf("HasSize(%s) = %v, %v, want %v", f.Path, ok, err, want)
	}
}

// open opens the place until the test ends.
func open(t *testing.T, k Kind) save.Files {
	files := k.Open(t)
	t.Cleanup(func() {
		if err := files.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return files
}

var names = []string{"1.gif", "思考中/三 四.gif", "a/b/c/d.e.gif", "a/b/c/d.gif", "percent%20+plus & <amp>.gif"}

func testPlace(t *testing.T, k Kind) {
	files := open(t, k)
	var all []save.File
	for i, p := range names {
		if !files.Reachable(p) {
			t.Errorf("Reachable(%s) = false", p)
		}
		all = append(all, put(t, k, files, p, picture(i)))
	}
	for i, f := range all {
		want(t, files, f, picture(i))
		f.SHA256[0]++
		if ok, err := files.Has(t.Context(), f); ok || err != nil {
			t.Errorf("Has(%s) = %v, %v with another hash", f.Path, ok, err)
		}
	}
}

func testReplace(t *testing.T, k Kind) {
	files := open(t, k)
	f := put(t, k, files, "a/1.gif", picture(1))
	g := put(t, k, files, "a/1.gif", picture(1))
	want(t, files, g, picture(1))
	want(t, files, f, picture(1))
}

func testMissing(t *testing.T, k Kind) {
	files := open(t, k)
	put(t, k, files, "there.gif", picture(1))
	f := save.File{Path: "a/missing.gif", Size: 3, Type: "image/gif", SHA256: sha256.Sum256([]byte("missing"))}
	if r, err := files.Open(t.Context(), f); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open() = %v, %v, want %v", r, err, fs.ErrNotExist)
	}
	wantHas(t, files, f, false)
	for name, err := range map[string]error{
		"Remove": files.Remove(t.Context(), f.Path), "Hold": files.Hold(t.Context(), f, "x"), "DropHeld": files.DropHeld(t.Context(), "x"),
	} {
		if err != nil {
			t.Errorf("%s of what is missing = %v", name, err)
		}
	}
	if ok, err := files.Unhold(t.Context(), "x", f); ok || err != nil {
		t.Errorf("Unhold of what is missing = %v, %v", ok, err)
	}
}

func testReopen(t *testing.T, k Kind) {
	files := k.Open(t)
	f := put(t, k, files, "a/1.gif", picture(1))
	for range 2 {
		if err := files.Close(); err != nil {
			t.Fatalf("Close() = %v", err)
		}
	}
	files = open(t, k)
	want(t, files, f, picture(1))
	want(t, files, put(t, k, files, "a/2.gif", picture(2)), picture(2))
}

func testRemove(t *testing.T, k Kind) {
	files := open(t, k)
	f, g := put(t, k, files, "a/1.gif", picture(1)), put(t, k, files, "a/2.gif", picture(2))
	if err := files.Remove(t.Context(), f.Path); err != nil {
		t.Fatalf("Remove() = %v", err)
	}
	wantHas(t, files, f, k.Keeps)
	want(t, files, g, picture(2))
}

func testHold(t *testing.T, k Kind) {
	files := open(t, k)
	f, g := put(t, k, files, "a/1.gif", picture(1)), put(t, k, files, "a/2.gif", picture(2))
	held := func(want ...string) {
		t.Helper()
		if k.Keeps {
			want = nil
		}
		got, err := files.Held(t.Context())
		slices.Sort(got)
		if diff := cmp.Diff(strings.Join(want, " "), strings.Join(got, " ")); diff != "" || err != nil {
			t.Errorf("Held() = %v, %v, want %v", got, err, want)
		}
	}
	held()
	for _, f := range []save.File{f, g} {
		if err := files.Hold(t.Context(), f, "held-"+f.Path[2:]); err != nil {
			t.Fatalf("Hold() = %v", err)
		}
		wantHas(t, files, f, k.Keeps)
	}
	held("held-1.gif", "held-2.gif")
	other := f
	other.SHA256 = sha256.Sum256([]byte("other"))
	if ok, err := files.Unhold(t.Context(), "held-1.gif", other); ok || err != nil {
		t.Errorf("Unhold of another content = %v, %v", ok, err)
	}
	held("held-1.gif", "held-2.gif")
	for range 2 { // the second time as after a crash
		if ok, err := files.Unhold(t.Context(), "held-1.gif", f); !ok || err != nil {
			t.Errorf("Unhold() = %v, %v", ok, err)
		}
	}
	if err := files.Sync(t.Context()); err != nil {
		t.Errorf("Sync() = %v", err)
	}
	want(t, files, f, picture(1))
	held("held-2.gif")
	if err := files.DropHeld(t.Context(), "held-2.gif"); err != nil {
		t.Errorf("DropHeld() = %v", err)
	}
	held()
}

func testPart(t *testing.T, k Kind) {
	files := k.Open(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 10<<10) // 160 KB
	w := save.Want{
		Length: int64(len(body)), Path: "a/x.bin",
		Source: save.Source{ID: "x", URL: "https://example.com/x", Validator: `"v1"`, Length: int64(len(body))},
	}
	cut := len(body) - 1000
	if _, err := files.Write(t.Context(), bytes.NewReader(body[:cut]), w); err == nil {
		t.Fatal("a body that was cut was accepted")
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	files = open(t, k)
	part, err := files.Part(t.Context(), "x")
	if part == nil || err != nil || part.Size == 0 {
		t.Fatalf("Part() = %v, %v", part, err)
	}
	w.Part = part
	tmp, err := files.Write(t.Context(), bytes.NewReader(body[part.Size:]), w)
	if err != nil {
		t.Fatal(err)
	}
	f := save.File{Path: "a/x.bin", Size: tmp.Size, SHA256: tmp.SHA256, Type: tmp.Type}
	if err := files.Place(t.Context(), tmp, f); err != nil {
		t.Fatal(err)
	}
	if err := files.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.Commit != nil {
		k.Commit(t, files, []save.File{f})
	}
	want(t, files, f, body)
	if p, err := files.Part(t.Context(), "x"); p != nil || err != nil {
		t.Errorf("Part() = %v, %v after the file is whole", p, err)
	}
}

func testTogether(t *testing.T, k Kind) {
	files := open(t, k)
	const workers, each = 8, 12
	all := make([][]save.File, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				n := w*each + i
				all[w] = append(all[w], place(t, files, fmt.Sprintf("%d/%d.gif", i, n), picture(n)))
				if i%4 == 3 {
					if err := files.Sync(context.Background()); err != nil {
						t.Errorf("Sync() = %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := files.Sync(t.Context()); err != nil {
		t.Fatalf("Sync() = %v", err)
	}
	for w, list := range all {
		if k.Commit != nil {
			k.Commit(t, files, list)
		}
		for i, f := range list {
			want(t, files, f, picture(w*each+i))
		}
	}
}
