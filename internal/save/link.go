package save

import (
	"context"
	"path"
	"path/filepath"
)

// Link makes a file a hard link to the one at first, so that both
// take the space of one, and reports whether it is. Both are regular files
// and have that content; a first that has changed is left alone. The file
// is there at every moment.
//
// An error that is not [Error.Persistent] tells that this file system, or
// this file, takes no links.
func (d *Dir) Link(ctx context.Context, first string, f File) (bool, error) {
	p := f.Path
	for _, p := range []string{first, p} {
		if err := checkPath(p); err != nil {
			return false, err
		}
		if ok, err := d.isFile(p); !ok {
			return false, err
		}
	}
	tmp := path.Join(d.work, d.tempName())
	if err := d.root.Link(filepath.FromSlash(first), filepath.FromSlash(tmp)); err != nil {
		return false, diskError(p, err)
	}
	// Looked at by the name that nobody else changes.
	ok, err := d.hasContent(tmp, f.SHA256)
	if ok {
		err = d.move(tmp, p)
	}
	// If both names were links to the same file already, the rename has done
	// nothing and tmp is still there.
	if rmErr := d.Remove(ctx, tmp); err == nil {
		err = rmErr
	}
	return ok && err == nil, err
}
