package decode_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/decode"
	"github.com/trawl-go/trawl/process"
)

func TestMain(m *testing.M) {
	process.Init()
	os.Exit(m.Run())
}

// newDecoder returns a Decoder that is closed at the end of the test.
func newDecoder(t testing.TB, opts *decode.Options) *decode.Decoder {
	t.Helper()
	d := decode.New(opts)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return d
}

// file writes a picture.
func file(t testing.TB, dir, name, mediaType string, data []byte) decode.Picture {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
		t.Fatal(err)
	}
	return decode.Picture{Dir: dir, Path: name, Type: mediaType}
}

func TestCheck(t *testing.T) {
	m := landscape(90, 70)
	small := landscape(40, 30)
	small.Rect = small.Rect.Add(image.Pt(10, 10))
	moving := gifOf(t, m, small)
	jpg, pic, tif := jpegOf(t, m), pngOf(t, m), tiffOf(t, m)
	movingWebP := func(second []byte) []byte {
		return riff(riffChunk("VP8X", []byte{2, 0, 0, 0}, uint24(89), uint24(69)), riffChunk("ANIM", make([]byte, 6)),
			anmf(90, 70, lossless(90, 70)), anmf(40, 30, second), anmf(9, 9, alpha(9, 9), lossy(9, 9)))
	}
	d := newDecoder(t, nil)

	for _, tt := range []struct {
		name, mediaType string
		data            []byte
		err, beyond     string // contained in it; "" for none
	}{
		{name: "jpeg", mediaType: "image/jpeg", data: jpg},
		{name: "jpeg with bytes after its end", mediaType: "image/jpeg", data: append(bytes.Clone(jpg), "more"...)},
		{name: "jpeg with markers in its data", mediaType: "image/jpeg", data: replaced(jpg, len(jpg)/2, bytes.Repeat([]byte{0xff, 0xd3}, 10)), err: "JPEG"},
		{name: "jpeg cut and closed", mediaType: "image/jpeg", data: append(bytes.Clone(jpg[:len(jpg)/2]), 0xff, 0xd9), err: "JPEG"},
		{name: "jpeg with arithmetic coding", mediaType: "image/jpeg", data: bytes.Replace(jpg, []byte{0xff, 0xc0}, []byte{0xff, 0xc9}, 1), beyond: "unsupported"},
		{name: "png", mediaType: "image/png", data: pic},
		{name: "png with a wrong byte", mediaType: "image/png", data: replaced(pic, len(pic)/2, []byte("wrong")), err: "png"},
		{name: "png bomb", mediaType: "image/png", data: emptyPNG(50_000, 50_000), err: "50000 by 50000 pixels, more than 100 million"},
		{name: "png without pixels", mediaType: "image/png", data: emptyPNG(1, 1), err: "png"},
		{name: "gif", mediaType: "image/gif", data: moving},
		{name: "gif with a frame beyond its screen", mediaType: "image/gif", data: replaced(moving, 6, []byte{20, 0, 20, 0})},
		{name: "gif with an empty block too many", mediaType: "image/gif", data: append(bytes.Clone(moving[:len(moving)-1]), 0, 0x3b)},
		{name: "gif without a color table", mediaType: "image/gif", data: gifFile(gifFrame(9, 9))},
		{name: "gif with a wrong second frame", mediaType: "image/gif", data: replaced(moving, len(moving)-40, []byte("wrong")), err: "frame 2: gif"},
		{name: "gif with a huge second frame", mediaType: "image/gif", data: gifFile(gifFrame(9, 9), replaced(gifFrame(9, 9), 5, []byte{0, 255, 0, 255})), err: "frame 2: the picture is 65280 by 65280 pixels"},
		{name: "gif that ends early", mediaType: "image/gif", data: moving[:len(moving)-1], err: "gif: it ends early"},
		{name: "gif with nothing in it", mediaType: "image/gif", data: gifFile(), err: "no image"},
		{name: "webp, lossless", mediaType: "image/webp", data: riff(lossless(90, 70))},
		{name: "webp, lossy", mediaType: "image/webp", data: riff(lossy(90, 70))},
		{name: "webp with an alpha channel", mediaType: "image/webp", data: riff(vp8x(9, 9), riffChunk("ICCP", make([]byte, 3)), alpha(9, 9), lossy(9, 9))},
		{name: "webp that says alpha and has none", mediaType: "image/webp", data: riff(vp8x(9, 9), lossy(9, 9))},
		{name: "webp with a short alpha channel", mediaType: "image/webp", data: riff(vp8x(9, 9), alpha(2, 2), lossy(9, 9)), err: "EOF"},
		{name: "webp, moving", mediaType: "image/webp", data: movingWebP(lossless(40, 30))},
		{name: "webp with a wrong second frame", mediaType: "image/webp", data: movingWebP(riffChunk("VP8L", make([]byte, 30))), err: "frame 2: vp8l"},
		{name: "webp without an image", mediaType: "image/webp", data: riff(vp8x(9, 9)), err: "no image"},
		{name: "webp bomb", mediaType: "image/webp", data: riff(lossless(16384, 16384)), err: "more than 100 million"},
		{name: "bmp", mediaType: "image/bmp", data: bmpOf(t, m)},
		{name: "bmp cut", mediaType: "image/bmp", data: bmpOf(t, m)[:3000], err: "EOF"},
		{name: "tiff", mediaType: "image/tiff", data: tif},
		{name: "tiff with a wrong byte", mediaType: "image/tiff", data: replaced(tif, 100, []byte("wrong")), err: "zlib"},
		{name: "tiff with a strange compression", mediaType: "image/tiff", data: bytes.Replace(tif, []byte{3, 1, 3, 0, 1, 0, 0, 0, 8}, []byte{3, 1, 3, 0, 1, 0, 0, 0, 99}, 1), beyond: "compression"},
		{name: "of another format", mediaType: "image/avif", data: []byte("anything"), beyond: "not decoded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := file(t, t.TempDir(), "picture", tt.mediaType, tt.data)
			r, err := d.Check(t.Context(), p)
			if err != nil {
				t.Fatalf("Check() = %v", err)
			}
			wantResult(t, r, decode.Result{Picture: p}, tt.err, tt.beyond)
		})
	}
}

