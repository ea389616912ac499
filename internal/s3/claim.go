package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
)

// An owner is what the mark of a job says, the object .trawl/owner.
//
// It takes the place of looking whether a key is free before each upload: names
// are reserved in the job's store, for all its processes, and nobody else
// writes under the address.
type owner struct {
	Owner string `json:"owner"`
	Job   string `json:"job"`
	Begun string `json:"begun"`
}

const ownerPath = ".trawl/owner"

// claim makes the place the owner's, or finds that it is.
func (b *Bucket) claim(ctx context.Context, id, name string) error {
	have, err := b.owner(ctx)
	// Three times at most, as a mark may be damaged on its way, and is then
	// replaced if there is nothing else.
	for n := 0; n < 3 && (errors.Is(err, fs.ErrNotExist) || err == nil && have.Owner == ""); n++ {
		keys, failed := b.list(ctx, b.at.Prefix, 2)
		if failed != nil {
			return failed
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return k == b.key(ownerPath) })
		if len(keys) > 0 {
			return &Error{Kind: InUse, Op: "open", At: b.at.String(), Err: fmt.Errorf("there is something already, %s, and no mark of a job", b.url(keys[0]))}
		}
		o := owner{Owner: id, Job: name, Begun: time.Now().UTC().Format(time.RFC3339)}
		if err := b.mark(ctx, o, err != nil); err != nil {
			return err
		}
		have, err = b.owner(ctx) // another may have come first
	}
	if err != nil {
		return err
	}
	if have.Owner != id {
		return &Error{Kind: InUse, Op: "open", At: b.at.String(),
			Err: fmt.Errorf("the files of another job are there: %s, begun %s, whose state is elsewhere or gone", have.Job, have.Begun)}
	}
	return nil
}

// owner reads the mark. One that cannot be read has no Owner.
func (b *Bucket) owner(ctx context.Context) (o owner, err error) {
	key := b.key(ownerPath)
	err = b.do(ctx, "read", key, 0, func(ctx context.Context) error {
		body, _, _, err := b.core.GetObject(ctx, b.at.Bucket, key, minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer body.Close()
		data, err := io.ReadAll(io.LimitReader(body, 1<<16))
		if err != nil {
			return err
		}
		if json.Unmarshal(data, &o) != nil {
			o = owner{Job: "one that cannot be read", Begun: "some time ago"}
		}
		return nil
	})
	return o, err
}

// mark writes the mark, with ifNone only if there is none; where the server
// cannot take that condition, in any case.
func (b *Bucket) mark(ctx context.Context, o owner, ifNone bool) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err // Unreachable: strings.
	}
	put := func(condition bool) error {
		return b.do(ctx, "write", b.key(ownerPath), 0, func(ctx context.Context) error {
			sum, digest := sha256.Sum256(data), md5.Sum(data)
			opts := minio.PutObjectOptions{ContentType: "application/json", DisableContentSha256: true}
			if condition {
				opts.SetMatchETagExcept("*")
			}
			_, err := b.core.PutObject(ctx, b.at.Bucket, b.key(ownerPath), bytes.NewReader(data), int64(len(data)),
				base64.StdEncoding.EncodeToString(digest[:]), hex.EncodeToString(sum[:]), opts)
			return err
		})
	}
	err = put(ifNone)
	var r minio.ErrorResponse
	switch {
	case err == nil || !errors.As(err, &r):
		return err
	case r.StatusCode == 412 || r.StatusCode == 409:
		return nil // there is one now
	case r.StatusCode == 501 || r.StatusCode == 400:
		return put(false)
	}
	return err
}

// dropUploads ends the uploads in parts that a dead process has left; what they
// have is paid for, and no listing shows it. Younger ones may be another's.
func (b *Bucket) dropUploads(ctx context.Context, before time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the goroutine behind the channel
	for u := range b.core.ListIncompleteUploads(ctx, b.at.Bucket, b.at.Prefix, true) {
		if u.Err != nil {
			return nil // not every server lists them, and not every user may
		}
		if u.Initiated.Before(before) {
			_ = b.core.AbortMultipartUpload(ctx, b.at.Bucket, u.Key, u.UploadID) // the next run tries again
		}
	}
	return ctx.Err()
}
