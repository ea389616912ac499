package save

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
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
}

// Write streams body into a temporary file. It checks that the body has the
// length announced, is not over the limit, is a picture if one was wanted,
// and, for JPEG, PNG, GIF and WebP, goes on to the end of the picture;
// bytes after that are kept. Unless Options.NoSync is set the content is
// durable when Write returns.
//
// The error is an [*Error], that of body as it is, or ctx.Err(). On any error
// nothing stays. Body is not closed.
func (d *Dir) Write(ctx context.Context, body io.Reader, w Want) (*Temp, error) {
	if w.MaxSize == 0 {
		w.MaxSize = d.opts.MaxSize
	}
	if w.MaxSize > 0 && w.Length > w.MaxSize {
		return nil, w.tooLarge()
	}
	buf := d.buffers.Get().(*[]byte)
	defer d.buffers.Put(buf)
	t := &Temp{dir: d}
	out := &output{dir: d, name: d.tempName(), path: w.Path}
	if err := t.fill(ctx, body, &w, out, *buf); err != nil {
		out.remove()
		return nil, err
	}
	t.name = out.name
	return t, nil
}

// fill reads the body to its end and finishes the file.
func (t *Temp) fill(ctx context.Context, body io.Reader, w *Want, out *output, buf []byte) error {
	hash := sha256.New()
	var pic picture
	for first, eof := true, false; !eof; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := readFull(body, buf)
		if eof = err == io.EOF; !eof && err != nil {
			return err
		}
		chunk := buf[:n]
		t.Size += int64(n)
		if w.MaxSize > 0 && t.Size > w.MaxSize {
			return w.tooLarge()
		}
		if first {
			t.Type = sniff(chunk)
			if err := w.checkType(t.Type, n == 0); err != nil {
				return err
			}
			pic = newPicture(t.Type)
		}
		if pic != nil {
			pic.Write(chunk)
		}
		hash.Write(chunk)
		if eof {
			if err := w.checkEnd(t.Size, t.Type, pic); err != nil {
				return err
			}
		}
		if err := out.write(chunk); err != nil {
			return err
		}
	}
	hash.Sum(t.SHA256[:0])
	return out.finish()
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

// checkEnd looks at the whole of the body.
func (w *Want) checkEnd(size int64, found string, pic picture) error {
	if w.Length >= 0 && size != w.Length {
		return &Error{Reason: Cut, Path: w.Path, Err: fmt.Errorf("%d of %d bytes", size, w.Length)}
	}
	if pic == nil {
		return nil
	}
	if err := pic.End(); err != nil {
		return &Error{Reason: Cut, Path: w.Path, Err: fmt.Errorf("%s of %d bytes: %w", found, size, err)}
	}
	return nil
}

// An output is a temporary file that is made when there is something to
// write.
type output struct {
	dir  *Dir
	name string
	path string // for errors
	file file
}

func (o *output) write(p []byte) (err error) {
	if o.file == nil {
		if o.file, err = o.dir.create(o.name); err != nil {
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

// remove undoes what was written.
func (o *output) remove() {
	if o.file != nil {
		o.file.Close()
		o.dir.tmp.Remove(o.name)
	}
}

// Rename gives the file its final name, a path as Clean returns it, and
// creates the directories it needs. It replaces a regular file of that name,
// which can only be our own from before a crash, and nothing else: not a
// directory, a link or a device. The name is durable after [Dir.SyncDirs].
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
	local := filepath.FromSlash(to)
	switch info, err := d.root.Lstat(local); {
	case err == nil && !info.Mode().IsRegular():
		return diskError(to, fmt.Errorf("in the way: %v is not a regular file: %w", info.Name(), fs.ErrExist))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return diskError(to, err)
	}
	from := filepath.Join(filepath.FromSlash(work), t.name)
	err := d.root.Rename(from, local)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.mkdirAll(path.Dir(to)); err == nil {
			err = d.root.Rename(from, local)
		}
	}
	if err != nil {
		return diskError(to, err)
	}
	d.markDirty(path.Dir(to))
	t.name = ""
	return nil
}

// Discard removes the file. It does nothing after Rename, and may be called
// twice.
func (t *Temp) Discard() {
	if t.name != "" {
		// Open removes what stays for whatever reason.
		t.dir.tmp.Remove(t.name)
		t.name = ""
	}
}
