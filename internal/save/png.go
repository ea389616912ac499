package save

import "encoding/binary"

// png follows a PNG stream: a signature, then chunks of a length, a type,
// content and a checksum, the last of type IEND.
type png struct {
	skipper
	begun bool // signature seen
	data  bool // an IDAT with content
	end   bool
	bad   bool
}

const pngSignature = "\x89PNG\r\n\x1a\n"

func (g *png) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !g.end && !g.bad {
		g.need = 8
		var full bool
		if p, full = g.gather(p); full {
			g.header()
		}
	}
	return n, nil
}

// header acts on the signature, or the length and type of a chunk.
func (g *png) header() {
	if !g.begun {
		g.begun = true
		g.bad = string(g.head[:8]) != pngSignature
		g.next(0, 8)
		return
	}
	length := binary.BigEndian.Uint32(g.head[:4])
	for _, c := range g.head[4:8] {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			g.bad = true
		}
	}
	switch string(g.head[4:8]) {
	case "IDAT":
		g.data = g.data || length > 0
	case "IEND":
		g.end = true
	}
	g.bad = g.bad || length > 1<<31-1
	g.next(int64(length)+4, 8)
}

func (g *png) End() error {
	switch {
	case g.bad:
		return errDamaged
	case !g.end:
		return errEarlyEnd
	case !g.data:
		return errNoImage
	}
	return nil
}
