package decode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/trawl-go/trawl/process"
)

// A task is what a worker gets.
type task struct {
	Place int // in the sequence, for All
	Picture
	MaxPixels int64
}

// A finding is what a worker says of a picture.
type finding struct {
	Place  int
	Bad    string // why it does not decode
	Beyond string // what the decoders cannot do
}

// picture decodes a picture, in a worker.
var picture = process.Register("decode.picture", func(_ context.Context, t task) (finding, error) {
	f := finding{Place: t.Place}
	file, err := os.OpenInRoot(t.Dir, filepath.FromSlash(t.Path))
	if err != nil {
		return f, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return f, err
	} else if !info.Mode().IsRegular() {
		return f, &fs.PathError{Op: "decode", Path: t.Path, Err: errors.New("not a regular file")}
	}
	err = decode(file, t.Type, t.MaxPixels)
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk):
		return f, err
	case errors.As(err, new(beyondError)):
		f.Beyond = err.Error()
	case err != nil:
		f.Bad = err.Error()
	}
	return f, nil
})

// Decodes reports whether pictures of a media type are decoded.
func Decodes(mediaType string) bool {
	switch mediaType {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff":
		return true
	}
	return false
}

// A beyondError is a picture that may be right, but not for our decoders.
type beyondError struct{ err error }

func (e beyondError) Error() string { return e.err.Error() }

// decode decodes all of a picture and forgets the pixels.
func decode(f *os.File, mediaType string, maxPixels int64) error {
	switch mediaType {
	case "image/jpeg":
		return decodeOne(f, maxPixels, jpeg.DecodeConfig, jpeg.Decode)
	case "image/png":
		return decodeOne(f, maxPixels, png.DecodeConfig, png.Decode)
	case "image/bmp":
		return decodeOne(f, maxPixels, bmp.DecodeConfig, bmp.Decode)
	case "image/tiff":
		return decodeOne(f, maxPixels, tiff.DecodeConfig, tiff.Decode)
	case "image/gif":
		return decodeGIF(bufio.NewReaderSize(f, 64<<10), maxPixels)
	case "image/webp":
		return decodeWebP(bufio.NewReaderSize(f, 64<<10), maxPixels)
	}
	return beyondError{fmt.Errorf("%s is not decoded", mediaType)}
}

// decodeOne decodes a picture of a format that needs nothing special.
func decodeOne(f io.ReadSeeker, maxPixels int64, config func(io.Reader) (image.Config, error), full func(io.Reader) (image.Image, error)) error {
	c, err := config(f)
	if err != nil {
		if isUnsupported(err) {
			return beyondError{err}
		}
		return err
	}
	if err := checkSize(c, maxPixels); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = full(f)
	// Deep inside, the JPEG decoder calls a good part of all damage
	// unsupported; of a real kind it learns late only that four colors may
	// not be CMYK.
	if isUnsupported(err) && (!errors.As(err, new(jpeg.UnsupportedError)) || c.ColorModel == color.CMYKModel) {
		return beyondError{err}
	}
	return err
}

func checkSize(c image.Config, maxPixels int64) error {
	w, h := int64(c.Width), int64(c.Height)
	if w <= 0 || h <= 0 {
		return fmt.Errorf("the picture is %d by %d pixels", w, h)
	}
	if w > maxPixels/h {
		return fmt.Errorf("the picture is %d by %d pixels, more than %d million in all", w, h, maxPixels/1e6)
	}
	return nil
}

func isUnsupported(err error) bool {
	return errors.As(err, new(jpeg.UnsupportedError)) || errors.As(err, new(png.UnsupportedError)) ||
		errors.As(err, new(tiff.UnsupportedError)) || errors.Is(err, bmp.ErrUnsupported)
}
