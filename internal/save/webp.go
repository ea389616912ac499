package save

import "encoding/binary"

// webp follows a WebP stream: a RIFF header with the length of the whole,
// then chunks of a type, a length and content padded to even.
type webp struct {
	skipper
	begun bool
	left  int64 // bytes of the whole that are to come, as of the last header
	odd   bool  // the last chunk ends with padding, which some leave out
	data  bool  // a chunk with an image
	end   bool  // the last chunk was begun: the rest is to be passed over
	bad   bool
}

func (w *webp) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !w.bad {
		if w.end {
			w.need = 0
			w.gather(p)
			break
		}
		w.need = 8
		if !w.begun {
			w.need = 12
		}
		var full bool
		if p, full = w.gather(p); full {
			w.header()
		}
	}
	return n, nil
}

// header acts on the RIFF header or the header of a chunk.
func (w *webp) header() {
	length := int64(binary.LittleEndian.Uint32(w.head[4:8]))
	if !w.begun {
		w.begun = true
		w.bad = string(w.head[:4]) != "RIFF" || string(w.head[8:12]) != "WEBP"
		w.left = length - 4
		w.end = w.left < 8
		w.next(0, 8)
		return
	}
	switch string(w.head[:4]) {
	case "VP8 ", "VP8L", "ANMF":
		w.data = w.data || length > 0
	}
	w.left -= 8
	if length > w.left {
		w.bad = true
		return
	}
	w.odd = length&1 == 1
	padded := min(length+length&1, w.left)
	w.left -= padded
	if w.left < 8 {
		// Too little for another chunk.
		padded, w.end = padded+w.left, true
	}
	w.next(padded, 8)
}

func (w *webp) End() error {
	switch {
	case w.bad:
		return errDamaged
	case !w.end || w.skip > 1 || w.skip == 1 && !w.odd:
		return errEarlyEnd
	case !w.data:
		return errNoImage
	}
	return nil
}
