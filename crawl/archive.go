package crawl

import (
	"context"

	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// An Archive remembers the files of several jobs by their URLs. Its methods
// may be called from several goroutines at once.
type Archive interface {
	// Name tells archives apart.
	Name() string
	Has(ctx context.Context, url string) (bool, error)
	// Add returns once the files are remembered for good.
	Add(ctx context.Context, urls []string) error
	Drop(ctx context.Context, urls []string) error
}

// archivedKey is where the store keeps the name of the archive that has all
// files of the job.
const archivedKey = "archived"

// openArchive adds the files that the job has and the archive may not: all of
// them if the archive is a new one, or if the last run died. Of a file that
// came from another URL than the one asked for only the former is known; such
// a file may be fetched once more by another job.
func (e *Engine) openArchive(ctx context.Context) error {
	a := e.parts.Archive
	if a == nil || e.parts.Files == nil {
		return nil
	}
	name, err := e.parts.Store.Get(ctx, archivedKey)
	if err != nil {
		return err
	}
	if name != a.Name() {
		var urls []string
		for f, err := range e.parts.Store.Files(ctx) {
			if err != nil {
				return err
			}
			if urls = append(urls, f.URL); len(urls) == 1000 {
				if err := a.Add(ctx, urls); err != nil {
					return err
				}
				urls = urls[:0]
			}
		}
		if err := a.Add(ctx, urls); err != nil {
			return err
		}
	}
	return e.parts.Store.Set(ctx, archivedKey, "")
}

// closeArchive notes that the archive has all files of the job.
func (e *Engine) closeArchive(ctx context.Context) error {
	if e.parts.Archive == nil || e.parts.Files == nil {
		return nil
	}
	return e.parts.Store.Set(ctx, archivedKey, e.parts.Archive.Name())
}

// archived reports whether a file need not be fetched because some job or
// program has fetched it before.
func (e *Engine) archived(ctx context.Context, url string) (bool, error) {
	if e.parts.Archive == nil || e.opt.ArchiveOnlyAdds {
		return false, nil
	}
	return e.parts.Archive.Has(ctx, url)
}

// archive adds the files that have become durable, and drops those that are
// held from now on.
func (e *Engine) archive(ts []*frontier.Task, outs []store.Outcome, rec store.Receipt) error {
	a := e.parts.Archive
	if a == nil || e.parts.Files == nil {
		return nil
	}
	ctx := context.Background() // what is committed is added, whatever has ended meanwhile
	var add, drop []string
	for i := range outs {
		if o := &outs[i]; o.State == store.Done && o.File != nil {
			add = append(add, ts[i].Request.URL)
		}
	}
	if len(add) > 0 {
		if err := a.Add(ctx, add); err != nil {
			return err
		}
	}
	for i := range rec.Held {
		drop = append(drop, rec.Held[i].Failure.URL)
	}
	if len(drop) > 0 {
		return a.Drop(ctx, drop)
	}
	return nil
}
