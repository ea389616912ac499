package decode

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"io"
)

// gifFlags are bits of the flags of a GIF's screen and images.
const (
	gifTable     = 0x80 // a color table follows
	gifTableSize = 0x07 // of 2 << n colors
	gifInterlace = 0x40
)

// decodeGIF decodes the frames of a GIF one after another, so that an
// animation needs the memory of one frame.
//
// Go's decoder gets each as a GIF of its own, with a screen that it fits in
// and a full color table. The pixels are the same; what browsers forgive
// without losing any (frames beyond the screen, colors that are in no table)
// is no failure.
func decodeGIF(r *bufio.Reader, maxPixels int64) error {
	head := make([]byte, 13)
	if _, err := io.ReadFull(r, head); err != nil {
		return gifError(err)
	}
	if string(head[:4]) != "GIF8" {
		return errors.New("gif: not a GIF")
	}
	if err := skipTable(r, head[10]); err != nil {
		return err
	}
	frames := 0
	for {
		intro, err := r.ReadByte()
		if err != nil {
			return gifError(err)
		}
		switch intro {
		case 0x21: // an extension: a label, and blocks
			if _, err := r.Discard(1); err != nil {
				return gifError(err)
			}
			if err := skipBlocks(r); err != nil {
				return err
			}
		case 0x2c:
			frames++
			if err := decodeFrame(r, maxPixels); err != nil {
				return fmt.Errorf("frame %d: %w", frames, err)
			}
		case 0x3b:
			if frames == 0 {
				return errors.New("gif: no image in it")
			}
			return nil
		case 0: // some encoders end blocks twice
		default:
			return fmt.Errorf("gif: unknown block 0x%02x", intro)
		}
	}
}

// decodeFrame decodes the image whose descriptor comes next.
func decodeFrame(r *bufio.Reader, maxPixels int64) error {
	d := make([]byte, 9)
	if _, err := io.ReadFull(r, d); err != nil {
		return gifError(err)
	}
	c := image.Config{Width: int(d[4]) | int(d[5])<<8, Height: int(d[6]) | int(d[7])<<8}
	if err := checkSize(c, maxPixels); err != nil {
		return err
	}
	if err := skipTable(r, d[8]); err != nil {
		return err
	}
	alone := append([]byte("GIF89a"), d[4], d[5], d[6], d[7], gifTable|gifTableSize, 0, 0)
	alone = append(alone, make([]byte, 3*256)...)
	alone = append(alone, 0x2c, 0, 0, 0, 0, d[4], d[5], d[6], d[7], d[8]&gifInterlace)
	_, err := gif.Decode(&byteReader{alone, r})
	return err
}

// A byteReader reads head and then r, and can read single bytes, so that the
// GIF decoder takes no more from r than the frame.
type byteReader struct {
	head []byte
	r    *bufio.Reader
}

func (b *byteReader) Read(p []byte) (int, error) {
	if len(b.head) > 0 {
		n := copy(p, b.head)
		b.head = b.head[n:]
		return n, nil
	}
	return b.r.Read(p)
}

func (b *byteReader) ReadByte() (byte, error) {
	if len(b.head) > 0 {
		c := b.head[0]
		b.head = b.head[1:]
		return c, nil
	}
	return b.r.ReadByte()
}

// skipTable passes over the color table that flags announce.
func skipTable(r *bufio.Reader, flags byte) error {
	if flags&gifTable == 0 {
		return nil
	}
	_, err := r.Discard(3 * (2 << (flags & gifTableSize)))
	return gifError(err)
}

// skipBlocks passes over blocks of up to 255 bytes, to an empty one.
func skipBlocks(r *bufio.Reader) error {
	for {
		n, err := r.ReadByte()
		if err == nil {
			_, err = r.Discard(int(n))
		}
		if err != nil {
			return gifError(err)
		}
		if n == 0 {
			return nil
		}
	}
}

func gifError(err error) error {
	if err == nil {
		return nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("gif: it ends early")
	}
	return err
}