// wantResult checks a result but for Err and Beyond, which must contain what
// is given, and must not be there if that is "".
func wantResult(t *testing.T, got, want decode.Result, err, beyond string) {
	t.Helper()
	if got.Picture != want.Picture {
		t.Errorf("result is of %v, want %v", got.Picture, want.Picture)
	}
	if (got.Err != nil) != (err != "") || !strings.Contains(fmt.Sprint(got.Err), err) {
		t.Errorf("Err = %v, want one that contains %q", got.Err, err)
	}
	if (got.Beyond != "") != (beyond != "") || !strings.Contains(got.Beyond, beyond) {
		t.Errorf("Beyond = %q, want it to contain %q", got.Beyond, beyond)
	}
}

// A picture that needs too much memory fails alone.
func TestMemory(t *testing.T) {
	if !process.MemoryLimited {
		t.Skip("no memory limit here")
	}
	dir := t.TempDir()
	d := newDecoder(t, &decode.Options{Workers: 1, Memory: 128 << 20, MaxPixels: 1 << 40})
	for range 2 {
		r, err := d.Check(t.Context(), file(t, dir, "bomb", "image/png", emptyPNG(30_000, 30_000)))
		if err != nil {
			t.Fatalf("Check(bomb) = %v", err)
		}
		wantResult(t, r, r, "more than 128 MB of memory", "")
		r, err = d.Check(t.Context(), file(t, dir, "good", "image/png", pngOf(t, landscape(20, 20))))
		if err != nil {
			t.Fatalf("Check(good) = %v", err)
		}
		wantResult(t, r, r, "", "")
	}
}

