package save

import (
	"crypto/sha256"
	"hash"
)

// A content is what is known of a file's bytes as they pass by.
type content struct {
	size int64
	hash hash.Hash
	typ  string  // media type; "" before the first bytes
	pic  picture // nil for what has no end to look for
}

func newContent() *content { return &content{hash: sha256.New()} }

// add looks at the next bytes. The first that it is given decide the type: they
// are a buffer full, or all there is.
func (c *content) add(p []byte) {
	if c.typ == "" {
		c.typ = sniff(p)
		c.pic = newPicture(c.typ)
	}
	if c.pic != nil {
		c.pic.Write(p)
	}
	c.hash.Write(p)
	c.size += int64(len(p))
}

// sum returns the hash of all bytes so far.
func (c *content) sum() (s [sha256.Size]byte) {
	c.hash.Sum(s[:0])
	return s
}
