package wds

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
)

// Options for [Open]. Zero fields mean the default.
type Options struct {
	// MaxBytes and MaxSamples bound a shard; one that reaches either is ended.
	// Zero means 256 MiB and 10,000.
	MaxBytes   int64
	MaxSamples int

	// NoSync leaves it to the operating system when shards reach the disk.
	NoSync bool

	// Writer tells apart the processes that write shards of one job at the same
	// time: letters and digits, never used twice. It is part of the names of
	// its shards, and of the paths of its files; see [Files.Mark]. "" is for a
	// job that belongs to one process at a time.
	Writer string

	// Lock, for a Writer, takes the lock of a directory, which ends with the
	// process, or fails if a process has it.
	Lock func(dir string) (unlock func() error, err error)

	// Find returns what the job has recorded of a file; ok is false if that is
	// nothing.
	Find func(ctx context.Context, key trawl.Key) (f save.File, ok bool, err error)
}

// work is where shards are that are not in their place, below the job's
// directory: each Writer has a directory in it.
const work = ".trawl/shards"

// Files are files in shards. Open them with [Open].
type Files struct {
	save.Files // where bodies are written first

	root   *os.Root // the job's directory
	shelf  Shelf
	opt    Options
	own    string // the Writer's directory
	unlock func() error

	syncing sync.Mutex // held while Sync runs, taken before mu

	mu    sync.Mutex // guards what follows, and is held while a sample is appended
	next  int        // number of the next shard
	cur   *shard     // nil if none is begun
	full  []*shard   // that wait until all their samples count
	where map[trawl.Key]place
}

// A place is where a sample is that does not count yet.
type place struct {
	shard *shard
	at    int64
}

// A shard is one that is written, or waits.
type shard struct {
	name    string // also of the file
	file    *os.File
	size    int64
	samples int
	waiting int            // samples that do not count yet
	dead    map[int64]bool // samples that never will, by where they begin
	dirty   bool           // not synced
}

var _ save.Files = (*Files)(nil)

// Open opens the shards of the job in a directory, whose bodies inner writes,
// and which it takes. shelf is where shards go, nil for the directory itself.
// Shards that processes have left there which are no more
// are mended and put on the shelf first.
//
// Errors are a *save.Error, or that of ctx or of Options.Find.
func Open(ctx context.Context, dir string, inner save.Files, shelf Shelf, opt Options) (_ *Files, err error) {
	f := &Files{Files: inner, shelf: shelf, opt: opt, where: make(map[trawl.Key]place)}
	f.opt.MaxBytes = cmp.Or(opt.MaxBytes, 256<<20)
	f.opt.MaxSamples = cmp.Or(opt.MaxSamples, 10_000)
	f.own = path.Join(work, cmp.Or(opt.Writer, "own"))
	defer func() {
		if err != nil {
			_ = f.Close() // the first error says what happened
		}
	}()
	if f.root, err = os.OpenRoot(dir); err != nil {
		return nil, diskError("", err)
	}
	if err := f.root.MkdirAll(f.own, 0o777); err != nil {
		return nil, diskError(f.own, err)
	}
	if opt.Writer != "" {
		if f.unlock, err = opt.Lock(filepath.Join(dir, filepath.FromSlash(f.own))); err != nil {
			return nil, diskError(f.own, err)
		}
	}
	if f.shelf == nil {
		f.shelf = inDir{f.root, opt.NoSync}
	}
	for _, d := range []string{".", path.Dir(work), work} {
		if err := syncDir(f.root, d, opt.NoSync); err != nil {
			return nil, err
		}
	}
	if err := f.mendAll(ctx, dir); err != nil {
		return nil, err
	}
	return f, f.count(ctx)
}

// mark is what begins the names of the Writer's shards.
func (f *Files) mark() string {
	if f.opt.Writer == "" {
		return "shard-"
	}
	return "shard-" + f.opt.Writer + "-"
}

