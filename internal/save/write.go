package save

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// bufferSize is how much of a body is gathered before it is looked at and
// written: most pictures whole, so that a refused one never touches the disk.
const bufferSize = 64 << 10

// Want says what a body should be.
type Want struct {
	// Length in bytes that was announced; -1 if it was not.
	Length int64

	// Path that the file is to have; its extension says what is expected.
	Path string

	// ContentType as the server named it; "" if it did not.
	ContentType string

	// Picture wants a picture whatever Path and ContentType say.
	Picture bool

	// MaxSize bounds the file in bytes; zero means Options.MaxSize.
	MaxSize int64

	// Source is where the body comes from. If it has a Validator the
	// beginning of a body that is cut is kept, unless it is less than 64 KB.
	Source Source

	// Part is what the body goes on after; nil for a body that is the whole
	// file. We take it.
	Part *Part
}

// A Temp is a file that is complete and checked, and has no name yet. It ends
// with Rename or Discard. It belongs to one goroutine.
type Temp struct {
	Size   int64 // in bytes
	SHA256 [32]byte

	// Type is the media type found in the content, such as "image/jpeg";
	// "application/octet-stream" if it is not known.
	Type string

	dir  *Dir
	name string // below work; "" once renamed or discarded
	id   string // of the part that it may have been
}

// Path is where the file is now, below the directory and with slashes: for
// those who want to look at it before it gets its name.
func (t *Temp) Path() string { return path.Join(t.dir.work, t.name) }

// Open opens the file for reading, for those who take it elsewhere. The error is
// an [*Error] with reason Disk.
func (t *Temp) Open() (*os.File, error) {
	f, err := t.dir.tmp.Open(t.name)
	if err != nil {
		return nil, diskError("", err)
	}
	return f, nil
}

// Write streams body into a temporary file. It checks that the body has the
// length announced, is not over the limit, is a picture if one was wanted,
// and, for JPEG, PNG, GIF and WebP, goes on to the end of the picture;
// bytes after that are kept. All checks, and the hash, are of the whole file,
// what Want.Part holds included. Unless Options.NoSync is set the content is
// durable when Write returns.
//
// The error is an [*Error], that of body as it is, or ctx.Err(). On any error
// nothing stays, except for the beginning of a body that failed or was shorter
// than announced, or of which ctx ended, if Want.Source has a validator: that
// can be had from [Dir.Part]. Body is not closed.
func (d *Dir) Write(ctx context.Context, body io.Reader, w Want) (*Temp, error) {
	if w.MaxSize == 0 {
		w.MaxSize = d.opts.MaxSize
	}
	if w.Part == nil {
		d.Forget(w.Source.ID) // whatever it was, this is another version
	} else {
		w.Source = w.Part.Source
	}
	if w.MaxSize > 0 && w.Length > w.MaxSize {
		d.Forget(w.Source.ID)
		return nil, w.tooLarge()
	}
	buf := d.buffers.Get().(*[]byte)
	defer d.buffers.Put(buf)
	out := &output{dir: d, path: w.Path, keep: keeper{dir: d, source: w.Source, at: time.Now()}}
	c := newContent()
	if w.Part != nil {
		c = w.Part.content
		out.name, out.after = w.Source.ID+".part", c.size
		out.keep.last = mark{c.size, c.sum()}
	}
	if err := fill(ctx, c, body, &w, out, *buf); err != nil {
		out.remove()
		return nil, err
	}
	return &Temp{Size: c.size, SHA256: c.sum(), Type: c.typ, dir: d, name: out.name, id: w.Source.ID}, nil
}

// fill reads the body to its end and finishes the file.
func fill(ctx context.Context, c *content, body io.Reader, w *Want, out *output, buf []byte) error {
	if w.Part != nil {
		if err := w.checkType(c.typ, false); err != nil {
			return err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			out.cut(c)
			return err
		}
		n, err := readFull(body, buf)
		eof, first := err == io.EOF, c.typ == ""
		if first && err != nil && !eof {
			return err // too little to keep
		}
		c.add(buf[:n])
		if w.MaxSize > 0 && c.size > w.MaxSize {
			return w.tooLarge()
		}
		if first {
			if err := w.checkType(c.typ, n == 0); err != nil {
				return err
			}
			out.begin(eof)
		}
		short := eof && c.size < w.Length
		if eof && !short {
			if err := w.checkEnd(c); err != nil {
				return err
			}
		}
		if werr := out.write(buf[:n]); werr != nil {
			return werr
		}
		switch {
		case short:
			out.cut(c)
			return w.wrongLength(c.size)
		case eof:
			return out.finish()
		case err != nil:
			out.cut(c)
			return err
		}
		out.mark(c)
	}
}

// readFull fills buf as far as the body goes; io.EOF says that it ended.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

func (w *Want) tooLarge() error {
	return &Error{Reason: Size, Path: w.Path, Err: fmt.Errorf("file is larger than %d bytes", w.MaxSize)}
}

