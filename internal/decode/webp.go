package decode

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/image/webp"
)

var errWebPEnd = errors.New("webp: it ends early")

// A chunk is a part of a WebP file: four letters and what they stand for.
type chunk struct {
	name string
	data []byte
}

// nextChunk takes the first chunk off p.
func nextChunk(p []byte) (c chunk, rest []byte, err error) {
	if len(p) < 8 {
		return c, nil, errWebPEnd
	}
	n := int64(binary.LittleEndian.Uint32(p[4:]))
	if n > int64(len(p)-8) {
		return c, nil, errWebPEnd
	}
	c = chunk{string(p[:4]), p[8 : 8+n]}
	rest = p[8+n:]
	if n&1 == 1 && len(rest) > 0 {
		rest = rest[1:] // padding, which some leave out at the end
	}
	return c, rest, nil
}

// decodeWebP decodes a WebP picture, or every frame of an animation, for which
// Go's decoder has no eyes. It gets each as a picture of its own.
func decodeWebP(r *bufio.Reader, maxPixels int64) error {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head); err != nil {
		return errWebPEnd
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WEBP" {
		return errors.New("webp: not a WebP")
	}
	size := int64(binary.LittleEndian.Uint32(head[4:])) - 4
	body, err := io.ReadAll(io.LimitReader(r, size))
	if err != nil {
		return err
	}
	var still []chunk
	var canvas []byte // width and height less one, 3 bytes each
	frames := 0
	for len(body) > 0 {
		if len(body) < 8 {
			break // too little for another chunk: some pad
		}
		var c chunk
		if c, body, err = nextChunk(body); err != nil {
			return err
		}
		switch c.name {
		case "VP8X":
			if len(c.data) < 10 {
				return errWebPEnd
			}
			canvas = c.data[4:10]
		case "ALPH", "VP8 ", "VP8L":
			still = append(still, c)
		case "ANMF":
			frames++
			if err := decodeANMF(c.data, maxPixels); err != nil {
				return fmt.Errorf("frame %d: %w", frames, err)
			}
		}
	}
	if len(still) == 0 && frames > 0 {
		return nil
	}
	return decodeStill(still, canvas, maxPixels)
}

// decodeANMF decodes a frame of an animation.
func decodeANMF(p []byte, maxPixels int64) error {
	const head = 16 // place, size, duration, flags
	if len(p) < head {
		return errWebPEnd
	}
	var parts []chunk
	size := p[6:12]
	for p = p[head:]; len(p) >= 8; {
		c, rest, err := nextChunk(p)
		if err != nil {
			return err
		}
		parts, p = append(parts, c), rest
	}
	return decodeStill(parts, size, maxPixels)
}

// decodeStill decodes one image from the chunks that it consists of: VP8L, or
// VP8 with ALPH before it if it has an alpha channel; others are passed over.
// size is needed with ALPH only.
func decodeStill(parts []chunk, size []byte, maxPixels int64) error {
	var file []byte
	var alpha *chunk
	for i, c := range parts {
		switch c.name {
		case "ALPH":
			if size == nil {
				return errors.New("webp: an alpha channel and no size")
			}
			alpha = &parts[i]
			continue
		case "VP8 ":
			if alpha != nil {
				const hasAlpha = 0x10
				file = appendChunk(file, chunk{"VP8X", append([]byte{hasAlpha, 0, 0, 0}, size...)})
				file = appendChunk(file, *alpha)
			}
			file = appendChunk(file, c)
		case "VP8L":
			file = appendChunk(file, c)
		default:
			continue
		}
		break
	}
	if file == nil {
		return errors.New("webp: no image in it")
	}
	file = append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(file)+4)), append([]byte("WEBP"), file...)...)
	return decodeOne(bytes.NewReader(file), maxPixels, webp.DecodeConfig, webp.Decode)
}

func appendChunk(file []byte, c chunk) []byte {
	file = append(file, c.name...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(c.data)))
	file = append(file, c.data...)
	if len(c.data)&1 == 1 {
		file = append(file, 0)
	}
	return file
}
