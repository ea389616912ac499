package job

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/shards"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

// Shared says where a job lives that several processes work on, on one machine
// or many: in a PostgreSQL database. Its files go to the directory of each of
// them, which may be the same one.
//
// The processes need no word between them. Each works on a share of the hosts,
// and gives some of it to those that join; what one that dies had under way,
// others do again.
type Shared struct {
	// URL is the address of the database, as libpq takes it; so are the
	// environment variables and the password file that complete it.
	URL string

	// More are the addresses of further databases over which the job is spread,
	// always the same in the same order.
	More []string

	// Name is that of the job in the database; "" means the plan's.
	Name string

	// Join only joins a job that is there.
	Join bool
}

// A Source is the text of a spider, which travels with a job that is shared.
type Source struct {
	Name    string `json:"name"` // of its file
	Text    string `json:"text"`
	Version string `json:"version"` // of the program that began the job
}

// An OtherSourceError is a job whose spider has another source.
type OtherSourceError struct{ Job, File string }

func (e *OtherSourceError) Error() string {
	return fmt.Sprintf("the job %s was begun with another version of %s", e.Job, e.File)
}

// sourceKey is where the store keeps the spider's source.
const sourceKey = "spider"

// SourceOf returns the source of the spider of a job that is shared; ok is
// false if it has none.
func SourceOf(ctx context.Context, st store.Store) (src Source, ok bool, err error) {
	s, err := st.Get(ctx, sourceKey)
	if err != nil || s == "" {
		return Source{}, false, err
	}
	if err := json.Unmarshal([]byte(s), &src); err != nil {
		return Source{}, false, fmt.Errorf("job: what the store says of the spider: %w", err)
	}
	return src, true, nil
}

// openShared opens the job in the database, and the directory.
func (j *Job) openShared(ctx context.Context, dir string, p Plan, o *Options) error {
	name := o.Shared.Name
	if name == "" {
		name = p.Name
	}
	st, err := shards.Open(ctx, append([]string{o.Shared.URL}, o.Shared.More...), &postgres.Options{Job: name, Existing: o.Shared.Join, Retrying: retrying(&o.Crawl)})
	if err != nil {
		return err
	}
	j.st = st
	if err := decide(ctx, st, o.Files); err != nil {
		return err
	}
	if err := claimShared(ctx, st, name, p); err != nil {
		return err
	}
	at, err := agree(ctx, st, o.Files)
	if err != nil {
		return err
	}
	own, gone, err := places(ctx, st)
	if err != nil {
		return err
	}
	if err := at.fit(o); err != nil {
		return err
	}
	if j.files, err = (opener{at, st, name, dir, save.Options{NoSync: o.NoSync, Process: own, Gone: gone}, o.Files.ShardSize}).open(ctx); err != nil {
		return err
	}
	if o.Crawl.NoRecords {
		return nil
	}
	// One process in a directory writes the records.
	j.unlock, err = sqlite.Lock(dir)
	if locked := (*LockedError)(nil); errors.As(err, &locked) {
		o.Crawl.NoRecords = true
		return nil
	}
	return err
}

// claimShared makes a new job in the database the plan's, or checks that it
// is. Of several plans at the same time one wins.
func claimShared(ctx context.Context, st store.Shared, name string, p Plan) error {
	// The source goes first: who sees the job has its spider.
	if p.Text.Text != "" {
		var src Source
		if err := claimValue(ctx, st, sourceKey, p.Text, &src); err != nil {
			return err
		}
		if src.Text != p.Text.Text {
			return &OtherSourceError{Job: name, File: p.Text.Name}
		}
	}
	want := Identity{Name: p.Name, Source: p.Source, Args: p.Args}
	var have Identity
	if err := claimValue(ctx, st, identityKey, want, &have); err != nil {
		return err
	}
	if !have.same(want) {
		return &OtherJobError{Dir: "job " + name, Have: have, Want: want}
	}
	return nil
}

// claimValue gives the job a value, unless it has one, and stores the one that
// it has then in have.
func claimValue(ctx context.Context, st store.Shared, key string, want, have any) error {
	data, err := json.Marshal(want)
	if err != nil {
		return err
	}
	current, err := st.Claim(ctx, key, string(data))
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(current), have); err != nil {
		return fmt.Errorf("job: what the store says of the job: %w", err)
	}
	return nil
}

// places returns the name of the process's place for temporary files in the
// job's directory, and which of those of others may be removed: the job's,
// whose session is gone. A directory may hold the places of another job, whose
// sessions this one does not know.
func places(ctx context.Context, st store.Shared) (own string, gone func(string) bool, err error) {
	tag, err := st.Claim(ctx, placeKey, rand.Text()[:8])
	if err != nil {
		return "", nil, err
	}
	alive, err := st.Sessions(ctx)
	if err != nil {
		return "", nil, err
	}
	host, _ := os.Hostname()
	own = fmt.Sprintf("%s-%s-%s-%d", tag, st.Session(), host, os.Getpid())
	return own, func(process string) bool {
		rest, ok := strings.CutPrefix(process, tag+"-")
		session, _, _ := strings.Cut(rest, "-")
		return ok && !alive[session]
	}, nil
}

// placeKey is where the store keeps what the job's places have in common.
const placeKey = "place"

// retrying tells of what the database could not do for now, and logs once that it
// is away, and back.
func retrying(o *crawl.Options) func(op string, err error, conflict bool) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var away atomic.Bool
	return func(op string, err error, conflict bool) {
		switch {
		case err == nil:
			if away.CompareAndSwap(true, false) {
				log.Info("database back")
			}
			return
		case conflict:
			log.Info("transaction retried", "op", op, "err", err)
		case away.CompareAndSwap(false, true):
			log.Warn("database away", "op", op, "err", err)
		}
		if fn := o.Events.StoreRetry; fn != nil {
			fn(crawl.StoreRetry{Op: op, Message: err.Error(), Conflict: conflict})
		}
	}
}
