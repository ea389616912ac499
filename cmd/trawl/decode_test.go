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
// wrong.png, which is damaged in between; and bomb.png, which claims to be
// huge.
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
	for name, data := range map[string][]byte{"good.png": good.Bytes(), "wrong.png": wrong, "bomb.png": bomb} {
		ts.Check(os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
}
