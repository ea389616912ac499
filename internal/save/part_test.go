package save_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/trawl-go/trawl/internal/save"
)

var errReset = errors.New("connection reset")

// cutAt returns a body that fails after n bytes.
func cutAt(body []byte, n int) io.Reader {
	return io.MultiReader(bytes.NewReader(body[:n]), iotest.ErrReader(errReset))
}

func source(length int) save.Source {
	return save.Source{ID: "0123abcd", URL: "https://a.com/f", Validator: `"v1"`, Length: int64(length)}
}

func wantOf(body []byte) save.Want {
	return save.Want{Length: int64(len(body)), Path: "f.bin", Source: source(len(body))}
}

// leave has a body cut and checks what is kept of it.
func leave(t *testing.T, d *save.Dir, body []byte, n int) {
	t.Helper()
	if _, err := d.Write(t.Context(), cutAt(body, n), wantOf(body)); err != errReset {
		t.Fatalf("Write() = %v, want %v as it is", err, errReset)
	}
}

func partOf(t *testing.T, d *save.Dir) *save.Part {
	t.Helper()
	p, err := d.Part(t.Context(), "0123abcd")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// finish goes on with a part and checks that the file is body.
func finish(t *testing.T, d *save.Dir, dir string, p *save.Part, body []byte) {
	t.Helper()
	tmp, err := d.Write(t.Context(), bytes.NewReader(body[p.Size:]), save.Want{Length: int64(len(body)), Path: "f.bin", Part: p})
	if err != nil {
		t.Fatal(err)
	}
	if tmp.Size != int64(len(body)) || tmp.SHA256 != sha256.Sum256(body) {
		t.Errorf("Write() = %d bytes, %x", tmp.Size, tmp.SHA256)
	}
	if err := tmp.Rename("f.bin"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "f.bin")); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the file has %d bytes, %v", len(got), err)
	}
	noTemps(t, dir)
	if p := partOf(t, d); p != nil {
		t.Errorf("Part() = %d bytes of a file that is done", p.Size)
	}
}

func TestPart(t *testing.T) {
	d, dir := open(t, nil)
	body := random(300_000)
	leave(t, d, body, 200_000)
	p := partOf(t, d)
	if p == nil || p.Size != 200_000 || p.Source != source(300_000) {
		t.Fatalf("Part() = %+v", p)
	}
	// Cut once more, at a byte and then at none.
	for _, n := range []int{1, 0} {
		w := save.Want{Length: 300_000, Path: "f.bin", Part: p}
		if _, err := d.Write(t.Context(), cutAt(body[p.Size:], n), w); err != errReset {
			t.Fatal(err)
		}
		if p = partOf(t, d); p == nil || p.Size != 200_001 {
			t.Fatalf("Part() after %d more = %+v", n, p)
		}
	}
	d.Close()

	// Another process goes on.
	d, err := save.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if p = partOf(t, d); p == nil || p.Size != 200_001 {
		t.Fatalf("Part() in the next process = %+v", p)
	}
	finish(t, d, dir, p, body)
}

