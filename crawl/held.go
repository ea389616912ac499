package crawl

import (
	"context"
	"path"
	"slices"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// Held is the reason of files that are held: complete, and with a content that
// so many addresses of their host give that it may be a placeholder. They are
// moved out of the way, to .trawl/held, and count as failed.
//
// The store says which files are held, and is always ahead of the disk: a file
// is moved away after that is recorded, and brought back before. What a
// process that died has left to do, the next one does first; see [settleHeld].
const Held = fetch.Reason(store.HeldReason)

// hold moves files away that are held from now on, and removes the copies of
// those that have come back with another content.
func (e *Engine) hold(rec store.Receipt) error {
	if e.parts.Files == nil {
		return nil
	}
	ctx := context.Background() // what is committed is moved, whatever has ended meanwhile
	for i := range rec.Held {
		f := &rec.Held[i].File
		if err := e.parts.Files.Hold(ctx, Saved(f), f.HeldName()); err != nil {
			return err
		}
		if err := e.bringBack(ctx, f); err != nil {
			return err
		}
	}
	for i := range rec.Freed {
		if err := e.parts.Files.DropHeld(ctx, rec.Freed[i].HeldName()); err != nil {
			return err
		}
	}
	return nil
}

// settleHeld brings the disk to what the store says of held files: those that
// are still under their names are moved away, copies of files that are not held
// any more are removed, and what an update has replaced by one that is held gets
// its name back. updating says that an update has not come to its end; olds are
// then the old files that are kept for it. held are the contents that are held.
func settleHeld(ctx context.Context, st store.Store, files save.Files, updating bool) (olds map[trawl.Key]oldFile, held map[trawl.Key]store.File, err error) {
	all, err := files.Held(ctx)
	if err != nil {
		return nil, nil, err
	}
	olds, held = make(map[trawl.Key]oldFile), make(map[trawl.Key]store.File)
	var names []string
	for _, name := range all {
		if o, ok := parseOld(name); ok {
			olds[o.key] = o
		} else {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	known := make([]bool, len(names))
	for f, err := range st.Held(ctx) {
		if err != nil {
			return nil, nil, err
		}
		held[f.Key] = f
		i, there := slices.BinarySearch(names, f.HeldName())
		if there {
			known[i] = true
		}
		// A file under its name with another content was fetched anew, and
		// not recorded before the process died.
		ok, err := files.Has(ctx, Saved(&f))
		if err == nil && ok {
			err = files.Hold(ctx, Saved(&f), f.HeldName())
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for i, name := range names {
		if !known[i] {
			if err := files.DropHeld(ctx, name); err != nil {
				return nil, nil, err
			}
		}
	}
	return olds, held, settleOld(ctx, st, files, olds, held, updating)
}

// AcceptHeld brings all files that are held back under their names and records
// them as done. What they have in common is not suspect any more. lost are the
// paths of those whose copy is gone or changed; they stay as they are.
//
// Call it before Run, or instead.
func AcceptHeld(ctx context.Context, st store.Store, files save.Files) (n int, lost []string, err error) {
	updating, err := st.Get(ctx, store.Updating)
	if err == nil {
		_, _, err = settleHeld(ctx, st, files, updating != "")
	}
	if err != nil {
		return 0, nil, err
	}
	var names []store.Name
	accept := func() error {
		if err := files.Sync(ctx); err != nil {
			return err
		}
		m, err := st.Accept(ctx, names)
		n += m
		names = names[:0]
		return err
	}
	for f, err := range st.Held(ctx) {
		if err != nil {
			return n, lost, err
		}
		// Its name is still its own, unless it was about to come back with
		// another extension.
		own, err := st.Rename(ctx, store.Name{Key: f.Key, Path: f.Path}, func(p string) bool {
			return p != f.Path && files.Exists(p)
		})
		if err != nil {
			return n, lost, err
		}
		back := Saved(&f)
		back.Path = own
		ok, err := files.Unhold(ctx, f.HeldName(), back)
		if err != nil {
			return n, lost, err
		}
		if !ok {
			lost = append(lost, path.Join(store.HeldDir, f.HeldName()))
			continue
		}
		if names = append(names, store.Name{Key: f.Key, Path: own}); len(names) == 256 {
			if err := accept(); err != nil {
				return n, lost, err
			}
		}
	}
	return n, lost, accept()
}
