package s3

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/trawl-go/trawl/internal/save"
)

// Options for [Open]. A nil *Options and every zero field mean the default.
type Options struct {
	// Owner tells apart the jobs that put files into a bucket. Under one
	// address are the files of one owner: Open leaves a mark there, the object
	// .trawl/owner, and refuses to write where there is the mark of another, or
	// objects without a mark. "" means that nothing is marked, and nothing may
	// be written.
	Owner string

	// Name is that of the job, for people who find the mark.
	Name string

	// Wait is how long a request is repeated while the server does not answer,
	// or is in trouble. Zero means 2 minutes, and 10 seconds in Open.
	Wait time.Duration

	// PartSize is the size in bytes up to which a file goes in one request, and
	// that of the parts of a larger one. Zero means 32 MiB; servers ask for 5
	// at least.
	PartSize int64
}

// A Bucket is a place in a bucket. Open it with [Open].
type Bucket struct {
	// local is where files are written before they are uploaded; nil in a
	// Bucket for reading. It is not embedded: what else it can do is not for a
	// bucket.
	local *save.Dir

	core *minio.Core
	at   Address
	part int64 // Options.PartSize
	try  patience
}

var (
	_ save.Files     = (*Bucket)(nil)
	_ save.Publisher = (*Bucket)(nil)
)

// Open opens a place in a bucket. Server and keys are those that the
// environment and the files of Amazon's tools name; see [dial].
// Files are written into local first, which the Bucket takes, and which may
// leave it to the operating system when to write them to the disk. It may be nil
// for a Bucket that files are only read from.
//
// The error is an [*Error] within a *save.Error, or that of ctx.
func Open(ctx context.Context, at Address, local *save.Dir, opt *Options) (*Bucket, error) {
	if opt == nil {
		opt = &Options{}
	}
	b := &Bucket{local: local, at: at, part: cmp.Or(opt.PartSize, 32<<20), try: patience{wait: opt.Wait}}
	if b.try.wait == 0 {
		b.try.wait = 10 * time.Second
	}
	err := b.open(ctx, opt)
	if err != nil {
		if local != nil {
			_ = local.Close() // the first error says what happened
		}
		return nil, diskError("", err)
	}
	if opt.Wait == 0 {
		b.try.wait = 2 * time.Minute
	}
	return b, nil
}

func (b *Bucket) open(ctx context.Context, opt *Options) (err error) {
	if b.core, err = dial(ctx); err != nil || opt.Owner == "" {
		return err
	}
	if err := b.claim(ctx, opt.Owner, opt.Name); err != nil {
		return err
	}
	return b.dropUploads(ctx, time.Now().Add(-24*time.Hour))
}

// Close ends the use of the bucket and of the local directory.
func (b *Bucket) Close() error {
	if b.local == nil {
		return nil
	}
	return b.local.Close()
}

// Write writes a body into the local directory; see [save.Dir.Write].
func (b *Bucket) Write(ctx context.Context, body io.Reader, w save.Want) (*save.Temp, error) {
	return b.local.Write(ctx, body, w)
}

// Part returns what the local directory keeps of a file that was cut.
func (b *Bucket) Part(ctx context.Context, id string) (*save.Part, error) {
	return b.local.Part(ctx, id)
}

// Forget drops it.
func (b *Bucket) Forget(id string) { b.local.Forget(id) }

// key returns the key of the object that has a path.
func (b *Bucket) key(path string) string { return b.at.Prefix + path }

// url names an object for people.
func (b *Bucket) url(key string) string { return Scheme + b.at.Bucket + "/" + key }

// do runs a request that concerns an object.
func (b *Bucket) do(ctx context.Context, op, key string, size int64, request func(context.Context) error) error {
	return b.try.do(ctx, op, b.url(key), size, request)
}

// Exists is false: nobody else writes there.
func (b *Bucket) Exists(string) bool { return false }

// Reachable tells whether the server takes the key.
func (b *Bucket) Reachable(path string) bool { return len(b.key(path)) <= 1024 }

// Sync does nothing: what was placed is there to stay.
func (b *Bucket) Sync(context.Context) error { return nil }

// sumKey is the name of an object's metadata that holds the hash.
const sumKey = "Sha256"

