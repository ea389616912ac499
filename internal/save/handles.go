package save

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// handles are directories that are kept open while files are made in them or
// renamed into them, so that each file costs one system call and not ten: going
// there from the root, and back, and looking whether something is in the way.
//
// It is safe for concurrent use. The zero value is empty.
type handles struct {
	mu   sync.Mutex
	open map[string]handle // by the path below the root
}

// A handle is a directory that is open. After it was closed its use is an error
// and does no harm.
type handle struct {
	file *os.File
	conn syscall.RawConn // of file
}

// mostHandles bounds the directories that are open.
const mostHandles = 64

// get returns the handle of a directory; ok is false if it cannot be opened.
func (h *handles) get(root *os.Root, dir string) (hd handle, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if hd, ok := h.open[dir]; ok {
		return hd, true
	}
	f, err := root.Open(filepath.FromSlash(dir))
	if err != nil {
		return handle{}, false
	}
	conn, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return handle{}, false
	}
	if len(h.open) >= mostHandles {
		h.closeLocked()
	}
	if h.open == nil {
		h.open = make(map[string]handle)
	}
	h.open[dir] = handle{f, conn}
	return h.open[dir], true
}

// has reports whether a directory is open.
func (h *handles) has(dir string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.open[dir]
	return ok
}

// close closes all of them.
func (h *handles) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closeLocked()
}

func (h *handles) closeLocked() {
	for _, hd := range h.open {
		hd.file.Close() // it was open for reading: nothing is lost
	}
	clear(h.open)
}

// renameNew gives a temporary file a path at which there is nothing. It
// reports whether it did; if not, nothing has happened, and the reason is for
// Rename to find.
func (d *Dir) renameNew(name, to string) bool {
	if !canUseHandles {
		return false
	}
	dir, base := splitPath(to)
	from, ok := d.handles.get(d.root, d.work)
	if !ok {
		return false
	}
	into, ok := d.handles.get(d.root, dir)
	return ok && renameNew(from, name, into, base) == nil
}
