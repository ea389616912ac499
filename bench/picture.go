package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
)

// A picture makes valid JPEGs of one size, which differ by a comment in them.
type picture struct {
	body []byte // a JPEG, larger part of what is asked for
	size int
}

// newPicture returns the maker of pictures of size bytes, 800 at least.
func newPicture(size int) (*picture, error) {
	// Noise compresses the same everywhere, so the size of one picture tells
	// how large another must be.
	side, err := 8, error(nil)
	p := &picture{size: size}
	for step := 8; step >= 8; {
		data, err := noise(side + step)
		if err != nil {
			return nil, err
		}
		if len(data) > size-32 { // room for the shortest comment
			step /= 2
			continue
		}
		p.body = data
		side += step
		step *= 2
	}
	if p.body == nil {
		return nil, fmt.Errorf("no JPEG has only %d bytes", size)
	}
	return p, err
}

// noise returns a square JPEG of noise.
func noise(side int) ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, side, side))
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(img.Pix) // never fails
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 80}); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// number returns picture n. All of them have the same size.
func (p *picture) number(n int) []byte {
	out := make([]byte, 0, p.size)
	out = append(out, p.body[:2]...) // start of image
	for pad := p.size - len(p.body); pad > 0; {
		seg := min(pad, 65535+2)
		if rest := pad - seg; rest > 0 && rest < 16 {
			seg -= 16
		}
		pad -= seg
		out = append(out, 0xFF, 0xFE) // comment
		out = binary.BigEndian.AppendUint16(out, uint16(seg-2))
		text := make([]byte, seg-4)
		binary.BigEndian.PutUint64(text, uint64(n))
		out = append(out, text...)
	}
	return append(out, p.body[2:]...)
}
