package save

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"path"
	"path/filepath"
)

// heldDir is where files are kept that are complete and not believed.
const heldDir = ".trawl/held"

// Hold moves a file from its path to a name among the held ones, in the place
// of a held one of that name. What is not a regular file is left alone. Both
// names are durable after [Dir.Sync].
func (d *Dir) Hold(_ context.Context, f File, name string) error {
	p := f.Path
	if err := checkPath(p); err != nil {
		return err
	}
	if ok, err := d.isFile(p); !ok {
		return err
	}
	to := path.Join(heldDir, name)
	if err := d.mkdirAll(heldDir); err != nil {
		return diskError(to, err)
	}
	return d.move(p, to)
}

// Keep makes a held file of the content of a file, under a name, in the place
// of a held one of that name: by a hard link, or a copy where there are none.
// What is not a regular file is left alone.
func (d *Dir) Keep(_ context.Context, f File, name string) error {
	if err := checkPath(f.Path); err != nil {
		return err
	}
	if ok, err := d.isFile(f.Path); !ok {
		return err
	}
	if err := d.mkdirAll(heldDir); err != nil {
		return diskError(f.Path, err)
	}
	from, to := filepath.FromSlash(f.Path), filepath.FromSlash(path.Join(heldDir, name))
	err := d.root.Remove(to)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		if err = d.root.Link(from, to); err != nil {
			err = d.copy(from, to)
		}
	}
	d.markDirty(heldDir)
	if err != nil {
		return diskError(f.Path, err)
	}
	return nil
}

// copy copies a file of the directory. A process that dies leaves half of it,
// which Unhold does not take for the whole.
func (d *Dir) copy(from, to string) error {
	src, err := d.root.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := d.root.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err == nil && !d.opts.NoSync {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}

// Unhold moves a held file to a path, which it makes as [Temp.Rename] does,
// and reports whether that has the content now. A file with another content
// stays where it is; if there is none, the path may have the file already.
func (d *Dir) Unhold(ctx context.Context, name string, f File) (bool, error) {
	p := f.Path
	if err := checkPath(p); err != nil {
		return false, err
	}
	from := path.Join(heldDir, name)
	switch ok, err := d.isFile(from); {
	case err != nil:
		return false, err
	case !ok:
		return d.Has(ctx, f)
	}
	if ok, err := d.hasContent(from, f.SHA256); !ok {
		return false, err
	}
	if err := d.mkdirAll(path.Dir(p)); err != nil {
		return false, diskError(p, err)
	}
	err := d.move(from, p)
	return err == nil, err
}

// Held returns the names of the files that are held, in no order.
func (d *Dir) Held(context.Context) ([]string, error) {
	f, err := d.root.Open(filepath.FromSlash(heldDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskError(heldDir, err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, diskError(heldDir, err)
	}
	return names, nil
}

// DropHeld removes a file that is held, if it is there.
func (d *Dir) DropHeld(ctx context.Context, name string) error {
	return d.Remove(ctx, path.Join(heldDir, name))
}

// Remove removes a regular file, if it is there.
func (d *Dir) Remove(_ context.Context, p string) error {
	if ok, err := d.isFile(p); !ok {
		return err
	}
	if err := d.root.Remove(filepath.FromSlash(p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(p, err)
	}
	d.markDirty(path.Dir(p))
	return nil
}

// Has reports whether there is a regular file with its content at its path.
func (d *Dir) Has(_ context.Context, f File) (bool, error) { return d.hasContent(f.Path, f.SHA256) }

func (d *Dir) hasContent(p string, sum [32]byte) (bool, error) {
	if ok, err := d.isFile(p); !ok {
		return false, err
	}
	f, err := d.root.Open(filepath.FromSlash(p))
	if err != nil {
		return false, diskError(p, err)
	}
	defer f.Close()
	buf := d.buffers.Get().(*[]byte)
	defer d.buffers.Put(buf)
	h := sha256.New()
	for {
		n, err := readFull(f, *buf)
		h.Write((*buf)[:n])
		if err == io.EOF {
			return [32]byte(h.Sum(nil)) == sum, nil
		}
		if err != nil {
			return false, diskError(p, err)
		}
	}
}

// HasSize reports whether there is a regular file of its size at its path.
func (d *Dir) HasSize(_ context.Context, f File) (bool, error) {
	info, err := d.root.Lstat(filepath.FromSlash(f.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, diskError(f.Path, err)
	}
	return info.Mode().IsRegular() && info.Size() == f.Size, nil
}

// isFile reports whether there is a regular file at a path.
func (d *Dir) isFile(p string) (bool, error) {
	info, err := d.root.Lstat(filepath.FromSlash(p))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, diskError(p, err)
	}
	return info.Mode().IsRegular(), nil
}

// move renames a file.
func (d *Dir) move(from, to string) error {
	if err := d.root.Rename(filepath.FromSlash(from), filepath.FromSlash(to)); err != nil {
		return diskError(to, err)
	}
	d.markDirty(path.Dir(from))
	d.markDirty(path.Dir(to))
	return nil
}
