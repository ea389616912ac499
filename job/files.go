package job

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"

	"github.com/trawl-go/trawl/internal/s3"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// Files says where the files of a job go, if not into its directory. It is
// decided when the job begins: a zero field means what was decided then.
type Files struct {
	// Bucket is the address of a place in an object store, s3://BUCKET/PREFIX,
	// that has nothing else in it. Server and keys are those of Amazon's own
	// environment variables and files. The job's directory stays on this
	// machine, with its state, its records and what is not complete yet; copies
	// of the records go to the bucket at the end of each run.
	Bucket string

	// Layout says how files are laid out there: [ByName], the default, or
	// [ByHash].
	Layout string
}

// Layouts of the files of a job.
const (
	ByName = "names" // under the names that spiders give them
	ByHash = "hash"  // each content once, under its hash; files.jsonl has the names
)

// An OtherFilesError is a job whose files go elsewhere.
type OtherFilesError struct{ Have, Want string }

func (e *OtherFilesError) Error() string {
	return fmt.Sprintf("the files of this job go to %s, not to %s", e.Have, e.Want)
}

// An UnfitError is an option that does not go with where the files of a job go.
type UnfitError struct{ Option, Why string }

func (e *UnfitError) Error() string { return e.Option + ": " + e.Why }

// A place is what a job remembers of where its files go.
type place struct {
	Bucket string `json:"bucket,omitempty"`
	Layout string `json:"layout,omitempty"`

	// Owner tells the job apart from all others; see s3.Options.
	Owner string `json:"owner,omitempty"`
}

// filesKey is where the store keeps the place.
const filesKey = "files"

// FilesOf returns where the files of the job in a store go.
func FilesOf(ctx context.Context, st store.Store) (Files, error) {
	p, err := placeOf(ctx, st)
	return Files{Bucket: p.Bucket, Layout: cmp.Or(p.Layout, ByName)}, err
}

func placeOf(ctx context.Context, st store.Store) (p place, err error) {
	s, err := st.Get(ctx, filesKey)
	if err != nil || s == "" {
		return place{}, err
	}
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return place{}, fmt.Errorf("job: what the store says of the files: %w", err)
	}
	return p, nil
}

// decide records where the files of a new job go. It comes before claim, so that
// the job is never there without; see [agree] for what follows.
func decide(ctx context.Context, st store.Store, want Files) error {
	_, begun, err := Identify(ctx, st)
	if begun || err != nil {
		return err
	}
	mine := newPlace(want)
	if sh, ok := st.(store.Shared); ok { // of several at the same time one wins
		return claimValue(ctx, sh, filesKey, mine, new(place))
	}
	data, err := json.Marshal(mine)
	if err != nil {
		return err // Unreachable: strings.
	}
	return st.Set(ctx, filesKey, string(data))
}

func newPlace(want Files) place {
	p := place{Bucket: want.Bucket}
	if want.Layout != ByName {
		p.Layout = want.Layout
	}
	if p != (place{}) {
		p.Owner = rand.Text()
	}
	return p
}

// agree returns where the files of the job go, or an *OtherFilesError if that is
// not what is wanted.
func agree(ctx context.Context, st store.Store, want Files) (place, error) {
	p, err := placeOf(ctx, st)
	if err != nil {
		return p, err
	}
	if want.Bucket != "" && want.Bucket != p.Bucket {
		have := p.Bucket
		if have == "" {
			have = "its directory"
		}
		return p, &OtherFilesError{Have: have, Want: want.Bucket}
	}
	if have := cmp.Or(p.Layout, ByName); want.Layout != "" && want.Layout != have {
		return p, &OtherFilesError{Have: "the layout " + have, Want: "the layout " + want.Layout}
	}
	return p, nil
}

// laid lays files out.
func (p place) laid(f save.Files) save.Files {
	if p.Layout == ByHash {
		return save.ByHash(f)
	}
	return f
}

// openPlace opens the place of a job's files. name is that of the job, dir its
// directory.
func openPlace(ctx context.Context, p place, name, dir string, opt save.Options) (save.Files, error) {
	if p.Bucket == "" {
		d, err := save.Open(dir, &opt)
		if err != nil {
			return nil, err // and no *save.Dir that is nil
		}
		return p.laid(d), nil
	}
	at, err := s3.ParseAddress(p.Bucket)
	if err != nil {
		return nil, err
	}
	opt.NoSync = true // what is here is not what counts
	local, err := save.Open(dir, &opt)
	if err != nil {
		return nil, err
	}
	b, err := s3.Open(ctx, at, local, &s3.Options{Owner: p.Owner, Name: name})
	if err != nil {
		return nil, err
	}
	return p.laid(b), nil
}

// A Reader reads the files of a job.
type Reader interface {
	// Open returns the content of a file as it is now; fs.ErrNotExist if it is
	// not there.
	Open(ctx context.Context, f save.File) (io.ReadCloser, error)
	Close() error
}

// OpenToRead opens the files of the job in a store, for looking at them. dir is
// the job's directory.
func OpenToRead(ctx context.Context, st store.Store, dir string) (Reader, error) {
	p, err := placeOf(ctx, st)
	if err != nil {
		return nil, err
	}
	if p.Bucket == "" {
		d, err := save.OpenToRead(dir)
		if err != nil {
			return nil, err
		}
		return p.laid(d), nil
	}
	at, err := s3.ParseAddress(p.Bucket)
	if err != nil {
		return nil, err
	}
	b, err := s3.Open(ctx, at, nil, nil)
	if err != nil {
		return nil, err
	}
	return p.laid(b), nil
}
