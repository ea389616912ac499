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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// work is where temporary files live, below the directory so that a rename
// stays on one file system.
const work = ".trawl/tmp"

// Options for [Open]. A nil *Options and every zero field mean the default.
type Options struct {
	// NoSync leaves it to the operating system when to write data and names
	// to the disk. Without it a file is durable once Sync has returned.
	NoSync bool

	// MaxSize bounds each file in bytes; zero means no limit. A larger one
	// is refused.
	MaxSize int64

	// Process tells apart the processes that save into one directory at the
	// same time: each has a place for temporary files of its own,
	// dir/.trawl/tmp-PROCESS, which goes with Close. "" is for a directory
	// that belongs to one process at a time.
	Process string

	// Gone says of the Process of another whether it is no more. Open removes
	// its place then, if nothing has changed there for an hour, by the clock of
	// the disk. Nil means that it cannot be known.
	Gone func(process string) bool
}

// A Dir is a directory that files are saved into. Open it with [Open].
//
// It is safe for concurrent use.
type Dir struct {
	root *os.Root
	tmp  *os.Root // of work
	work string   // where temporary files live, below root
	opts Options
	seq  atomic.Uint64 // of temporary files

	// create makes a temporary file, or goes on with one after its first bytes,
	// and sync makes the names in a directory durable; tests put a failing disk
	// here.
	create func(name string, after int64) (file, error)
	sync   func(dir string) error

	buffers sync.Pool // *[]byte, bufferSize long
	handles handles   // of the directories that files go to; closed by Sync

	syncing sync.Mutex // held while Sync runs, taken before mu

	mu sync.Mutex
	// dirty holds the directories with names that may not be durable yet.
	// A name goes in before anyone can rely on it: see mkdirAll.
	dirty map[string]struct{}
	// absent holds directories that were not there, until Sync: of what files in
	// them need nothing has to be asked of the disk.
	absent map[string]struct{}
	// parts holds the IDs of the parts that are kept, so that a file of which
	// there is none costs no look at the disk.
	parts map[string]struct{}
}

// file is what Write needs of a temporary file.
type file interface {
	io.Writer
	Sync() error // of the data
	Close() error
}

// Open opens dir, creating it if it is not there, and removes what a dead
// process left in its place for temporary files, dir/.trawl/tmp, except for the
// parts of files that [Dir.Part] finds; these go after 30 days. The caller holds
// the job's lock: another Dir on the same directory would lose its files.
//
// Errors are an [*Error] with reason Disk. We copy opts.
func Open(dir string, opts *Options) (*Dir, error) {
	d := &Dir{dirty: make(map[string]struct{}), absent: make(map[string]struct{}), parts: make(map[string]struct{})}
	if opts != nil {
		d.opts = *opts
	}
	d.work = work
	if d.opts.Process != "" {
		d.work += "-" + d.opts.Process
	}
	d.create, d.sync = d.createTemp, d.syncDir
	d.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	if err := d.open(dir); err != nil {
		d.Close()
		return nil, diskError("", err)
	}
	return d, nil
}

// OpenToRead opens a directory for [Dir.Open], [Dir.Has] and [Dir.HasSize], and
// for nothing else. It changes nothing, and a process may save files into it
// meanwhile. Errors are an [*Error] with reason Disk.
func OpenToRead(dir string) (*Dir, error) {
	d := &Dir{}
	d.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	var err error
	if d.root, err = os.OpenRoot(dir); err != nil {
		return nil, diskError("", err)
	}
	return d, nil
}

func (d *Dir) open(dir string) (err error) {
	if err := d.makeDir(dir); err != nil {
		return err
	}
	if d.root, err = os.OpenRoot(dir); err != nil {
		return err
	}
	if info, err := d.root.Lstat(d.work); err == nil && !info.IsDir() {
		if err := d.root.Remove(d.work); err != nil {
			return err
		}
	}
	if err := d.root.MkdirAll(d.work, 0o777); err != nil {
		return err
	}
	if d.tmp, err = d.root.OpenRoot(d.work); err != nil {
		return err
	}
	if err := d.sweep(time.Now()); err != nil {
		return err
	}
	return d.sweepGone()
}

