package save

import (
	"os"
	"path"
	"path/filepath"
	"sync"
)

// handles are directories that are kept open while files are renamed into
// them, so that each file costs one system call and not ten: going there from
// the root, and back, and looking whether something is in the way.
//
// It is safe for concurrent use. The zero value is empty.
type handles struct {
	mu   sync.Mutex
	open map[string]*os.File // directories, by their path below the root
}

// mostHandles bounds the directories that are open.
const mostHandles = 64

// get returns the handle of a directory, nil if it cannot be opened. It is
// valid until the next close; then its use is an error and does no harm.
func (h *handles) get(root *os.Root, dir string) *os.File {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.open[dir]; f != nil {
		return f
	}
	f, err := root.Open(filepath.FromSlash(dir))
	if err != nil {
		return nil
	}
	if len(h.open) >= mostHandles {
		h.closeLocked()
	}
	if h.open == nil {
		h.open = make(map[string]*os.File)
	}
	h.open[dir] = f
	return f
}

// close closes all of them.
func (h *handles) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closeLocked()
}

func (h *handles) closeLocked() {
	for _, f := range h.open {
		f.Close() // it was open for reading: nothing is lost
	}
	clear(h.open)
}

// renameNew gives a temporary file a path at which there is nothing. It
// reports whether it did; if not, nothing has happened, and the reason is for
// Rename to find.
func (d *Dir) renameNew(name, to string) bool {
	if !canRenameNew {
		return false
	}
	dir, base := path.Split(to)
	from, into := d.handles.get(d.root, work), d.handles.get(d.root, path.Clean(dir))
	return from != nil && into != nil && renameNew(from, name, into, base) == nil
}
