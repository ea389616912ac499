package decode_test

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// landscape is a picture that takes some decoding.
func landscape(w, h int) *image.Paletted {
	m := image.NewPaletted(image.Rect(0, 0, w, h), nil)
	for i := range 256 {
		m.Palette = append(m.Palette, color.RGBA{uint8(i), uint8(255 - i), uint8(i / 2), 255})
	}
	for i := range m.Pix {
		m.Pix[i] = uint8((i%w)*(i/w)/7 ^ i)
	}
	return m
}

// encoded returns what an encoder writes.
func encoded(t testing.TB, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, nil) })
}

func pngOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

func bmpOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, m) })
}

func tiffOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error {
		return tiff.Encode(b, m, &tiff.Options{Compression: tiff.Deflate})
	})
}

func gifOf(t testing.TB, frames ...*image.Paletted) []byte {
	return encoded(t, func(b *bytes.Buffer) error {
		return gif.EncodeAll(b, &gif.GIF{Image: frames, Delay: make([]int, len(frames))})
	})
}

// replaced returns b with other bytes at a place.
func replaced(b []byte, at int, with []byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], with)
	return b
}

// emptyPNG is a PNG that begins and ends well and has no pixels.
func emptyPNG(w, h int) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range []string{
		"IHDR" + string(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))) + "\x08\x02\x00\x00\x00",
		"IDAT\x78\x9c",
		"IEND",
	} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(c)-4)), c...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(c)))
	}
	return b
}

// gifFile makes a GIF of frames, without a color table.
func gifFile(frames ...[]byte) []byte {
	b := append([]byte("GIF89a\x09\x00\x09\x00\x00\x00\x00"), bytes.Join(frames, nil)...)
	return append(b, 0x3b)
}

// gifFrame is a frame of one color.
func gifFrame(w, h int) []byte {
	var data bytes.Buffer
	z := lzw.NewWriter(&data, lzw.LSB, 8)
	z.Write(make([]byte, w*h)) // writing to a buffer cannot fail
	z.Close()
	b := []byte{0x2c, 0, 0, 0, 0, byte(w), byte(w >> 8), byte(h), byte(h >> 8), 0, 8}
	for block := range slices.Chunk(data.Bytes(), 255) {
		b = append(append(b, byte(len(block))), block...)
	}
	return append(b, 0)
}

// riff makes a WebP file of chunks.
func riff(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func riffChunk(name string, data ...[]byte) []byte {
	all := bytes.Join(data, nil)
	c := append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(all))), all...)
	if len(all)&1 == 1 {
		c = append(c, 0)
	}
	return c
}

// uint24 is a number in three bytes.
func uint24(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }

// vp8x says that a picture has an alpha channel.
func vp8x(w, h int) []byte {
	return riffChunk("VP8X", []byte{0x10, 0, 0, 0}, uint24(w-1), uint24(h-1))
}

// anmf is a frame of an animation.
func anmf(w, h int, parts ...[]byte) []byte {
	return riffChunk("ANMF", append([][]byte{make([]byte, 6), uint24(w - 1), uint24(h - 1), make([]byte, 4)}, parts...)...)
}

// lossless is a VP8L chunk with a picture of one color, which takes no bits.
func lossless(w, h int) []byte {
	var bits uint64
	var n int
	var out []byte
	put := func(v uint64, width int) {
		for bits, n = bits|v<<n, n+width; n >= 8; bits, n = bits>>8, n-8 {
			out = append(out, byte(bits))
		}
	}
	put(0x2f, 8)
	put(uint64(w-1), 14)
	put(uint64(h-1), 14)
	put(0, 1+3) // no alpha, version 0
	put(0, 1)   // no transform
	put(0, 1)   // no color cache
	put(0, 1)   // one set of codes
	for range 5 {
		put(1, 1) // a simple code
		put(0, 1) // of one symbol
		put(0, 1) // that is a bit
		put(0, 1) // and it is 0
	}
	put(0, 7)
	return riffChunk("VP8L", out)
}

// lossy is a VP8 chunk with a gray picture: all decisions are zero.
func lossy(w, h int) []byte {
	const part = 256 // bytes of the first partition
	tag := part<<5 | 1<<4
	return riffChunk("VP8 ", uint24(tag), []byte{0x9d, 0x01, 0x2a, byte(w), byte(w >> 8), byte(h), byte(h >> 8)},
		make([]byte, part), make([]byte, 4096))
}

// alpha is an ALPH chunk without compression.
func alpha(w, h int) []byte { return riffChunk("ALPH", make([]byte, 1+w*h)) }
