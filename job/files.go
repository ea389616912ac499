package job

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

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

	// Layout says how files are laid out there: [ByName], the default, [ByHash]
	// or [InShards].
	Layout string

	// ShardSize is the size in bytes at which a shard is ended; zero means
	// 256 MiB. It may differ from run to run.
	ShardSize int64
}

// Layouts of the files of a job.
const (
	ByName = "names" // under the names that spiders give them
	ByHash = "hash"  // each content once, under its hash; files.jsonl has the names

	// InShards puts them into tar archives as WebDataset reads them; see package
	// internal/wds. Nothing is held then, and the job cannot be updated.
	InShards = "wds"
)

// An OtherFilesError is a job whose files go elsewhere.
type OtherFilesError struct{ Have, Want string }

func (e *OtherFilesError) Error() string {
	return fmt.Sprintf("the files of this job go to %s, not to %s", e.Have, e.Want)
}

// An UnfitError is an option that does not go with where the files of a job go.
type UnfitError struct{ Option, Why string }

func (e *UnfitError) Error() string { return e.Option + ": " + e.Why }

// fit looks for options that do not go with the place, and does what it needs
// to be done with the others.
func (p place) fit(o *Options) error {
	if p.Layout == InShards {
		if o.Crawl.Update {
			return &UnfitError{"--update", "shards that are in their place are not changed; begin another job"}
		}
		o.Crawl.Hold = -1 // what was put into a shard is not taken out
	}
	if o.Crawl.Link && p != (place{}) {
		return &UnfitError{"--dedupe link", "only files in a directory, under their names, can be links; --layout hash has equal files once"}
	}
	return nil
}

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
