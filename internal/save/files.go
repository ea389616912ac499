package save

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/trawl-go/trawl"
)

// Files is where the files of a job go. A [Dir] is one; others keep them in an
// object store, under other names, or many in one. Package savetest checks that
// an implementation does what is said here.
//
// A body becomes a temporary file on the local disk first (Write), which Place
// gives to its destination. That may replace what is there under the path: paths
// are reserved for the file before, so it can only be the same file from before
// a crash. Both may be done again at any moment, and a process may die between
// any two steps.
//
// Paths are relative, clean, with forward slashes, as [Clean] makes them. Errors
// are an [*Error], or ctx.Err() where there is a ctx; whether it is of use to go
// on with the next file is told by [Error.Persistent].
//
// It is safe for concurrent use.
type Files interface {
	// Write streams a body into a temporary file and checks it; see
	// [Dir.Write]. Part returns the beginning of one that was cut, and Forget
	// drops it.
	Write(ctx context.Context, body io.Reader, w Want) (*Temp, error)
	Part(ctx context.Context, id string) (*Part, error)
	Forget(id string)

	// Exists reports whether something has the path that is not of the job, or
	// may be. Where no other writes it is always false.
	Exists(path string) bool

	// Reachable reports whether a file could have the path, as far as what is
	// above it goes.
	Reachable(path string) bool

	// Place takes a temporary file to its destination, where it replaces a
	// file of the same path. After an error the Temp is as it was; it ends
	// with Discard, which does nothing after a success.
	Place(ctx context.Context, t *Temp, f File) error

	// Sync makes durable whatever was placed before the call. Files are not to
	// be recorded before it has returned. One call serves many files.
	Sync(ctx context.Context) error

	// Has reports whether the file is there with its content, and HasSize
	// whether it is there with its size.
	Has(ctx context.Context, f File) (bool, error)
	HasSize(ctx context.Context, f File) (bool, error)

	// Open returns the content of a file as it is now, to be compared with what
	// was recorded. The error is fs.ErrNotExist if it is not there.
	Open(ctx context.Context, f File) (io.ReadCloser, error)

	// Remove removes what is under a path, if it is there: a file that has got
	// another path.
	Remove(ctx context.Context, path string) error

	// Hold puts a file aside under a name, in the place of what was put aside
	// under it; nothing happens if the file is not there. Unhold brings it back
	// to its path, and reports whether the content is there. Held returns the
	// names of what is aside, and DropHeld removes it. All of this is durable
	// after Sync.
	Hold(ctx context.Context, f File, name string) error
	Unhold(ctx context.Context, name string, f File) (bool, error)
	Held(ctx context.Context) ([]string, error)
	DropHeld(ctx context.Context, name string) error

	// Close ends the use. It may be called twice.
	Close() error
}

// A File is what is known of a file that is saved, or about to be.
type File struct {
	Key    trawl.Key
	URL    string // where the bytes came from
	Path   string
	Size   int64 // in bytes
	SHA256 [32]byte
	Type   string // as in [Temp]
}

// A Linker is a Files that can let two files share their space.
type Linker interface {
	// Link makes f share the space of the file at the path first, if both are
	// there and have the content of f, and reports whether it does.
	Link(ctx context.Context, first string, f File) (bool, error)
}

// A Keeper is a Files that can keep what a file was.
type Keeper interface {
	// Keep puts a copy of a file aside under a name, as Hold does, and leaves
	// the file where it is. Unhold brings the copy back.
	Keep(ctx context.Context, f File, name string) error
}

// A Publisher is a Files elsewhere that keeps a copy of what else a job writes
// into its directory.
type Publisher interface {
	// Publish makes what is in the file, from its beginning, the content at a
	// path. The file stays the caller's.
	Publish(ctx context.Context, path string, file *os.File) error
}

// A Marker is a Files of which several processes may place the same file.
type Marker interface {
	// Mark returns the path by which a file is to be recorded that this process
	// places: one of its own.
	Mark(path string) string
}

// A Gatherer is a Files that puts many files into one.
type Gatherer interface {
	// Committed says that files have been recorded.
	Committed(keys []trawl.Key)

	// Finish puts everything in its place that was recorded. Nothing may be
	// under way.
	Finish(ctx context.Context) error
}

var (
	_ Files  = (*Dir)(nil)
	_ Linker = (*Dir)(nil)
	_ Keeper = (*Dir)(nil)
)

// Place gives a temporary file its path; see [Temp.Rename].
func (d *Dir) Place(_ context.Context, t *Temp, f File) error { return t.Rename(f.Path) }

// Open opens a regular file; anything else is not there.
func (d *Dir) Open(_ context.Context, f File) (io.ReadCloser, error) {
	switch ok, err := d.isFile(f.Path); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, notThere(f.Path)
	}
	r, err := d.root.Open(filepath.FromSlash(f.Path))
	if err != nil {
		return nil, diskError(f.Path, err)
	}
	return r, nil
}

// notThere is the error of a file that is not there.
func notThere(path string) error { return diskError(path, fs.ErrNotExist) }

// SyncData makes the content of a file durable, as it is done for every file.
func SyncData(f *os.File) error { return syncData(f) }

// SyncDir makes the names in a directory durable.
func SyncDir(f *os.File) error { return syncDir(f) }
