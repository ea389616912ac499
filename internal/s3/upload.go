package s3

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/trawl-go/trawl/internal/save"
)

// maxParts is how many parts a server takes.
const maxParts = 10000

var (
	// errUnconfirmed is an upload of which the server has something else.
	errUnconfirmed = errors.New("the server confirms another content than what was sent")

	// errChanged is a local file that is not what was written.
	errChanged = errors.New("the local file has changed since it was checked")
)

// Place uploads a temporary file, and returns when the server has confirmed it.
func (b *Bucket) Place(ctx context.Context, t *save.Temp, f save.File) error {
	file, err := t.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	if err := b.upload(ctx, b.key(f.Path), file, t.Size, t.SHA256, t.Type); err != nil {
		return diskError(f.Path, err)
	}
	t.Discard()
	return nil
}

// Publish uploads a file of records, unless it is there as it is.
func (b *Bucket) Publish(ctx context.Context, name string, file *os.File) error {
	h := sha256.New()
	size, err := io.Copy(h, file)
	if err != nil {
		return &save.Error{Reason: save.Disk, Path: name, Err: err}
	}
	f := save.File{Path: name, Size: size, SHA256: [32]byte(h.Sum(nil))}
	if ok, err := b.Has(ctx, f); ok || err != nil {
		return err
	}
	return diskError(name, b.upload(ctx, b.key(name), file, size, f.SHA256, "application/x-ndjson"))
}

// upload uploads size bytes of a file whose hash is sum.
func (b *Bucket) upload(ctx context.Context, key string, file io.ReaderAt, size int64, sum [32]byte, typ string) error {
	opts := minio.PutObjectOptions{
		ContentType:          typ,
		UserMetadata:         map[string]string{sumKey: hex.EncodeToString(sum[:])},
		DisableContentSha256: true, // we send the one that we know
	}
	if size > b.part {
		return b.uploadParts(ctx, key, file, size, sum, opts)
	}
	digest := md5.New()
	if _, err := io.Copy(digest, io.NewSectionReader(file, 0, size)); err != nil {
		return &save.Error{Reason: save.Disk, Path: key, Err: err}
	}
	tag := digest.Sum(nil)
	return b.do(ctx, "upload", key, size, func(ctx context.Context) error {
		info, err := b.core.PutObject(ctx, b.at.Bucket, key, io.NewSectionReader(file, 0, size), size,
			base64.StdEncoding.EncodeToString(tag), hex.EncodeToString(sum[:]), opts)
		if err != nil {
			return err
		}
		return b.confirm(ctx, key, size, sum, info.ETag, hex.EncodeToString(tag))
	})
}

// confirm makes sure that the server has what was sent. Where it does not name
// the MD5, since it encrypts for instance, it is asked for size and hash.
func (b *Bucket) confirm(ctx context.Context, key string, size int64, sum [32]byte, tag, want string) error {
	if tag == want {
		return nil
	}
	info, err := b.core.StatObject(ctx, b.at.Bucket, key, minio.StatObjectOptions{})
	if err != nil {
		if kindOf(err) == Missing {
			return errUnconfirmed
		}
		return err
	}
	if info.Size != size || info.UserMetadata[sumKey] != hex.EncodeToString(sum[:]) {
		return errUnconfirmed
	}
	return nil
}

// uploadParts uploads a large file in parts, one after another: many files go
// up at a time anyway. What fails is done again for its part alone.
func (b *Bucket) uploadParts(ctx context.Context, key string, file io.ReaderAt, size int64, sum [32]byte, opts minio.PutObjectOptions) (err error) {
	var id string
	err = b.do(ctx, "begin to upload", key, 0, func(ctx context.Context) (err error) {
		id, err = b.core.NewMultipartUpload(ctx, b.at.Bucket, key, opts)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// What is left of it when this fails goes with dropUploads.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_ = b.core.AbortMultipartUpload(ctx, b.at.Bucket, key, id)
		}
	}()
	var (
		parts []minio.CompletePart
		tags  = md5.New() // of the parts' MD5s: what most servers answer in the end
		whole = sha256.New()
		step  = max(b.part, (size+maxParts-1)/maxParts)
	)
	for at := int64(0); at < size; at += step {
		p, tag, err := b.uploadPart(ctx, key, id, len(parts)+1, io.NewSectionReader(file, at, min(step, size-at)), whole)
		if err != nil {
			return err
		}
		tags.Write(tag)
		parts = append(parts, p)
	}
	if [32]byte(whole.Sum(nil)) != sum {
		return &Error{Kind: Refused, Op: "upload", At: b.url(key), Err: errChanged}
	}
	want := fmt.Sprintf("%x-%d", tags.Sum(nil), len(parts))
	return b.do(ctx, "complete", key, size, func(ctx context.Context) error {
		info, err := b.core.CompleteMultipartUpload(ctx, b.at.Bucket, key, id, parts, minio.PutObjectOptions{})
		if err != nil && kindOf(err) != Missing { // after an answer that was lost there is no such upload
			return err
		}
		return b.confirm(ctx, key, size, sum, info.ETag, want)
	})
}

// uploadPart uploads one part, which it adds to the hash of the whole, and
// returns its MD5.
func (b *Bucket) uploadPart(ctx context.Context, key, id string, n int, part *io.SectionReader, whole hash.Hash) (done minio.CompletePart, tag []byte, err error) {
	digest, sum := md5.New(), sha256.New()
	if _, err := io.Copy(io.MultiWriter(digest, sum, whole), part); err != nil {
		return done, nil, &save.Error{Reason: save.Disk, Path: key, Err: err}
	}
	tag = digest.Sum(nil)
	err = b.do(ctx, "upload", key, part.Size(), func(ctx context.Context) error {
		p, err := b.core.PutObjectPart(ctx, b.at.Bucket, key, id, n, part, part.Size(), minio.PutObjectPartOptions{
			Md5Base64: base64.StdEncoding.EncodeToString(tag), Sha256Hex: hex.EncodeToString(sum.Sum(nil)), DisableContentSha256: true,
		})
		done = minio.CompletePart{PartNumber: n, ETag: p.ETag}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = &Error{Kind: Refused, Op: "upload", At: b.url(key), Err: err} // somebody has ended it
	}
	return done, tag, err
}
