package save

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/color/palette"
	stdgif "image/gif"
	stdjpeg "image/jpeg"
	stdpng "image/png"
	"math/rand/v2"
	"testing"

	webpdec "golang.org/x/image/webp"
)

// A sample is a complete picture of which the last slack bytes say nothing.
type sample struct {
	name, mediaType string
	data            []byte
	slack           int
}

// noise returns an image that does not compress well.
func noise(w, h int) *image.NRGBA {
	rnd := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(rnd.Uint32())
	}
	return img
}

func samples(t testing.TB) []sample {
	t.Helper()
	var out []sample
	add := func(name, mediaType string, slack int, encode func(b *bytes.Buffer) error) {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, sample{name, mediaType, b.Bytes(), slack})
	}
	gray := image.NewGray(image.Rect(0, 0, 9, 9))
	flat := image.NewNRGBA(image.Rect(0, 0, 40, 40))
	paletted := func(seed uint8) *image.Paletted {
		p := image.NewPaletted(image.Rect(0, 0, 13, 7), palette.Plan9)
		for i := range p.Pix {
			p.Pix[i] = uint8(i*7) + seed
		}
		return p
	}
	add("jpeg", "image/jpeg", 0, func(b *bytes.Buffer) error { return stdjpeg.Encode(b, noise(20, 20), nil) })
	add("jpeg best", "image/jpeg", 0, func(b *bytes.Buffer) error {
		return stdjpeg.Encode(b, noise(17, 33), &stdjpeg.Options{Quality: 100})
	})
	add("jpeg gray", "image/jpeg", 0, func(b *bytes.Buffer) error { return stdjpeg.Encode(b, gray, nil) })
	add("jpeg flat", "image/jpeg", 0, func(b *bytes.Buffer) error { return stdjpeg.Encode(b, flat, nil) })
	add("png", "image/png", 4, func(b *bytes.Buffer) error { return stdpng.Encode(b, noise(16, 16)) })
	add("png gray", "image/png", 4, func(b *bytes.Buffer) error { return stdpng.Encode(b, gray) })
	add("png palette", "image/png", 4, func(b *bytes.Buffer) error { return stdpng.Encode(b, paletted(1)) })
	add("png 16 bit", "image/png", 4, func(b *bytes.Buffer) error {
		img := image.NewRGBA64(image.Rect(0, 0, 5, 5))
		img.Set(1, 1, color.RGBA64{1, 2, 3, 0xffff})
		return stdpng.Encode(b, img)
	})
	add("gif", "image/gif", 0, func(b *bytes.Buffer) error { return stdgif.Encode(b, noise(16, 16), nil) })
	add("gif animated", "image/gif", 0, func(b *bytes.Buffer) error {
		g := &stdgif.GIF{LoopCount: 3}
		for i := range 3 {
			g.Image = append(g.Image, paletted(uint8(i)))
			g.Delay = append(g.Delay, 5)
		}
		return stdgif.EncodeAll(b, g)
	})
	return out
}

// end writes data to a new picture in pieces of a size and returns its End.
func end(mediaType string, data []byte, piece int) error {
	p := newPicture(mediaType)
	for len(data) > 0 {
		n := min(piece, len(data))
		p.Write(data[:n])
		data = data[n:]
	}
	return p.End()
}

func TestPictureWhole(t *testing.T) {
	for _, s := range samples(t) {
		if got := sniff(s.data); got != s.mediaType {
			t.Errorf("%s: sniff() = %q", s.name, got)
		}
		for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
			if err := end(s.mediaType, s.data, piece); err != nil {
				t.Errorf("%s in pieces of %d: %v", s.name, piece, err)
			}
		}
		for _, tail := range []string{"\x00", "\n\n", "\xff\xd8\xff", "<!-- cache -->"} {
			if err := end(s.mediaType, append(bytes.Clone(s.data), tail...), 5); err != nil {
				t.Errorf("%s with %q behind it: %v", s.name, tail, err)
			}
		}
	}
}

