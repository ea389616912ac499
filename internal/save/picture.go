package save

import (
	"errors"
	"io"
)

// A picture follows the structure of a picture as it streams by, to tell
// whether it is all there. It looks at markers and lengths and decodes
// nothing: that costs little and cannot be attacked.
//
// It is lenient with what real pictures have and decoders forgive: bytes
// after the end, padding, unknown parts. What it does insist on is that there
// is image data and that the end of the picture comes after it.
type picture interface {
	// Write never fails; whatever is wrong is told by End.
	io.Writer

	// End returns nil if all written is a complete picture.
	End() error
}

// newPicture returns what follows pictures of a media type, nil for a type
// that has no end to look for.
func newPicture(mediaType string) picture {
	switch mediaType {
	case "image/jpeg":
		return new(jpeg)
	case "image/png":
		return new(png)
	case "image/gif":
		return new(gif)
	case "image/webp":
		return new(webp)
	}
	return nil
}

var (
	errEarlyEnd = errors.New("the picture ends early")
	errNoImage  = errors.New("no image in the picture")
	errDamaged  = errors.New("the picture is damaged")
)

// A skipper is the part that all formats share: a few bytes of a header that
// must be seen together, and stretches of content that are passed over.
type skipper struct {
	skip int64    // bytes to pass over
	need int      // bytes to gather in head
	head [30]byte // gathered so far: head[:have]
	have int
}

// gather passes over skip bytes and fills head to need. It returns what is
// left of p, and whether head is full.
func (s *skipper) gather(p []byte) (rest []byte, full bool) {
	if s.skip > 0 {
		n := min(s.skip, int64(len(p)))
		s.skip -= n
		p = p[n:]
	}
	if s.skip > 0 {
		return nil, false
	}
	n := copy(s.head[s.have:s.need], p)
	s.have += n
	return p[n:], s.have == s.need
}

// next starts over: pass over skip bytes, then gather need.
func (s *skipper) next(skip int64, need int) { s.skip, s.need, s.have = skip, need, 0 }
