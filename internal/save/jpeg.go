package save

import "bytes"

// jpeg follows a JPEG stream: segments of a marker and a length, and after
// each SOS marker compressed data up to the next marker that is no part of
// it (ITU-T T.81, annex B).
type jpeg struct {
	skipper
	state jpegState
	scans int // with data
	data  bool
}

type jpegState uint8

const (
	jpegStart  jpegState = iota // before SOI
	jpegMarker                  // between segments
	jpegCode                    // after 0xFF between segments
	jpegLength                  // the length of a segment
	jpegScan                    // in compressed data
	jpegScanFF                  // after 0xFF in compressed data
	jpegEnd
	jpegBad
)

const (
	jpegSOI = 0xd8
	jpegEOI = 0xd9
	jpegSOS = 0xda
	jpegTEM = 0x01
	jpegRST = 0xd0 // to 0xd7
)

func (j *jpeg) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && j.state < jpegEnd {
		p = j.step(p)
	}
	return n, nil
}

// step consumes at least one byte of p.
func (j *jpeg) step(p []byte) []byte {
	switch j.state {
	case jpegStart:
		j.need = 2
		rest, full := j.gather(p)
		if full {
			j.state = jpegMarker
			if j.head[0] != 0xff || j.head[1] != jpegSOI {
				j.state = jpegBad
			}
			j.next(0, 0)
		}
		return rest
	case jpegMarker:
		// Decoders pass over stray bytes before a marker.
		rest, _ := j.gather(p)
		i := bytes.IndexByte(rest, 0xff)
		if i < 0 {
			return nil
		}
		j.state = jpegCode
		return rest[i+1:]
	case jpegCode:
		j.marker(p[0])
		return p[1:]
	case jpegLength:
		rest, full := j.gather(p)
		if full {
			j.segment(int64(j.head[1])<<8 | int64(j.head[2]))
		}
		return rest
	case jpegScan:
		rest, _ := j.gather(p)
		if len(rest) == 0 {
			return nil
		}
		i := bytes.IndexByte(rest, 0xff)
		if i != 0 && !j.data {
			j.data = true
			j.scans++
		}
		if i < 0 {
			return nil
		}
		j.state = jpegScanFF
		return rest[i+1:]
	default: // jpegScanFF
		switch c := p[0]; {
		case c == 0xff: // fill
		case c < 0xc0: // a stuffed zero, or a code that no encoder writes
			j.state = jpegScan
			if !j.data {
				j.data = true
				j.scans++
			}
		case jpegRST <= c && c < jpegRST+8:
			j.state = jpegScan
		default:
			j.marker(c)
		}
		return p[1:]
	}
}

// marker acts on the code after 0xFF.
func (j *jpeg) marker(code byte) {
	switch {
	case code == 0xff: // fill
		j.state = jpegCode
	case code == jpegEOI:
		j.state = jpegEnd
	case code == 0, code == jpegTEM, code == jpegSOI, jpegRST <= code && code < jpegRST+8:
		j.state = jpegMarker // no segment
	default:
		j.state = jpegLength
		j.next(0, 3)
		j.head[0], j.have = code, 1
	}
}

// segment acts on the length of a segment, which counts itself.
func (j *jpeg) segment(length int64) {
	if length < 2 {
		j.state = jpegBad
		return
	}
	code := j.head[0]
	j.next(length-2, 0)
	j.state = jpegMarker
	if code == jpegSOS {
		j.state, j.data = jpegScan, false
	}
}

func (j *jpeg) End() error {
	switch {
	case j.state == jpegBad:
		return errDamaged
	case j.state != jpegEnd:
		return errEarlyEnd
	case j.scans == 0:
		return errNoImage
	}
	return nil
}