// The beginning of a picture does not pass for the whole.
func TestPicturePrefix(t *testing.T) {
	for _, s := range samples(t) {
		for n := range len(s.data) - s.slack {
			if end(s.mediaType, s.data[:n], 1<<20) == nil {
				t.Errorf("%s: the first %d of %d bytes pass", s.name, n, len(s.data))
			}
		}
	}
}

// riff returns a WebP file of the given chunks: name, content, name, content.
func riff(chunks ...string) []byte {
	var body []byte
	for i := 0; i < len(chunks); i += 2 {
		body = append(body, chunks[i]...)
		body = binary.LittleEndian.AppendUint32(body, uint32(len(chunks[i+1])))
		body = append(body, chunks[i+1]...)
		if len(chunks[i+1])%2 == 1 {
			body = append(body, 0)
		}
	}
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body)))
	return append(append(out, "WEBP"...), body...)
}

func TestPictureByHand(t *testing.T) {
	const (
		soi  = "\xff\xd8"
		app0 = "\xff\xe0\x00\x04ab"
		// A thumbnail has an end of its own.
		app1 = "\xff\xe1\x00\x08\xff\xd8\xff\xd9zz"
		sos  = "\xff\xda\x00\x03\x01"
		eoi  = "\xff\xd9"
		pngH = "\x89PNG\r\n\x1a\n"
		ihdr = "\x00\x00\x00\x02IHDRxxcccc"
		idat = "\x00\x00\x00\x03IDATdddcccc"
		iend = "\x00\x00\x00\x00IENDcccc"
		gifH = "GIF89a\x01\x00\x01\x00\x00\x00\x00"
		gifT = "GIF89a\x01\x00\x01\x00\x80\x00\x00rgbrgb"
		gifI = "\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00"
	)
	flipped := riff("VP8X", "0123456789", "VP8 ", "data")
	flipped[4] += 2
	short := riff("VP8L", "data", "EXIF", "exif")
	for _, tt := range []struct {
		name, mediaType, data string
		want                  error
	}{
		{"baseline", "image/jpeg", soi + app0 + app1 + sos + "abc" + eoi, nil},
		{"stuffed", "image/jpeg", soi + sos + "a\xff\x00b\xff\xd0c\xff\xd7" + eoi, nil},
		{"only stuffed", "image/jpeg", soi + sos + "\xff\x00" + eoi, nil},
		{"fill before markers", "image/jpeg", soi + "\xff\xff" + app0 + sos + "a\xff\xff" + eoi, nil},
		{"stray bytes between segments", "image/jpeg", soi + app0 + "\x00\x00" + sos + "a" + eoi, nil},
		{"progressive", "image/jpeg", soi + sos + "a" + "\xff\xc4\x00\x03h" + sos + "b" + eoi, nil},
		{"progressive cut after a scan", "image/jpeg", soi + sos + "a" + "\xff\xc4\x00\x03h", errEarlyEnd},
		{"cut after the thumbnail", "image/jpeg", soi + app0 + app1, errEarlyEnd},
		{"cut in the thumbnail", "image/jpeg", soi + "\xff\xe1\x00\x20\xff\xd8\xff\xd9", errEarlyEnd},
		{"no end", "image/jpeg", soi + sos + "abc", errEarlyEnd},
		{"end in two", "image/jpeg", soi + sos + "abc\xff", errEarlyEnd},
		{"no scan", "image/jpeg", soi + app0 + eoi, errNoImage},
		{"empty scan", "image/jpeg", soi + sos + eoi, errNoImage},
		{"impossible length", "image/jpeg", soi + "\xff\xe0\x00\x01", errDamaged},
		{"nothing", "image/jpeg", "", errEarlyEnd},

		{"chunks", "image/png", pngH + ihdr + idat + idat + iend, nil},
		{"no checksum at the end", "image/png", pngH + ihdr + idat + iend[:8], nil},
		{"no end", "image/png", pngH + ihdr + idat, errEarlyEnd},
		{"no data", "image/png", pngH + ihdr + iend, errNoImage},
		{"not a chunk", "image/png", pngH + ihdr + "\x00\x00\x00\x01\x00DATdcccc" + iend, errDamaged},
		{"text conversion", "image/png", "\x89PNG\n\x1a\n\x00" + ihdr + idat + iend, errDamaged},
		{"far chunk", "image/png", pngH + "\xff\xff\xff\xffIDAT", errDamaged},

		{"one image", "image/gif", gifH + gifI + ";", nil},
		{"color table", "image/gif", gifT + gifI + ";", nil},
		{"blocks ended twice", "image/gif", gifH + gifI + "\x00" + gifI + ";", nil},
		{"comment", "image/gif", gifH + "\x21\xfe\x03abc\x00" + gifI + ";", nil},
		{"no trailer", "image/gif", gifH + gifI, errEarlyEnd},
		{"no image", "image/gif", gifH + "\x21\xfe\x03abc\x00;", errNoImage},
		{"cut in blocks", "image/gif", gifH + gifI[:len(gifI)-2] + ";", errEarlyEnd},
		{"not a block", "image/gif", gifH + gifI + "x;", errDamaged},

		{"lossy", "image/webp", string(riff("VP8 ", "data")), nil},
		{"lossless, odd", "image/webp", string(riff("VP8L", "dat")), nil},
		{"odd, without padding", "image/webp", string(riff("VP8L", "dat")[:23]), nil},
		{"extended", "image/webp", string(riff("VP8X", "0123456789", "ALPH", "a", "VP8 ", "data", "EXIF", "e")), nil},
		{"animated", "image/webp", string(riff("VP8X", "0123456789", "ANIM", "123456", "ANMF", "f1", "ANMF", "f2")), nil},
		{"no image", "image/webp", string(riff("VP8X", "0123456789", "EXIF", "exif")), errNoImage},
		{"longer than its chunks", "image/webp", string(flipped), errEarlyEnd},
		{"cut in what follows the image", "image/webp", string(short[:len(short)-3]), errEarlyEnd},
		{"chunk beyond the end", "image/webp", string(riff("VP8 ", "data"))[:16] + "\xff\x00\x00\x00data", errDamaged},
	} {
		t.Run(tt.mediaType+" "+tt.name, func(t *testing.T) {
			for _, piece := range []int{1, 3, 1 << 20} {
				if got := end(tt.mediaType, []byte(tt.data), piece); got != tt.want {
					t.Errorf("in pieces of %d: %v, want %v", piece, got, tt.want)
				}
			}
		})
	}
}