// A body that ends before its length, and one whose context ends, leave a part
// as well.
func TestPartOfShort(t *testing.T) {
	d, dir := open(t, nil)
	body := random(300_000)
	var e *save.Error
	if _, err := d.Write(t.Context(), bytes.NewReader(body[:150_000]), wantOf(body)); !errors.As(err, &e) || e.Reason != save.Cut {
		t.Fatalf("Write() = %v, want %s", err, save.Cut)
	}
	p := partOf(t, d)
	if p == nil || p.Size != 150_000 {
		t.Fatalf("Part() = %+v", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ends := readerFunc(func(b []byte) (int, error) {
		cancel()
		return copy(b, body[150_000:250_000]), context.Canceled
	})
	if _, err := d.Write(ctx, ends, save.Want{Length: 300_000, Path: "f.bin", Part: p}); err != context.Canceled {
		t.Fatalf("Write() = %v", err)
	}
	if p, err := d.Part(ctx, "0123abcd"); p != nil || err != context.Canceled {
		t.Errorf("Part() with a context that ended = %v, %v", p, err)
	}
	if p = partOf(t, d); p == nil || p.Size <= 150_000 {
		t.Fatalf("Part() = %+v", p)
	}
	finish(t, d, dir, p, body)
}

// What is not worth keeping, or must not be kept, is not.
func TestNoPart(t *testing.T) {
	body := random(300_000)
	html := append([]byte("<!DOCTYPE html><title>no</title>"), body...)
	for _, tt := range []struct {
		name string
		body io.Reader
		edit func(*save.Want)
	}{
		{"small", cutAt(body, 64<<10-1), nil},
		{"small and short", bytes.NewReader(body[:60_000]), nil},
		{"no validator", cutAt(body, 200_000), func(w *save.Want) { w.Source.Validator = "" }},
		{"of another type", cutAt(html, 200_000), func(w *save.Want) { w.Picture = true }},
		{"too large", cutAt(body, 200_000), func(w *save.Want) { w.Length, w.MaxSize = -1, 150_000 }},
		{"too large as announced", cutAt(body, 200_000), func(w *save.Want) { w.MaxSize = 150_000 }},
		{"too long", bytes.NewReader(body), func(w *save.Want) { w.Length = 200_000 }},
	} {
		d, dir := open(t, nil)
		leave(t, d, body, 100_000) // an older version, which goes
		w := wantOf(body)
		if tt.edit != nil {
			tt.edit(&w)
		}
		if tmp, err := d.Write(t.Context(), tt.body, w); err == nil {
			t.Errorf("%s: Write() = %v", tt.name, tmp)
		}
		if p := partOf(t, d); p != nil {
			t.Errorf("%s: Part() = %d bytes", tt.name, p.Size)
		}
		noTemps(t, dir)
	}
}

// Another version replaces what is kept, and so does nothing.
func TestPartReplaced(t *testing.T) {
	d, dir := open(t, nil)
	body, other := random(300_000), random(400_000)
	leave(t, d, body, 250_000)
	leave(t, d, other, 100_000)
	if p := partOf(t, d); p == nil || p.Size != 100_000 || p.Length != 400_000 {
		t.Fatalf("Part() = %+v", p)
	}
	tmp, err := d.Write(t.Context(), bytes.NewReader(body), wantOf(body))
	if err != nil || tmp.SHA256 != sha256.Sum256(body) {
		t.Fatalf("Write() = %v", err)
	}
	tmp.Discard()
	noTemps(t, dir)
	leave(t, d, body, 250_000)
	d.Forget("0123abcd")
	if p := partOf(t, d); p != nil {
		t.Errorf("Part() = %+v after Forget", p)
	}
	noTemps(t, dir)
}

// The structure of a picture is followed over the cut.
func TestPartOfPicture(t *testing.T) {
	d, dir := open(t, nil)
	// A PNG with a large chunk that decoders pass over.
	pic := picture(t)
	chunk := append([]byte{0, 3, 0, 0, 't', 'r', 'A', 'w'}, make([]byte, 3<<16+4)...)
	body := append(append(append([]byte{}, pic[:33]...), chunk...), pic[33:]...)
	want := save.Want{Length: int64(len(body)), Path: "f.png", Picture: true, Source: source(len(body))}
	for _, n := range []int{70_000, len(body) - 20, len(body) - 5} {
		if _, err := d.Write(t.Context(), cutAt(body, n), want); err != errReset {
			t.Fatal(err)
		}
		p := partOf(t, d)
		tmp, err := d.Write(t.Context(), bytes.NewReader(body[n:]), save.Want{Length: int64(len(body)), Path: "f.png", Picture: true, Part: p})
		if err != nil || tmp.Type != "image/png" || tmp.SHA256 != sha256.Sum256(body) {
			t.Fatalf("Write() after %d bytes = %v, %v", n, tmp, err)
		}
		tmp.Discard()

		// As many bytes of something else are no end of this picture.
		if _, err := d.Write(t.Context(), cutAt(body, n), want); err != errReset {
			t.Fatal(err)
		}
		p = partOf(t, d)
		var e *save.Error
		tmp, err = d.Write(t.Context(), bytes.NewReader(make([]byte, len(body)-n)), save.Want{Length: int64(len(body)), Path: "f.png", Picture: true, Part: p})
		if n < len(body)-12 && (!errors.As(err, &e) || e.Reason != save.Cut) {
			t.Errorf("Write() of zeros after %d bytes = %v, %v", n, tmp, err)
		}
		if tmp != nil {
			tmp.Discard()
		}
		noTemps(t, dir)
	}
}

// A process that dies leaves what it had when it last set a mark.
func TestPartAfterKill(t *testing.T) {
	d, dir := open(t, nil)
	body := random(10 << 20)
	dead := t.TempDir()
	at := 0
	r := readerFunc(func(b []byte) (int, error) {
		if at >= 9<<20 {
			// What is on disk now is all that a kill would leave.
			if err := os.CopyFS(filepath.Join(dead, "job"), os.DirFS(dir)); err != nil {
				return 0, err
			}
			return 0, errReset
		}
		n := copy(b, body[at:])
		at += n
		return n, nil
	})
	if _, err := d.Write(t.Context(), r, wantOf(body)); err != errReset {
		t.Fatal(err)
	}
	dead = filepath.Join(dead, "job")
	d, err := save.Open(dead, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p := partOf(t, d)
	if p == nil || p.Size < 8<<20 || p.Size > 9<<20 {
		t.Fatalf("Part() = %+v", p)
	}
	finish(t, d, dead, p, body)
}

// Whatever is wrong with a part, what is gone on with is right.
func TestPartDamaged(t *testing.T) {
	body := random(300_000)
	edit := func(t *testing.T, name string, change func([]byte) []byte) {
		t.Helper()
		data, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, change(data), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	for _, tt := range []struct {
		name      string
		part, log func([]byte) []byte
		size      int64 // that is kept
	}{
		{name: "nothing wrong", size: 200_000},
		{name: "a byte early", part: flip(5)},
		{name: "a byte after the first mark", part: flip(150_000), size: 100_000},
		{name: "zeros at the end", part: func(b []byte) []byte { clear(b[199_000:]); return b }, size: 100_000},
		{name: "cut", part: func(b []byte) []byte { return b[:199_999] }, size: 100_000},
		{name: "cut before the first mark", part: func(b []byte) []byte { return b[:99_999] }},
		{name: "more than the last mark", part: func(b []byte) []byte { return append(b, "and more"...) }, size: 200_000},
		{name: "empty", part: func([]byte) []byte { return nil }},
		{name: "last line torn", log: func(b []byte) []byte { return b[:len(b)-1] }, size: 100_000},
		{name: "last line torn early", log: func(b []byte) []byte { return b[:len(b)-66] }, size: 100_000},
		{name: "no marks", log: func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }},
		{name: "no log", log: func([]byte) []byte { return nil }},
		{name: "a log of zeros", log: func(b []byte) []byte { return make([]byte, len(b)) }},
		{name: "no source", log: func(b []byte) []byte { return bytes.Replace(b, []byte("{"), nil, 1) }},
		{name: "no validator", log: func(b []byte) []byte { return bytes.Replace(b, []byte(`"\"v1\""`), []byte(`""`), 1) }},
		{name: "another hash", log: func(b []byte) []byte { b[len(b)-2] ^= 1; return b }, size: 100_000},
		{name: "whole", log: func(b []byte) []byte { return bytes.Replace(b, []byte("300000"), []byte("200000"), 1) }, size: 100_000},
		{name: "marks out of order", log: func(b []byte) []byte {
			lines := strings.SplitAfter(string(b), "\n")
			return []byte(lines[0] + lines[1] + lines[1] + lines[2])
		}, size: 100_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, dir := open(t, nil)
			leave(t, d, body, 100_000)
			if _, err := d.Write(t.Context(), cutAt(body[100_000:], 100_000), save.Want{Length: 300_000, Part: partOf(t, d)}); err != errReset {
				t.Fatal(err)
			}
			d.Close()
			base := filepath.Join(dir, ".trawl", "tmp", "0123abcd")
			if tt.part != nil {
				edit(t, base+".part", tt.part)
			}
			if tt.log != nil {
				edit(t, base+".log", tt.log)
			}
			d, err := save.Open(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			p := partOf(t, d)
			if tt.size == 0 {
				if p != nil {
					t.Fatalf("Part() = %d bytes, want none", p.Size)
				}
				noTemps(t, dir)
				return
			}
			if p == nil || p.Size != tt.size {
				t.Fatalf("Part() = %+v, want %d bytes", p, tt.size)
			}
			if tt.name == "whole" {
				return
			}
			finish(t, d, dir, p, body)
		})
	}
}

// Open keeps what can be gone on with, and nothing else.
func TestOpenKeepsParts(t *testing.T) {
	d, dir := open(t, nil)
	body := random(100_000)
	for _, id := range []string{"aa", "bb", "cc", "dd"} {
		w := wantOf(body)
		w.Source.ID = id
		if _, err := d.Write(t.Context(), cutAt(body, 80_000), w); err != errReset {
			t.Fatal(err)
		}
	}
	d.Close()
	tmp := filepath.Join(dir, ".trawl", "tmp")
	old := time.Now().Add(-31 * 24 * time.Hour)
	err := errors.Join(
		os.Remove(filepath.Join(tmp, "bb.log")),
		os.Remove(filepath.Join(tmp, "cc.part")),
		os.Chtimes(filepath.Join(tmp, "dd.log"), old, old),
		os.WriteFile(filepath.Join(tmp, "7.part"), body, 0o666),
		os.WriteFile(filepath.Join(tmp, "aa"), body, 0o666),
		os.MkdirAll(filepath.Join(tmp, "ee.log", "x"), 0o777),
		os.MkdirAll(filepath.Join(tmp, "ee.part", "x"), 0o777),
	)
	if err != nil {
		t.Fatal(err)
	}
	if d, err = save.Open(dir, nil); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	left, err := fs.Glob(os.DirFS(tmp), "*")
	if err != nil || fmt.Sprint(left) != "[aa.log aa.part]" {
		t.Errorf("left: %v, %v", left, err)
	}
	if p, err := d.Part(t.Context(), "aa"); p == nil || p.Size != 80_000 || err != nil {
		t.Errorf("Part() = %+v, %v", p, err)
	}
}