// sweepGone removes the places of processes that were killed.
func (d *Dir) sweepGone() error {
	if d.opts.Gone == nil {
		return nil
	}
	own, err := d.root.Stat(d.work) // it was made just now
	if err != nil {
		return err
	}
	dir, err := d.root.Open(path.Dir(work))
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		process, ok := strings.CutPrefix(e.Name(), path.Base(work)+"-")
		if !ok || process == d.opts.Process || !d.opts.Gone(process) {
			continue
		}
		// It may be that of one who has not yet said that he is there.
		if info, err := e.Info(); err != nil || own.ModTime().Sub(info.ModTime()) < time.Hour {
			continue
		}
		if err := d.root.RemoveAll(path.Join(path.Dir(work), e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// makeDir creates the directory itself. The names of those it had to create
// are not below the root, so they are made durable here.
func (d *Dir) makeDir(dir string) error {
	var above []string
	for p := filepath.Clean(dir); ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			break
		}
		above = append(above, filepath.Dir(p))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, p := range above {
		if d.opts.NoSync {
			break
		}
		f, err := os.Open(p)
		if err != nil {
			continue // not ours to read: as durable as its owner made it
		}
		err = syncDir(f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Close closes the directory. Files that were not renamed are left for the
// next Open. It may be called twice.
func (d *Dir) Close() error {
	d.handles.close()
	var errs []error
	if d.opts.Process != "" && d.root != nil {
		// It may be gone already, and what is left of it harms nobody.
		_ = d.root.RemoveAll(d.work)
	}
	for _, r := range []*os.Root{d.tmp, d.root} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}

// Exists reports whether path cannot be used for a new file: there is a
// file, a directory or a link, or it cannot be found out.
func (d *Dir) Exists(path string) bool {
	reachable := d.Reachable(path)
	if d.isAbsent(path) {
		return false
	}
	dir, base := splitPath(path)
	if reachable && canUseHandles {
		if hd, ok := d.handles.get(d.root, dir); ok {
			return existsIn(hd, base)
		}
	}
	_, err := d.root.Lstat(filepath.FromSlash(path))
	return !errors.Is(err, fs.ErrNotExist)
}

// Reachable reports whether a file could have path as far as the directories
// above it go: it is false if something else stands in the place of one, a
// link for instance, wherever that leads.
func (d *Dir) Reachable(path string) bool {
	if dir, _ := splitPath(path); d.isAbsent(path) || d.handles.has(dir) {
		return true
	}
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		switch info, err := d.root.Lstat(filepath.FromSlash(path[:i])); {
		case errors.Is(err, fs.ErrNotExist):
			d.mu.Lock()
			d.absent[path[:i]] = struct{}{}
			d.mu.Unlock()
			return true
		case err != nil || !info.IsDir():
			return false
		}
	}
	return true
}

// isAbsent reports whether a directory above path is known not to be there.
func (d *Dir) isAbsent(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.absent) == 0 {
		return false
	}
	for i := range len(path) {
		if path[i] == '/' {
			if _, ok := d.absent[path[:i]]; ok {
				return true
			}
		}
	}
	return false
}

// splitPath splits a path into its directory, "." if it names none, and its
// last component.
func splitPath(p string) (dir, base string) {
	dir, base = path.Split(p)
	return path.Clean(dir), base
}

// Sync makes durable the names of all files that were renamed before the
// call, with those of the directories above them. One call serves many files;
// call it before recording them. With NoSync it does not wait for the disk.
//
// After an error, an [*Error] with reason Disk, no name since the last
// success may be relied on.
func (d *Dir) Sync(context.Context) error {
	// Whoever comes second waits: the names it needs may be among those that
	// the first is still writing.
	d.syncing.Lock()
	defer d.syncing.Unlock()
	// Whoever moves or removes a directory finds files in it no longer.
	d.handles.close()
	d.mu.Lock()
	dirty := d.dirty
	d.dirty = make(map[string]struct{})
	clear(d.absent)
	d.mu.Unlock()
	for dir := range dirty {
		if err := d.sync(dir); err != nil {
			d.mu.Lock()
			for dir := range dirty {
				d.dirty[dir] = struct{}{}
			}
			d.mu.Unlock()
			return diskError(dir, err)
		}
	}
	return nil
}

func (d *Dir) syncDir(dir string) error {
	f, err := d.root.Open(filepath.FromSlash(dir))
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}

// markDirty remembers that a name in dir has changed.
func (d *Dir) markDirty(dir string) {
	if d.opts.NoSync {
		return
	}
	d.mu.Lock()
	d.dirty[dir] = struct{}{}
	d.mu.Unlock()
}

// mkdirAll creates a directory and those above it.
func (d *Dir) mkdirAll(dir string) error {
	if dir == "." {
		return nil
	}
	// A directory and the mark on the one above it come as one: whoever
	// finds the directory there, and so makes none, marks its own name later
	// and then finds this mark set or served.
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := 0; i <= len(dir); i++ {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		delete(d.absent, dir[:i])
		switch err := d.root.Mkdir(filepath.FromSlash(dir[:i]), 0o777); {
		case err == nil:
			if !d.opts.NoSync {
				d.dirty[path.Dir(dir[:i])] = struct{}{}
			}
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	return nil
}

// createTemp creates an empty temporary file that was not there before, or
// opens one that was to go on after its first bytes.
func (d *Dir) createTemp(name string, after int64) (file, error) {
	if after == 0 && canUseHandles {
		if work, ok := d.handles.get(d.root, d.work); ok {
			if f, err := createNew(work, name); !errors.Is(err, os.ErrClosed) {
				return f, err
			}
		}
	}
	if after == 0 {
		f, err := d.tmp.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, err
		}
		return osFile{f}, nil
	}
	f, err := d.tmp.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(after)
	if err == nil {
		_, err = f.Seek(after, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return osFile{f}, nil
}

type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncData(f.File) }

func (d *Dir) tempName() string {
	return strconv.FormatUint(d.seq.Add(1), 36) + ".part"
}

// checkPath refuses a path that no file may have. Clean makes none of these.
func checkPath(p string) error {
	first, _, _ := strings.Cut(p, "/")
	if !filepath.IsLocal(filepath.FromSlash(p)) || path.Clean(p) != p || p == "." ||
		strings.EqualFold(strings.TrimRight(first, ". "), ".trawl") {
		return diskError(p, fmt.Errorf("not a path for a file: %w", fs.ErrInvalid))
	}
	return nil
}
