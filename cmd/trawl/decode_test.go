package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// pictures DIR writes pictures that all begin and end well: good.png;
// wrong.png, which is damaged in between; bomb.png, which claims to be huge;
// and heavy.jpg, which is not, and takes 1.6 GB to decode.
func cmdPictures(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	var good bytes.Buffer
	m := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range m.Pix {
		m.Pix[i] = byte(i * i / 11)
	}
	ts.Check(png.Encode(&good, m))
	wrong := bytes.Clone(good.Bytes())
	copy(wrong[len(wrong)/2:], "wrong")
	bomb := bytes.Clone(good.Bytes())
	const header = 8 + 4 // of the file, and the length of its first chunk
	binary.BigEndian.PutUint32(bomb[header+4:], 50_000)
	binary.BigEndian.PutUint32(bomb[header+8:], 50_000)
	binary.BigEndian.PutUint32(bomb[header+17:], crc32.ChecksumIEEE(bomb[header:header+17]))
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	pictures := map[string][]byte{"good.png": good.Bytes(), "wrong.png": wrong, "bomb.png": bomb, "heavy.jpg": heavyJPEG()}
	for name, data := range pictures {
		ts.Check(os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
}

// heavyJPEG is a progressive JPEG of 100 million pixels in four colors, for
// which a decoder has to keep 4 bytes for each pixel and color.
func heavyJPEG() []byte {
	segment := func(code byte, body string) string {
		return string([]byte{0xff, code, 0, byte(len(body) + 2)}) + body
	}
	const side = "\x27\x10" // 10,000
	parts := "\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00"
	scan := "\x04" + "\x01\x00\x02\x00\x03\x00\x04\x00" + "\x00\x00\x00" // the first coefficient of each
	code := "\x00" + "\x01" + string(make([]byte, 15)) + "\x00"          // one code, of one bit, for 0
	return []byte("\xff\xd8" + segment(0xee, "Adobe\x00\x64\x00\x00\x00\x00\x00") +
		segment(0xc2, "\x08"+side+side+"\x04"+parts) + segment(0xc4, code) + segment(0xda, scan) + "\x00\xff\xd9")
}
