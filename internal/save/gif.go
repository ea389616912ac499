package save

// gif follows a GIF stream: a header, then extensions and images made of
// blocks of up to 255 bytes, and a trailer.
type gif struct {
	skipper
	state  gifState
	inData bool // the blocks are those of an image
	images int  // complete ones
}

type gifState uint8

const (
	gifHeader gifState = iota // with the screen descriptor
	gifIntro                  // what comes next
	gifLabel                  // of an extension
	gifImage                  // image descriptor
	gifCode                   // minimum code size
	gifBlock                  // size of a block
	gifEnd
	gifBad
)

func (g *gif) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && g.state < gifEnd {
		switch g.state {
		case gifHeader:
			g.need = 13
		case gifImage:
			g.need = 9
		default:
			g.need = 1
		}
		var full bool
		if p, full = g.gather(p); full {
			g.act()
		}
	}
	return n, nil
}

// act acts on what was gathered in head.
func (g *gif) act() {
	c := g.head[0]
	skip := int64(0)
	switch g.state {
	case gifHeader:
		g.state = gifIntro
		if string(g.head[:4]) != "GIF8" {
			g.state = gifBad
		}
		skip = colorTable(g.head[10])
	case gifIntro:
		switch c {
		case 0x21:
			g.state = gifLabel
		case 0x2c:
			g.state = gifImage
		case 0x3b:
			g.state = gifEnd
		case 0: // some encoders end blocks twice
		default:
			g.state = gifBad
		}
	case gifLabel:
		g.state, g.inData = gifBlock, false
	case gifImage:
		g.state = gifCode
		skip = colorTable(g.head[8])
	case gifCode:
		g.state, g.inData = gifBlock, true
	case gifBlock:
		skip = int64(c)
		if c == 0 {
			g.state = gifIntro
			if g.inData {
				g.images++
			}
		}
	}
	g.next(skip, 1)
}

// colorTable returns the size in bytes of the color table that flags
// announce.
func colorTable(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

func (g *gif) End() error {
	switch {
	case g.state == gifBad:
		return errDamaged
	case g.state != gifEnd:
		return errEarlyEnd
	case g.images == 0:
		return errNoImage
	}
	return nil
}