// checkType looks at what the content is, against what was wanted.
func (w *Want) checkType(found string, empty bool) error {
	switch wanted := w.wanted(); {
	case wanted == "picture" && empty:
		return &Error{Reason: Type, Path: w.Path, Err: errors.New("empty, but a picture was wanted")}
	case wanted == "picture" && isText(found), wanted != "" && found == "text/html":
		return &Error{Reason: Type, Path: w.Path, Err: fmt.Errorf("content is %s, but a %s was wanted", found, wanted)}
	}
	return nil
}

func (w *Want) wrongLength(size int64) error {
	return &Error{Reason: Cut, Path: w.Path, Err: fmt.Errorf("%d of %d bytes", size, w.Length)}
}

// checkEnd looks at the whole of the body.
func (w *Want) checkEnd(c *content) error {
	if w.Length >= 0 && c.size != w.Length {
		return w.wrongLength(c.size)
	}
	if c.pic == nil {
		return nil
	}
	if err := c.pic.End(); err != nil {
		return &Error{Reason: Cut, Path: w.Path, Err: fmt.Errorf("%s of %d bytes: %w", c.typ, c.size, err)}
	}
	return nil
}

// An output is a temporary file that is made when there is something to
// write.
type output struct {
	dir   *Dir
	name  string
	path  string // for errors
	after int64  // bytes that are there already
	file  file

	keep keeper
	kept bool // as a part: remove does not
}

// begin chooses the name before the first write; all says whether that is the
// last one too.
func (o *output) begin(all bool) {
	if all || o.keep.source.Validator == "" {
		o.name, o.keep.source = o.dir.tempName(), Source{}
		return
	}
	o.name = o.keep.source.ID + ".part"
	o.dir.tmp.Remove(o.name) // one whose log did not come to be
}

func (o *output) write(p []byte) (err error) {
	if o.file == nil {
		if o.file, err = o.dir.create(o.name, o.after); err != nil {
			return diskError(o.path, err)
		}
	}
	if len(p) == 0 {
		return nil
	}
	if _, err = o.file.Write(p); err != nil {
		return diskError(o.path, err)
	}
	return nil
}

// mark makes sure now and then that a killed process leaves a part. A log that
// cannot be written costs no more than that.
func (o *output) mark(c *content) {
	if o.keep.source.Validator != "" && o.keep.due(c.size) {
		_ = o.keep.mark(c)
	}
}

// cut keeps what was written as a part, if it can be.
func (o *output) cut(c *content) {
	if o.keep.source.Validator == "" || c.size == 0 {
		return
	}
	o.kept = o.keep.mark(c) == nil
}

// finish makes the content durable and closes the file.
func (o *output) finish() error {
	var err error
	if !o.dir.opts.NoSync {
		err = o.file.Sync()
	}
	cerr := o.file.Close()
	o.file = nil
	if err = errors.Join(err, cerr); err != nil {
		o.dir.tmp.Remove(o.name)
		return diskError(o.path, err)
	}
	return nil
}

// remove ends an output that did not become a file.
func (o *output) remove() {
	if o.file != nil && o.file.Close() != nil {
		o.kept = false
	}
	if o.kept {
		return
	}
	if o.file != nil {
		o.dir.tmp.Remove(o.name)
	}
	o.dir.Forget(o.keep.source.ID)
}

// Rename gives the file its final name, a path as Clean returns it, and
// creates the directories it needs. It replaces a regular file of that name,
// which can only be our own from before a crash, and nothing else: not a
// directory, a link or a device. The name is durable after [Dir.Sync].
//
// After an error, an [*Error] with reason Disk, the Temp can be renamed to
// another path or discarded.
func (t *Temp) Rename(to string) error {
	if t.name == "" {
		return diskError(to, errors.New("renamed or discarded before"))
	}
	if err := checkPath(to); err != nil {
		return err
	}
	d := t.dir
	if d.renameNew(t.name, to) {
		t.named(to)
		return nil
	}
	local := filepath.FromSlash(to)
	switch info, err := d.root.Lstat(local); {
	case err == nil && !info.Mode().IsRegular():
		return diskError(to, fmt.Errorf("in the way: %v is not a regular file: %w", info.Name(), fs.ErrExist))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return diskError(to, err)
	}
	from := filepath.Join(filepath.FromSlash(d.work), t.name)
	err := d.root.Rename(from, local)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.mkdirAll(path.Dir(to)); err == nil {
			err = d.root.Rename(from, local)
		}
	}
	if err != nil {
		return diskError(to, err)
	}
	t.named(to)
	return nil
}

// named notes that the file has its name.
func (t *Temp) named(to string) {
	t.dir.markDirty(path.Dir(to))
	t.name = ""
	t.dir.Forget(t.id)
}

// Discard removes the file. It does nothing after Rename, and may be called
// twice.
func (t *Temp) Discard() {
	if t.name != "" {
		// Open removes what stays for whatever reason.
		t.dir.tmp.Remove(t.name)
		t.dir.Forget(t.id)
		t.name = ""
	}
}