// A picture that takes too long fails alone.
func TestTimeout(t *testing.T) {
	frames := slices.Repeat([][]byte{gifFrame(2000, 2000)}, 2000)
	d := newDecoder(t, &decode.Options{Workers: 1, Timeout: 100 * time.Millisecond})
	r, err := d.Check(t.Context(), file(t, t.TempDir(), "slow", "image/gif", gifFile(frames...)))
	if err != nil {
		t.Fatalf("Check() = %v", err)
	}
	wantResult(t, r, r, "takes longer than 100ms", "")
}

func TestCheckErrors(t *testing.T) {
	dir := t.TempDir()
	d := newDecoder(t, &decode.Options{Workers: 1})
	p := file(t, dir, "good", "image/png", pngOf(t, landscape(20, 20)))
	below := decode.Picture{Dir: filepath.Join(dir, "below"), Path: "../good", Type: p.Type}
	if err := os.Mkdir(below.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		p    decode.Picture
		err  string
	}{
		{"missing", decode.Picture{Dir: dir, Path: "missing", Type: p.Type}, "missing"},
		{"a directory", decode.Picture{Dir: dir, Path: "below", Type: p.Type}, "not a regular file"},
		{"outside", below, "path escapes"},
	} {
		if r, err := d.Check(t.Context(), tt.p); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: Check() = %v, %v; want an error with %q", tt.name, r, err, tt.err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Check(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("Check() with a context that has ended = %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if _, err := d.Check(t.Context(), p); !errors.Is(err, process.ErrTerminated) {
		t.Errorf("Check() after Close = %v, want %v", err, process.ErrTerminated)
	}
}

// All gives every picture once, the bombs among them, and holds no more of
// the sequence than it needs.
func TestAll(t *testing.T) {
	dir := t.TempDir()
	good := file(t, dir, "good", "image/png", pngOf(t, landscape(20, 20)))
	bad := file(t, dir, "bad", "image/jpeg", []byte("\xff\xd8\xff\xd9"))
	bomb := file(t, dir, "bomb", "image/png", emptyPNG(20_000, 20_000))
	const n = 300
	pictures := func(yield func(decode.Picture) bool) {
		for i := range n {
			p := good
			switch {
			case i%100 == 50:
				p = bomb
			case i%10 == 0:
				p = bad
			}
			if !yield(p) {
				return
			}
		}
	}
	opts := &decode.Options{Workers: 2}
	if process.MemoryLimited {
		opts.Memory, opts.MaxPixels = 128<<20, 1<<40
	}
	d := newDecoder(t, opts)
	got := make(map[string]int)
	for r, err := range d.All(t.Context(), pictures) {
		if err != nil {
			t.Fatalf("All() gives %v", err)
		}
		if (r.Err == nil) != (r.Path == "good") {
			t.Errorf("%s: Err = %v", r.Path, r.Err)
		}
		got[r.Path]++
	}
	want := map[string]int{"good": n - 30, "bad": 27, "bomb": 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("results (-want +got):\n%s", d)
	}
}

// The sequence ends after an error, and when it is left.
func TestAllEnds(t *testing.T) {
	dir := t.TempDir()
	good := file(t, dir, "good", "image/png", pngOf(t, landscape(20, 20)))
	missing := decode.Picture{Dir: dir, Path: "missing", Type: good.Type}
	d := newDecoder(t, &decode.Options{Workers: 2})
	var errs []error
	for _, err := range d.All(t.Context(), slices.Values([]decode.Picture{missing})) {
		errs = append(errs, err)
	}
	if len(errs) != 1 || errs[0] == nil {
		t.Errorf("All(missing) gives the errors %v, want one", errs)
	}
	asked := 0
	for range d.All(t.Context(), func(yield func(decode.Picture) bool) {
		for yield(good) {
			asked++
		}
	}) {
		break
	}
	if asked > 1000 {
		t.Errorf("%d pictures were asked for, for one result", asked)
	}
}