// count finds the number of the next shard: that after the last of the Writer.
func (f *Files) count(ctx context.Context) error {
	names, err := f.shelf.List(ctx, f.mark())
	for _, n := range names {
		if m := shardName.FindStringSubmatch(n); m != nil && m[1] == f.opt.Writer {
			i, _ := strconv.Atoi(m[2])
			f.next = max(f.next, i+1)
		}
	}
	return err
}

// Mark returns the path by which the job records a file that this Writer has
// placed. Of two processes that placed the same file, since one was believed
// dead, it tells whose sample counts.
func (f *Files) Mark(p string) string {
	if f.opt.Writer == "" {
		return p
	}
	return f.mark() + "/" + plain(p)
}

// plain returns a path without a mark.
func plain(p string) string {
	first, rest, ok := strings.Cut(p, "/")
	if ok && strings.HasPrefix(first, "shard-") && strings.HasSuffix(first, "-") {
		return rest
	}
	return p
}

// Place appends a file to the shard that is being written. A shard that is
// complete, whoever wrote to it, is put in its place first.
func (f *Files) Place(ctx context.Context, t *save.Temp, file save.File) error {
	if err := f.putFull(ctx); err != nil {
		return err
	}
	body, err := t.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	file.Path = plain(file.Path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.appendLocked(file, body); err != nil {
		return diskError(file.Path, err)
	}
	t.Discard()
	return nil
}

// appendLocked appends a sample, whole or not at all.
func (f *Files) appendLocked(file save.File, body io.Reader) error {
	if f.cur == nil {
		if err := f.beginLocked(); err != nil {
			return err
		}
	}
	s := f.cur
	s.dirty = true
	w := &counted{w: s.file}
	err := write(w, file, body)
	if err != nil {
		// If this fails too, mending cuts it away: nothing was recorded.
		if terr := s.file.Truncate(s.size); terr == nil {
			_, terr = s.file.Seek(s.size, io.SeekStart)
			if terr == nil {
				return err
			}
		}
		f.full, f.cur = append(f.full, s), nil
		s.waiting++ // for ever: it is mended when the job is opened again
		return err
	}
	if old, ok := f.where[file.Key]; ok { // of an attempt that was not recorded
		old.shard.dead[old.at] = true
		old.shard.waiting--
	}
	f.where[file.Key] = place{s, s.size}
	s.size += w.n
	s.samples++
	s.waiting++
	if s.size >= f.opt.MaxBytes || s.samples >= f.opt.MaxSamples {
		f.full, f.cur = append(f.full, s), nil
	}
	return nil
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (f *Files) beginLocked() error {
	name := fmt.Sprintf("%s%06d.tar", f.mark(), f.next)
	file, err := f.root.OpenFile(path.Join(f.own, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if err := syncDir(f.root, f.own, f.opt.NoSync); err != nil {
		file.Close()
		return err
	}
	f.next++
	f.cur = &shard{name: name, file: file, dead: make(map[int64]bool)}
	return nil
}

// Sync makes durable what the shards hold.
func (f *Files) Sync(context.Context) error {
	if f.opt.NoSync {
		return nil
	}
	// Whoever comes second waits: what it needs may be what the first is writing.
	f.syncing.Lock()
	defer f.syncing.Unlock()
	f.mu.Lock()
	var dirty []*shard
	for _, s := range append(slices.Clone(f.full), f.cur) {
		if s != nil && s.dirty {
			dirty = append(dirty, s)
			s.dirty = false
		}
	}
	f.mu.Unlock()
	for i, s := range dirty {
		// It stays open: it has a sample that does not count before we return.
		if err := save.SyncData(s.file); err != nil {
			f.mu.Lock()
			for _, s := range dirty[i:] {
				s.dirty = true
			}
			f.mu.Unlock()
			return diskError(s.name, err)
		}
	}
	return nil
}

// Committed says that files count from now on.
func (f *Files) Committed(keys []trawl.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range keys {
		if p, ok := f.where[k]; ok {
			delete(f.where, k)
			p.shard.waiting--
		}
	}
}

// putFull puts one shard in its place that is complete, if there is one.
func (f *Files) putFull(ctx context.Context) error {
	f.mu.Lock()
	i := slices.IndexFunc(f.full, func(s *shard) bool { return s.waiting == 0 })
	var s *shard
	if i >= 0 {
		s = f.full[i]
		f.full = slices.Delete(f.full, i, i+1)
	}
	f.mu.Unlock()
	if s == nil {
		return nil
	}
	return f.put(ctx, s)
}

// Finish ends the shard that is being written and puts all in their places,
// without the samples that do not count. Nothing may be under way.
func (f *Files) Finish(ctx context.Context) error {
	f.mu.Lock()
	all := f.full
	if f.cur != nil {
		all = append(all, f.cur)
	}
	for _, p := range f.where {
		p.shard.dead[p.at] = true
	}
	clear(f.where)
	f.full, f.cur = nil, nil
	f.mu.Unlock()
	for i, s := range all {
		if err := f.put(ctx, s); err != nil {
			f.mu.Lock()
			f.full = append(f.full, all[i+1:]...) // closed by Close
			f.mu.Unlock()
			return err
		}
	}
	return nil
}

// put ends a shard, which nobody else has, and puts it in its place. It is read
// once more for that. What goes wrong is put right when the job is opened again.
func (f *Files) put(ctx context.Context, s *shard) error {
	if err := s.file.Close(); err != nil {
		return diskError(s.name, err)
	}
	left := s.samples - len(s.dead)
	err := f.mend(ctx, path.Join(f.own, s.name), func(one *sample) (bool, error) {
		if s.dead[one.at] {
			return false, nil
		}
		left--
		return true, one.check()
	}, func() error {
		if left != 0 {
			return errChanged
		}
		return nil
	})
	return err
}

// Close ends the use. What is not in its place stays for the next Open.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for _, s := range append(f.full, f.cur) {
		if s != nil {
			err = cmp.Or(err, s.file.Close())
		}
	}
	f.full, f.cur = nil, nil
	if f.unlock != nil {
		if len(f.shards(f.own)) == 0 {
			_ = f.root.RemoveAll(f.own) // an empty one harms nobody
		}
		err = cmp.Or(err, f.unlock())
		f.unlock = nil
	}
	if f.root != nil {
		err = cmp.Or(err, f.root.Close())
	}
	return cmp.Or(err, f.Files.Close())
}

// Exists is false, and Reachable true: paths are names, and nothing is there.
func (f *Files) Exists(string) bool    { return false }
func (f *Files) Reachable(string) bool { return true }

// Open reads through the shards for a file: for looking at one. See [Reader].
func (f *Files) Open(ctx context.Context, file save.File) (io.ReadCloser, error) {
	r := &Reader{root: f.root, shelf: f.shelf}
	return r.Open(ctx, file)
}

// Has reads through the shards, too.
func (f *Files) Has(ctx context.Context, file save.File) (bool, error) {
	return f.has(ctx, file, func(s *sample) bool { return s.whole() && s.sum == file.SHA256 })
}

// HasSize does the same.
func (f *Files) HasSize(ctx context.Context, file save.File) (bool, error) {
	return f.has(ctx, file, func(s *sample) bool { return s.size == file.Size })
}

func (f *Files) has(ctx context.Context, file save.File, want func(*sample) bool) (found bool, err error) {
	r := &Reader{root: f.root, shelf: f.shelf}
	err = r.each(ctx, io.Discard, func(s *sample) error {
		found = found || s.key == file.Key && want(s)
		return nil
	})
	return found, err
}

// Remove, Hold and DropHeld leave shards as they are, and nothing is held.
func (f *Files) Remove(context.Context, string) error          { return nil }
func (f *Files) Hold(context.Context, save.File, string) error { return nil }
func (f *Files) Held(context.Context) ([]string, error)        { return nil, nil }
func (f *Files) DropHeld(context.Context, string) error        { return nil }

// Unhold reports whether the file is there.
func (f *Files) Unhold(ctx context.Context, _ string, file save.File) (bool, error) {
	return f.Has(ctx, file)
}

// content is a file that was read.
type content struct{ bytes.Reader }

func (*content) Close() error { return nil }
