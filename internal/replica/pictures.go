package replica

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"path"
	"strconv"
	"strings"
	"sync"
)

// format is what the bytes of a picture are, whatever its name says.
type format string

const (
	formatJPEG format = "image/jpeg"
	formatPNG  format = "image/png"
	formatGIF  format = "image/gif"
)

// formatOf is the format a name promises; JPEG where it promises none.
func formatOf(name string) format {
	name, _, _ = strings.Cut(name, "!")
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return formatPNG
	case ".gif":
		return formatGIF
	}
	return formatJPEG
}

// studio makes pictures. A few landscapes of each shape are drawn and encoded
// once, when first asked for; a picture is one of them with its URL written
// into a comment, where each format allows one. So every URL has bytes of its
// own, every decoder accepts them, and serving costs one copy.
type studio struct {
	dice     dice
	minBytes int // pictures are padded to this size with more comments

	mu    sync.Mutex
	bases map[baseKey]*base
}

// scenesPerShape is a compromise: enough that neighbours differ, few enough
// that drawing them all takes a fraction of a second.
const scenesPerShape = 12

type baseKey struct {
	format format
	w, h   int
	scene  int
}

// base is an encoded picture, cut where a comment may be put in.
type base struct {
	once       sync.Once
	head, tail []byte
}

func newStudio(d dice, minBytes int) *studio {
	return &studio{dice: d, minBytes: minBytes, bases: make(map[baseKey]*base)}
}

// picture is the picture for a name (its URL). The variant is 0 except for
// pictures that change while they are downloaded. The bytes are the caller's.
func (s *studio) picture(name string, variant int, f format, size image.Point) []byte {
	scene := s.dice.below(scenesPerShape, name, variant)
	b := s.base(baseKey{f, size.X, size.Y, scene})
	note := name
	if variant > 0 {
		note += " #" + strconv.Itoa(variant)
	}
	// What the comments need besides the text is little; a padded picture may
	// come out a few bytes longer than asked for, never shorter.
	text := []byte(note)
	if missing := s.minBytes - len(b.head) - len(b.tail) - len(text); missing > 0 {
		text = append(text, bytes.Repeat([]byte{' '}, missing)...)
	}
	out := make([]byte, 0, len(b.head)+len(b.tail)+len(text)+len(text)/128+64)
	out = append(out, b.head...)
	out = appendComment(out, f, text)
	return append(out, b.tail...)
}

// placeholder is the picture of refusal: the same bytes whatever was asked for.
func (s *studio) placeholder() []byte {
	b := s.base(baseKey{formatJPEG, 300, 300, -1})
	return append(bytes.Clone(b.head), b.tail...)
}

func (s *studio) base(k baseKey) *base {
	s.mu.Lock()
	b := s.bases[k]
	if b == nil {
		b = new(base)
		s.bases[k] = b
	}
	s.mu.Unlock()
	b.once.Do(func() { b.draw(s.dice, k) })
	return b
}

// draw paints and encodes. The encoders fail only when the writer does, and a
// bytes.Buffer does not; sizes are checked by New.
func (b *base) draw(d dice, k baseKey) {
	var buf bytes.Buffer
	if k.scene < 0 {
		jpeg.Encode(&buf, refusal(k.w, k.h), &jpeg.Options{Quality: 70})
		b.cut(formatJPEG, buf.Bytes())
		return
	}
	n := d.roll("scene", k.scene)
	switch k.format {
	case formatJPEG:
		jpeg.Encode(&buf, landscape(n, k.w, k.h, 0), &jpeg.Options{Quality: 72})
	case formatPNG:
		png.Encode(&buf, reduce(landscape(n, k.w, k.h, 0), gifPalette()))
	case formatGIF:
		pal := gifPalette()
		g := &gif.GIF{Config: image.Config{ColorModel: color.Palette(pal), Width: k.w, Height: k.h}}
		for i := range 2 {
			g.Image = append(g.Image, reduce(landscape(n, k.w, k.h, float64(i)/2), pal))
			g.Delay = append(g.Delay, 60)
		}
		gif.EncodeAll(&buf, g)
	}
	b.cut(k.format, buf.Bytes())
}

// cut splits an encoded picture where its format allows a comment: after the
// start marker of a JPEG, after the header chunk of a PNG, after the global
// colour table of a GIF.
func (b *base) cut(f format, data []byte) {
	at := 2
	switch f {
	case formatPNG:
		at = 8 + 25
	case formatGIF:
		at = 13
		if flags := data[10]; flags&0x80 != 0 {
			at += 3 << (flags&7 + 1)
		}
	}
	b.head, b.tail = data[:at:at], data[at:]
}

// appendComment appends text as comments of the format, as many as it takes.
func appendComment(out []byte, f format, text []byte) []byte {
	switch f {
	case formatJPEG:
		for len(text) > 0 {
			n := min(len(text), 65533)
			out = append(out, 0xff, 0xfe)
			out = binary.BigEndian.AppendUint16(out, uint16(n+2))
			out = append(out, text[:n]...)
			text = text[n:]
		}
	case formatPNG:
		start := len(out) + 4
		out = binary.BigEndian.AppendUint32(out, uint32(len("Comment\x00")+len(text)))
		out = append(out, "tEXtComment\x00"...)
		out = append(out, text...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
	case formatGIF:
		out = append(out, 0x21, 0xfe)
		for len(text) > 0 {
			n := min(len(text), 255)
			out = append(append(out, byte(n)), text[:n]...)
			text = text[n:]
		}
		out = append(out, 0)
	}
	return out
}