// stat returns size and hash of an object; ok is false if it is not there.
func (b *Bucket) stat(ctx context.Context, key string) (size int64, sum string, ok bool, err error) {
	var info minio.ObjectInfo
	err = b.do(ctx, "look at", key, 0, func(ctx context.Context) (err error) {
		info, err = b.core.StatObject(ctx, b.at.Bucket, key, minio.StatObjectOptions{})
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", false, nil
	}
	return info.Size, info.UserMetadata[sumKey], err == nil, err
}

// Has asks for size and hash. The hash was compared with the content when the
// object came to be; [Bucket.Open] returns the content as it is.
func (b *Bucket) Has(ctx context.Context, f save.File) (bool, error) {
	size, sum, ok, err := b.stat(ctx, b.key(f.Path))
	return ok && size == f.Size && sum == hex.EncodeToString(f.SHA256[:]), diskError(f.Path, err)
}

// HasSize asks for the size.
func (b *Bucket) HasSize(ctx context.Context, f save.File) (bool, error) {
	size, _, ok, err := b.stat(ctx, b.key(f.Path))
	return ok && size == f.Size, diskError(f.Path, err)
}

// Open downloads an object. Reading is not bounded in time, and ends with ctx.
func (b *Bucket) Open(ctx context.Context, f save.File) (io.ReadCloser, error) {
	var body io.ReadCloser
	// Not within do: the time of an attempt must not bound the reading.
	err := b.try.do(ctx, "download", b.url(b.key(f.Path)), 0, func(context.Context) (err error) {
		body, _, _, err = b.core.GetObject(ctx, b.at.Bucket, b.key(f.Path), minio.GetObjectOptions{})
		return err
	})
	if err != nil {
		return nil, diskError(f.Path, err)
	}
	return body, nil
}

// Remove removes an object.
func (b *Bucket) Remove(ctx context.Context, path string) error {
	return diskError(path, b.remove(ctx, b.key(path)))
}

func (b *Bucket) remove(ctx context.Context, key string) error {
	return b.do(ctx, "remove", key, 0, func(ctx context.Context) error {
		return b.core.RemoveObject(ctx, b.at.Bucket, key, minio.RemoveObjectOptions{})
	})
}

// heldDir is where objects are that are put aside.
const heldDir = ".trawl/held/"

// Hold copies an object to a key among those aside, and removes it.
func (b *Bucket) Hold(ctx context.Context, f save.File, name string) error {
	_, err := b.move(ctx, b.key(f.Path), b.key(heldDir+name), nil)
	return diskError(f.Path, err)
}

// Unhold brings an object back.
func (b *Bucket) Unhold(ctx context.Context, name string, f save.File) (bool, error) {
	switch ok, err := b.move(ctx, b.key(heldDir+name), b.key(f.Path), &f); {
	case err != nil:
		return false, diskError(f.Path, err)
	case ok:
		return true, nil
	}
	return b.Has(ctx, f)
}

// move copies an object and, once the copy is confirmed, removes it. The server
// does both. It reports whether the object was there, with the content of want
// unless that is nil; if not nothing has changed.
func (b *Bucket) move(ctx context.Context, from, to string, want *save.File) (bool, error) {
	size, sum, ok, err := b.stat(ctx, from)
	if !ok || want != nil && (size != want.Size || sum != hex.EncodeToString(want.SHA256[:])) {
		return false, err
	}
	err = b.do(ctx, "copy", from, size, func(ctx context.Context) error {
		_, err := b.core.CopyObject(ctx, b.at.Bucket, from, b.at.Bucket, to, nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
		if err != nil {
			return err
		}
		info, err := b.core.StatObject(ctx, b.at.Bucket, to, minio.StatObjectOptions{})
		if err == nil && (info.Size != size || info.UserMetadata[sumKey] != sum) {
			err = errUnconfirmed
		}
		return err
	})
	if err == nil {
		err = b.remove(ctx, from)
	}
	return err == nil, err
}

// Held lists the objects that are aside.
func (b *Bucket) Held(ctx context.Context) ([]string, error) {
	prefix := b.key(heldDir)
	keys, err := b.list(ctx, prefix, 0)
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], prefix)
	}
	return keys, diskError(heldDir, err)
}

// List returns the paths that begin with a prefix.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	keys, err := b.list(ctx, b.key(prefix), 0)
	for i := range keys {
		keys[i] = strings.TrimPrefix(keys[i], b.at.Prefix)
	}
	return keys, diskError(prefix, err)
}

// list returns the keys with a prefix, all of them or the first n.
func (b *Bucket) list(ctx context.Context, prefix string, n int) (keys []string, err error) {
	err = b.do(ctx, "list", prefix, 0, func(ctx context.Context) error {
		keys = nil
		for o := range b.core.ListObjectsIter(ctx, b.at.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, MaxKeys: n}) {
			if o.Err != nil {
				return o.Err
			}
			if keys = append(keys, o.Key); len(keys) == n {
				return nil
			}
		}
		return ctx.Err()
	})
	return keys, err
}

// DropHeld removes an object that is aside.
func (b *Bucket) DropHeld(ctx context.Context, name string) error { return b.Remove(ctx, heldDir+name) }
