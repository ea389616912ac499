package wds

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
)

// shards returns the paths of the shards in a directory of work, in order.
func (f *Files) shards(dir string) []string { return shardsIn(f.root, dir) }

func shardsIn(root *os.Root, dir string) []string {
	return slices.DeleteFunc(namesIn(root, dir), func(p string) bool { return !shardName.MatchString(path.Base(p)) })
}

// writers returns the directories of work.
func writers(root *os.Root) []string { return namesIn(root, work) }

// namesIn returns the paths of what is in a directory, sorted; none if it
// cannot be read.
func namesIn(root *os.Root, dir string) (paths []string) {
	d, err := root.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	slices.Sort(names)
	for _, n := range names {
		paths = append(paths, path.Join(dir, n))
	}
	return paths
}

// mendAll mends what writers have left that are no more, the own one of an
// earlier run among them.
func (f *Files) mendAll(ctx context.Context, dir string) error {
	for _, w := range writers(f.root) {
		if w != f.own {
			if f.opt.Writer == "" {
				continue
			}
			unlock, err := f.opt.Lock(filepath.Join(dir, filepath.FromSlash(w)))
			if err != nil {
				continue // it lives
			}
			err = f.mendOf(ctx, w)
			if err == nil {
				err = diskError(w, f.root.RemoveAll(w))
			}
			if err := errors.Join(err, unlock()); err != nil {
				return err
			}
		} else if err := f.mendOf(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// mendOf puts the shards of a writer in their places, with the samples that the
// store has recorded, and by that writer.
func (f *Files) mendOf(ctx context.Context, dir string) error {
	for _, p := range f.shards(dir) {
		mark := shardName.FindStringSubmatch(path.Base(p))[1]
		err := f.mend(ctx, p, func(s *sample) (bool, error) {
			if !s.whole() {
				return false, nil // and verify finds it missing, if it was recorded
			}
			file, ok, err := f.opt.Find(ctx, s.key)
			if !ok || err != nil || file.SHA256 != s.sum {
				return false, err
			}
			return mark == "" || strings.HasPrefix(file.Path, "shard-"+mark+"-/"), nil
		}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// A span is a part of a shard.
type span struct{ from, to int64 }

// mend leaves of the shard at a path the samples that keep wants, ends it, and
// puts it in its place; with none it is removed. Before anything is changed it
// asks judge, if that is not nil. It can be cut off anywhere and done again.
func (f *Files) mend(ctx context.Context, p string, keep func(*sample) (bool, error), judge func() error) error {
	spans, err := f.survey(ctx, p, keep)
	if err == nil && judge != nil {
		err = diskError(p, judge())
	}
	if err != nil {
		return err
	}
	if len(spans) == 0 {
		return diskError(p, f.root.Remove(p))
	}
	if err := f.cut(p, spans); err != nil {
		return diskError(p, err)
	}
	return f.shelf.Put(ctx, path.Base(p), f.root, p)
}

// cut makes a shard of parts of it.
func (f *Files) cut(p string, spans []span) error {
	if len(spans) == 1 && spans[0].from == 0 {
		return f.end(p, spans[0].to)
	}
	return f.rewrite(p, spans)
}

// survey finds what is to be kept of a shard.
func (f *Files) survey(ctx context.Context, p string, keep func(*sample) (bool, error)) (spans []span, err error) {
	file, err := f.root.Open(p)
	if err != nil {
		return nil, diskError(p, err)
	}
	defer file.Close()
	var stop error
	_, err = scan(file, io.Discard, func(s *sample) error {
		var ok bool
		ok, stop = keep(s)
		if stop = cmp.Or(stop, ctx.Err()); stop != nil {
			return stop
		}
		if n := len(spans); ok && n > 0 && spans[n-1].to == s.at {
			spans[n-1].to = s.end
		} else if ok {
			spans = append(spans, span{s.at, s.end})
		}
		return nil
	})
	if stop != nil {
		return nil, stop
	}
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return nil, diskError(p, err) // the disk, and not what was written
	}
	return spans, nil
}

// end makes a shard end after a sample.
func (f *Files) end(p string, at int64) error {
	return f.settle(p, func(file *os.File) error {
		if err := file.Truncate(at); err != nil {
			return err
		}
		_, err := file.WriteAt(make([]byte, trailer), at)
		return err
	})
}

// rewrite makes a shard of parts of it.
func (f *Files) rewrite(p string, spans []span) error {
	from, err := f.root.Open(p)
	if err != nil {
		return err
	}
	defer from.Close()
	to := p + ".new"
	_ = f.root.Remove(to) // of an earlier attempt
	if err := f.root.WriteFile(to, nil, 0o666); err != nil {
		return err
	}
	err = f.settle(to, func(file *os.File) error {
		for _, s := range spans {
			if _, err := io.Copy(file, io.NewSectionReader(from, s.from, s.to-s.from)); err != nil {
				return err
			}
		}
		_, err := file.Write(make([]byte, trailer))
		return err
	})
	if err != nil {
		return err
	}
	return f.root.Rename(to, p)
}

// settle changes a file and makes it durable.
func (f *Files) settle(p string, change func(*os.File) error) error {
	file, err := f.root.OpenFile(p, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = change(file)
	if err == nil && !f.opt.NoSync {
		err = save.SyncData(file)
	}
	return errors.Join(err, file.Close())
}

// Purge takes samples out of the shards that are in their places: those of these
// files, and those that are not what was written. It is for files that are about
// to be fetched again.
func (f *Files) Purge(ctx context.Context, keys []trawl.Key) error {
	bad := make(map[trawl.Key]bool, len(keys))
	for _, k := range keys {
		bad[k] = true
	}
	r := &Reader{root: f.root, shelf: f.shelf}
	names, err := r.names(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := f.purge(ctx, name, bad); err != nil {
			return err
		}
	}
	return nil
}

func (f *Files) purge(ctx context.Context, name string, bad map[trawl.Key]bool) error {
	in, err := f.shelf.Open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	// It is not among the shards of work before it is renamed by mend, so a crash
	// leaves what is on the shelf.
	local := path.Join(f.own, name+".purged")
	out, err := f.root.OpenFile(local, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return diskError(local, err)
	}
	drop := false
	_, err = scan(io.TeeReader(in, out), io.Discard, func(s *sample) error {
		drop = drop || bad[s.key] || !s.whole()
		return ctx.Err()
	})
	if cerr := out.Close(); cerr != nil {
		return diskError(local, cerr)
	}
	if cerr := ctx.Err(); cerr != nil {
		return cerr
	}
	defer f.root.Remove(local)
	if err == nil && !drop {
		return nil
	}
	spans, err := f.survey(ctx, local, func(s *sample) (bool, error) { return s.whole() && !bad[s.key], nil })
	if err != nil {
		return err
	}
	if err := f.cut(local, spans); err != nil {
		return diskError(local, err)
	}
	return f.shelf.Put(ctx, name, f.root, local)
}