func TestWebPPrefix(t *testing.T) {
	data := riff("VP8X", "0123456789", "ANIM", "123456", "ANMF", "frame1", "ANMF", "frame2x")
	for n := range len(data) - 1 {
		if end("image/webp", data[:n], 1<<20) == nil {
			t.Errorf("the first %d of %d bytes pass", n, len(data))
		}
	}
}

// decode decodes all of a picture with the decoders of Go.
func decode(mediaType string, data []byte) error {
	r := bytes.NewReader(data)
	var err error
	switch mediaType {
	case "image/jpeg":
		var cfg image.Config
		if cfg, err = stdjpeg.DecodeConfig(r); err == nil && cfg.Width*cfg.Height < 1<<16 {
			_, err = stdjpeg.Decode(bytes.NewReader(data))
			return err
		}
	case "image/png":
		var cfg image.Config
		if cfg, err = stdpng.DecodeConfig(r); err == nil && cfg.Width*cfg.Height < 1<<16 {
			_, err = stdpng.Decode(bytes.NewReader(data))
			return err
		}
	case "image/gif":
		var cfg image.Config
		if cfg, err = stdgif.DecodeConfig(r); err == nil && cfg.Width*cfg.Height < 1<<16 {
			_, err = stdgif.DecodeAll(bytes.NewReader(data))
			return err
		}
	case "image/webp":
		var cfg image.Config
		if cfg, err = webpdec.DecodeConfig(r); err == nil && cfg.Width*cfg.Height < 1<<16 {
			_, err = webpdec.Decode(bytes.NewReader(data))
			return err
		}
	}
	return image.ErrFormat // not looked at
}

