package crawl

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// In an update a file may be replaced by a placeholder before that is known to
// be one. So what it was is kept among the held files until the update has come
// to its end, and gets its name back when the new content is held. It is without
// a record then, until the request is taken again: the file is the user's, and
// what became of it is told by the failure.

// An oldFile is the content of a file before an update replaced it.
type oldFile struct {
	key    trawl.Key
	size   int64
	sha256 [32]byte
}

// oldPrefix begins the names of old files. The names of held files begin with
// their key.
const oldPrefix = "old-"

func (o oldFile) name() string {
	return fmt.Sprintf("%s%v-%d-%x", oldPrefix, o.key, o.size, o.sha256)
}

// parseOld is the inverse of name.
func parseOld(name string) (o oldFile, ok bool) {
	rest, ok := strings.CutPrefix(name, oldPrefix)
	f := strings.Split(rest, "-")
	if !ok || len(f) != 3 {
		return o, false
	}
	key, err := hex.DecodeString(f[0])
	if err != nil || copy(o.key[:], key) != len(o.key) {
		return o, false
	}
	if _, err := fmt.Sscan(f[1], &o.size); err != nil {
		return o, false
	}
	sum, err := hex.DecodeString(f[2])
	return o, err == nil && copy(o.sha256[:], sum) == len(o.sha256)
}

// at returns the old file as one that is at a path.
func (o oldFile) at(path string) save.File {
	return save.File{Key: o.key, Path: path, Size: o.size, SHA256: o.sha256}
}

// keepOld keeps what a file is that is about to be replaced.
func (e *Engine) keepOld(ctx context.Context, k *known) error {
	keeper, ok := e.parts.Files.(save.Keeper)
	if !ok || e.opt.Hold == 0 || k.SHA256 == [32]byte{} {
		return nil
	}
	o := oldFile{k.Key, k.Size, k.SHA256}
	if err := keeper.Keep(ctx, Saved(&k.File), o.name()); err != nil {
		return err
	}
	e.olds.Store(o.key, o)
	return nil
}

// bringBack gives an old file its name back, if there is one of a file that is
// held now.
func (e *Engine) bringBack(ctx context.Context, held *store.File) error {
	v, ok := e.olds.LoadAndDelete(held.Key)
	if !ok {
		return nil
	}
	o := v.(oldFile)
	_, err := e.parts.Files.Unhold(ctx, o.name(), o.at(held.Path))
	return err
}

// settleOld brings back the old files of an update that was cut short: those of
// files that are held, or are recorded as they were. The others it returns, or
// removes if the update has come to its end.
func settleOld(ctx context.Context, st store.Store, files save.Files, olds map[trawl.Key]oldFile, held map[trawl.Key]store.File, updating bool) error {
	for key, o := range olds {
		f, isHeld := held[key]
		if !isHeld {
			var err error
			if f, err = st.Before(ctx, store.Entry{Key: key, Request: trawl.Request{Kind: trawl.KindFile}}); err != nil {
				return err
			}
		}
		var err error
		switch {
		case isHeld, f.SHA256 == o.sha256:
			_, err = files.Unhold(ctx, o.name(), o.at(f.Path))
			delete(olds, key)
		case !updating:
			err = files.DropHeld(ctx, o.name())
			delete(olds, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropOld removes the old files at the end of an update: what has replaced them
// is believed.
func (e *Engine) dropOld(ctx context.Context) (err error) {
	e.olds.Range(func(_, v any) bool {
		err = e.parts.Files.DropHeld(ctx, v.(oldFile).name())
		return err == nil
	})
	e.olds.Clear()
	return err
}
