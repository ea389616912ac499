package wds

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"

	"github.com/trawl-go/trawl/internal/save"
)

// A Shelf is where shards go. Its methods are safe for concurrent use.
type Shelf interface {
	// List returns the paths of what is there and begins with a prefix, in no
	// order.
	List(ctx context.Context, prefix string) ([]string, error)

	// Open returns the content of a shard.
	Open(ctx context.Context, name string) (io.ReadCloser, error)

	// Put takes the file at a path below root and makes it the shard of a name,
	// durable when it returns. It may be done again after a crash.
	Put(ctx context.Context, name string, root *os.Root, from string) error
}

// shardName matches the names of shards.
var shardName = regexp.MustCompile(`^shard-(?:([0-9a-z]+)-)?(\d{6,})\.tar$`)

// inDir is a Shelf in a directory, that of the job.
type inDir struct {
	root   *os.Root
	noSync bool
}

// List returns the names of files in the directory itself.
func (d inDir) List(_ context.Context, prefix string) (names []string, err error) {
	dir, err := d.root.Open(".")
	if err != nil {
		return nil, diskError("", err)
	}
	defer dir.Close()
	all, err := dir.Readdirnames(-1)
	for _, n := range all {
		if len(n) >= len(prefix) && n[:len(prefix)] == prefix {
			names = append(names, n)
		}
	}
	return names, diskError("", err)
}

// Open opens a file.
func (d inDir) Open(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := d.root.Open(name)
	return f, diskError(name, err)
}

// Put renames the file.
func (d inDir) Put(_ context.Context, name string, _ *os.Root, from string) error {
	if err := d.root.Rename(from, name); err != nil {
		return diskError(name, err)
	}
	return syncDir(d.root, ".", d.noSync)
}

// A Bucket is what a Shelf elsewhere is made of: package s3 has one.
type Bucket interface {
	save.Publisher
	List(ctx context.Context, prefix string) ([]string, error)
	Open(ctx context.Context, f save.File) (io.ReadCloser, error)
}

// InBucket is a Shelf in a bucket.
type InBucket struct{ Bucket }

// Open downloads a shard.
func (b InBucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	return b.Bucket.Open(ctx, save.File{Path: name})
}

// Put uploads the file, and removes it.
func (b InBucket) Put(ctx context.Context, name string, root *os.Root, from string) error {
	f, err := root.Open(from)
	if err != nil {
		return diskError(name, err)
	}
	err = b.Publish(ctx, name, f)
	if cerr := f.Close(); err != nil || cerr != nil {
		return errors.Join(err, cerr)
	}
	return diskError(name, root.Remove(from))
}

// diskError makes an error one of the seam.
func diskError(path string, err error) error {
	if err == nil {
		return nil
	}
	return &save.Error{Reason: save.Disk, Path: path, Err: err}
}

// syncDir makes the names in a directory durable.
func syncDir(root *os.Root, dir string, noSync bool) error {
	if noSync {
		return nil
	}
	f, err := root.Open(dir)
	if err != nil {
		return diskError(dir, err)
	}
	defer f.Close()
	return diskError(dir, save.SyncDir(f))
}