// onePixel is a lossless WebP picture of one pixel.
var onePixel = riff("VP8L", "\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07")

func FuzzPicture(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.data, 7)
		f.Add(s.data[:len(s.data)/2], 1)
	}
	f.Add(riff("VP8X", "0123456789", "VP8 ", "data", "EXIF", "e"), 3)
	f.Add(onePixel, 5)
	f.Add(append(bytes.Clone(onePixel), 0), 5)
	if err := decode("image/webp", onePixel); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		mediaType := sniff(data)
		if newPicture(mediaType) == nil {
			return
		}
		whole := end(mediaType, data, len(data))
		if got := end(mediaType, data, 1+piece&0xff); got != whole {
			t.Errorf("in pieces: %v, at once: %v", got, whole)
		}
		if whole == nil {
			if err := end(mediaType, append(bytes.Clone(data), "trailing"...), 64); err != nil {
				t.Errorf("with bytes behind it: %v", err)
			}
		} else if decode(mediaType, data) == nil {
			t.Errorf("%s: %v, but it can be decoded", mediaType, whole)
		}
	})
}

// FuzzMadePicture makes pictures with the encoders of the standard library. All
// of one is a picture, however it arrives and whatever follows it, and no
// beginning of it is.
func FuzzMadePicture(f *testing.F) {
	f.Add(uint8(0), uint8(16), uint8(16), uint8(75), uint64(1), uint16(3))
	f.Add(uint8(1), uint8(1), uint8(1), uint8(0), uint64(2), uint16(1))
	f.Add(uint8(2), uint8(200), uint8(3), uint8(9), uint64(3), uint16(700))
	f.Add(uint8(3), uint8(40), uint8(40), uint8(100), uint64(4), uint16(64))
	f.Fuzz(func(t *testing.T, kind, w, h, level uint8, seed uint64, at uint16) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		img := image.NewNRGBA(image.Rect(0, 0, 1+int(w), 1+int(h)))
		for i := range img.Pix {
			img.Pix[i] = byte(rnd.Uint32()) | 0xff>>(level%9)
		}
		var b bytes.Buffer
		var err error
		mediaType, slack := "image/png", 4 // the checksum of an empty chunk
		switch kind % 4 {
		case 0:
			enc := stdpng.Encoder{CompressionLevel: stdpng.CompressionLevel(-int(level % 4))}
			err = enc.Encode(&b, img)
		case 1:
			mediaType, slack = "image/jpeg", 0
			err = stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: 1 + int(level%100)})
		case 2:
			mediaType, slack = "image/gif", 0
			err = stdgif.Encode(&b, img, &stdgif.Options{NumColors: 1 + int(level)})
		case 3:
			mediaType, slack = "image/gif", 0
			g := &stdgif.GIF{}
			for range 1 + level%4 {
				p := image.NewPaletted(img.Bounds(), palette.WebSafe)
				for i := range p.Pix {
					p.Pix[i] = uint8(rnd.UintN(uint(len(palette.WebSafe))))
				}
				g.Image, g.Delay = append(g.Image, p), append(g.Delay, 1)
			}
			err = stdgif.EncodeAll(&b, g)
		}
		if err != nil {
			t.Fatal(err)
		}
		data := b.Bytes()
		piece := 1 + int(at)%len(data)
		if got := end(mediaType, data, piece); got != nil {
			t.Errorf("%s in pieces of %d: %v", mediaType, piece, got)
		}
		if got := end(mediaType, append(bytes.Clone(data), data...), piece); got != nil {
			t.Errorf("%s twice: %v", mediaType, got)
		}
		if n := int(at) % (len(data) - slack); end(mediaType, data[:n], piece) == nil {
			t.Errorf("the first %d of %d bytes of %s pass", n, len(data), mediaType)
		}
	})
}

func BenchmarkPicture(b *testing.B) {
	for _, s := range samples(b) {
		b.Run(s.name, func(b *testing.B) {
			b.SetBytes(int64(len(s.data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := end(s.mediaType, s.data, 64<<10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
