package wds

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
)

// A Reader reads shards, those in their places and those on the way there. It
// changes nothing. It is safe for concurrent use.
type Reader struct {
	root  *os.Root // the job's directory; nil if there is none here
	shelf Shelf
	close func() error
}

// NewReader returns a Reader of the shards on a shelf, nil for the job's
// directory, and of those that root has, that directory, unless it is nil. It
// takes root; Close calls done.
func NewReader(root *os.Root, shelf Shelf, done func() error) *Reader {
	if shelf == nil {
		shelf = inDir{root: root}
	}
	return &Reader{root: root, shelf: shelf, close: done}
}

// Close ends the use.
func (r *Reader) Close() error {
	if r.root != nil {
		r.root.Close() // it was open for reading
	}
	return r.close()
}

// names returns the names of the shards in their places, in order.
func (r *Reader) names(ctx context.Context) ([]string, error) {
	all, err := r.shelf.List(ctx, "shard-")
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(n string) bool { return !shardName.MatchString(n) })
	slices.Sort(all)
	return all, nil
}

// each reads all shards. What cannot be read of one is passed over: its samples
// are missing then.
func (r *Reader) each(ctx context.Context, body io.Writer, do func(*sample) error) error {
	names, err := r.names(ctx)
	if err != nil {
		return err
	}
	read := func(in io.ReadCloser) error {
		var stop error
		_, _ = scan(in, body, func(s *sample) error {
			stop = do(s)
			if stop == nil {
				stop = ctx.Err()
			}
			return stop
		})
		in.Close() // it was open for reading
		return stop
	}
	seen := make(map[string]bool)
	for _, n := range names {
		in, err := r.shelf.Open(ctx, n)
		if err != nil {
			return err
		}
		seen[n] = true
		if err := read(in); err != nil {
			return err
		}
	}
	if r.root == nil {
		return nil
	}
	for _, w := range writers(r.root) {
		for _, p := range shardsIn(r.root, w) {
			in, err := r.root.Open(p)
			if err != nil || seen[p[len(w)+1:]] {
				continue // in its place by now
			}
			if err := read(in); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check reads all shards, with each sample told to read, and returns what is to
// be said of a file then: "missing", "changed" or "twice", or "" if it is as it
// was recorded. It holds 64 bytes or so for each file.
func (r *Reader) Check(ctx context.Context, read func(size int64)) (func(save.File) string, error) {
	type seen struct {
		sum   [32]byte
		twice bool
	}
	all := make(map[trawl.Key]seen)
	err := r.each(ctx, io.Discard, func(s *sample) error {
		_, twice := all[s.key]
		all[s.key] = seen{s.sum, twice}
		read(s.size)
		return nil
	})
	return func(f save.File) string {
		switch s, ok := all[f.Key]; {
		case !ok:
			return "missing"
		case s.twice:
			return "twice"
		case s.sum != f.SHA256:
			return "changed"
		}
		return ""
	}, err
}

// Open reads through the shards for one file.
func (r *Reader) Open(ctx context.Context, f save.File) (io.ReadCloser, error) {
	var (
		body  bytes.Buffer
		found *content
	)
	err := r.each(ctx, &body, func(s *sample) error {
		if s.key == f.Key && found == nil {
			found = &content{*bytes.NewReader(bytes.Clone(body.Bytes()))}
		}
		body.Reset()
		return nil
	})
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, diskError(f.Path, fs.ErrNotExist)
	}
	return found, nil
}
