package job

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/s3"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/wds"
)

// An opener opens the place of a job's files.
type opener struct {
	place
	st    store.Store
	name  string // of the job
	dir   string // of the job
	local save.Options
	shard int64 // Files.ShardSize
}

func (o opener) open(ctx context.Context) (save.Files, error) {
	noSync := o.local.NoSync
	if o.Bucket != "" || o.Layout == InShards {
		o.local.NoSync = true // what is written first is not what counts
	}
	local, err := save.Open(o.dir, &o.local)
	if err != nil {
		return nil, err
	}
	if o.Bucket == "" {
		return o.laid(ctx, local, nil, noSync)
	}
	at, err := s3.ParseAddress(o.Bucket)
	if err != nil {
		return nil, errors.Join(err, local.Close())
	}
	b, err := s3.Open(ctx, at, local, &s3.Options{Owner: o.Owner, Name: o.name})
	if err != nil {
		return nil, err
	}
	return o.laid(ctx, b, wds.InBucket{Bucket: b}, noSync)
}

// laid lays files out; shards go to shelf, nil for the directory.
func (o opener) laid(ctx context.Context, f save.Files, shelf wds.Shelf, noSync bool) (save.Files, error) {
	switch o.Layout {
	case ByHash:
		return save.ByHash(f), nil
	case InShards:
		opt := wds.Options{NoSync: noSync, MaxBytes: o.shard, Find: o.find}
		if o.local.Process != "" {
			sum := sha256.Sum256([]byte(o.local.Process))
			opt.Writer = hex.EncodeToString(sum[:6])
			opt.Lock = sqlite.Lock
		}
		return openShards(ctx, o.dir, f, shelf, opt)
	}
	return f, nil
}

// openShards returns no *wds.Files that is nil.
func openShards(ctx context.Context, dir string, f save.Files, shelf wds.Shelf, opt wds.Options) (save.Files, error) {
	s, err := wds.Open(ctx, dir, f, shelf, opt)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// find returns what the job has recorded of a file.
func (o opener) find(ctx context.Context, key trawl.Key) (save.File, bool, error) {
	f, err := o.st.Before(ctx, store.Entry{Key: key, Request: trawl.Request{Kind: trawl.KindFile}})
	return crawl.Saved(&f), f.Path != "", err
}

// A Reader reads the files of a job.
type Reader interface {
	// Open returns the content of a file as it is now; fs.ErrNotExist if it is
	// not there.
	Open(ctx context.Context, f save.File) (io.ReadCloser, error)
	Close() error
}

// OpenToRead opens the files of the job in a store, for looking at them. dir is
// the job's directory, which nothing is changed in.
//
// Files in shards are a *wds.Reader, which checks all of them at once.
func OpenToRead(ctx context.Context, st store.Store, dir string) (Reader, error) {
	p, err := placeOf(ctx, st)
	if err != nil {
		return nil, err
	}
	var (
		f     save.Files
		shelf wds.Shelf
	)
	if p.Bucket == "" {
		d, err := save.OpenToRead(dir)
		if err != nil {
			return nil, err
		}
		f = d
	} else {
		at, err := s3.ParseAddress(p.Bucket)
		if err != nil {
			return nil, err
		}
		b, err := s3.Open(ctx, at, nil, nil)
		if err != nil {
			return nil, err
		}
		f, shelf = b, wds.InBucket{Bucket: b}
	}
	switch p.Layout {
	case ByHash:
		return save.ByHash(f), nil
	case InShards:
		var root *os.Root
		if dir != "" {
			if root, err = os.OpenRoot(dir); err != nil {
				return nil, errors.Join(err, f.Close())
			}
		}
		return wds.NewReader(root, shelf, f.Close), nil
	}
	return f, nil
}

// Purge takes files out of the shards of the job in a store, before they are
// fetched again; for other layouts it does nothing. The store is open for
// changes, and dir is the job's directory.
func Purge(ctx context.Context, st store.Store, dir string, files []trawl.Key) (err error) {
	p, err := placeOf(ctx, st)
	if err != nil || p.Layout != InShards {
		return err
	}
	o := opener{place: p, st: st, name: dir, dir: dir}
	if _, ok := st.(store.Shared); ok {
		o.local.Process = "verify-" + strings.ToLower(rand.Text())
	}
	f, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.(*wds.Files).Purge(ctx, files)
}
