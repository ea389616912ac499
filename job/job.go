// Package job runs spiders into a directory: it joins the engine of package
// crawl with SQLite, HTTP and the local disk.
//
// [Open] takes a [Plan], what to collect, and a directory; [Job.Run] collects
// until nothing is left or its context ends. Opening the same plan in the
// same directory again goes on where it was left, whatever ended it.
//
//	j, err := job.Open(ctx, "pictures", job.Plan{Name: "mine", Spiders: []trawl.Spider{mySpider}}, nil)
//	if err != nil {
//		return err
//	}
//	defer j.Close()
//	sum, err := j.Run(ctx)
//
// A Job belongs to one goroutine, except for [Job.Snapshot] and [Job.Load].
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/archive"
	"github.com/trawl-go/trawl/internal/decode"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/process"
)

// A Plan says what a job collects.
type Plan struct {
	// Name is the job's name, a spider's for instance. A directory belongs to
	// one name with one set of arguments.
	Name string

	// Source is where the spider was loaded from, a file or "" for a built-in
	// one. It is remembered, and not compared.
	Source string

	// Text is the spider's source, for a job that is shared: those who join
	// run it.
	Text Source

	// Args are the arguments given to the spider.
	Args map[string]string

	// Spiders that may parse pages of the job.
	Spiders []trawl.Spider

	// Seeds are where the start requests come from; nil means the Start of
	// every spider, and an empty slice none: what waits in the directory.
	Seeds []crawl.Seed
}

// HTTP says how requests are made. The zero value of a field means its
// default.
type HTTP struct {
	// UserAgent names the collector to the sites; "" means trawl's own name
	// with its address.
	UserAgent string

	// ConnectTo sends a host's requests to another address, in plain HTTP:
	// "www.example.com" or "www.example.com:8080" to "127.0.0.1:8000".
	ConnectTo map[string]string

	// Timeout bounds each wait: for a connection, for the header of the
	// answer, for the next bytes of a body. Zero means 15, 30 and 30 seconds.
	Timeout time.Duration

	// Jar keeps the cookies, those that sites set among them; nil means a new
	// one in memory. The job does not write it anywhere.
	Jar http.CookieJar

	// Login, if not nil, is asked for the name and password of a host, "name"
	// or "name:port", that wants one. They are shown to that host and to no
	// other. It may be called from several goroutines at once.
	Login func(host string) (user, password string, ok bool)

	// Proxies are used in turn, one request after the other: http, https or
	// socks5 URLs, with user and password if need be. One that fails rests
	// for a while, and the others are used. Hosts that NoProxy names, as the
	// environment variable does, need none. Without Proxies those of the
	// environment count: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.
	Proxies []*url.URL
	NoProxy string

	// ProxyFailed, if not nil, is told of each proxy that begins to rest, by
	// its host. It may be called from several goroutines at once.
	ProxyFailed func(host string, rest time.Duration, err error)

	// MinRate is how many bytes a second a body must bring at least, over the
	// time of Timeout; a slower one is given up. Zero means 34.
	MinRate int64

	// Deadline bounds each request from its start to the last byte of the
	// body. Zero means 10 minutes for pages and no bound for files.
	Deadline time.Duration

	// MaxPage bounds a page in bytes; a larger one is refused. Zero means
	// 32 MiB.
	MaxPage int64

	// Rate bounds what all transfers together receive, in bytes a second.
	// Zero means no bound.
	Rate int64

	// AllowPrivate lets requests go to addresses that are not public, such as
	// 127.0.0.1 or 192.168.1.1, whatever leads there. Without it only those to
	// the hosts of start requests may, and to addresses in ConnectTo.
	AllowPrivate bool
}

// Options adjust a job. A nil *Options means the default.
type Options struct {
	Crawl crawl.Options
	HTTP  HTTP

	// Shared says where the job lives that other processes work on too; nil
	// means in its directory, which it has for itself.
	Shared *Shared

	// Files says where the files go, if not into the job's directory.
	Files Files

	// NoSync leaves it to the operating system when files reach the disk. A
	// killed process loses nothing by it; a power cut may take the latest
	// files and records, and leave files that are recorded and not whole.
	NoSync bool

	// Archive is the file of a download archive that remembers what several
	// jobs, or gallery-dl, have fetched; "" for none. It is made if it is not
	// there. See package internal/archive for its entries.
	Archive string

	// Decode decodes every picture fully before it gets its name, in worker
	// processes; one that does not decode fails with the reason "type".
	// main must have called process.Init.
	Decode bool
}

// An OtherJobError is a directory that belongs to another job.
type OtherJobError struct {
	Dir        string
	Have, Want Identity
}

func (e *OtherJobError) Error() string {
	return fmt.Sprintf("%s holds the job %s, not %s", e.Dir, e.Have, e.Want)
}

// LockedError is a directory that another process works in.
type LockedError = sqlite.LockedError

// An Identity is what makes a job the same job.
type Identity struct {
	Name   string            `json:"name"`
	Source string            `json:"source,omitempty"`
	Args   map[string]string `json:"args,omitempty"`
}

// String returns "NAME" or "NAME a=1 b=2".
func (id Identity) String() string {
	var b strings.Builder
	b.WriteString(id.Name)
	for _, k := range slices.Sorted(maps.Keys(id.Args)) {
		fmt.Fprintf(&b, " %s=%s", k, id.Args[k])
	}
	return b.String()
}

func (id Identity) same(o Identity) bool {
	return id.Name == o.Name && maps.Equal(id.Args, o.Args)
}

// identityKey is where the store keeps the identity.
const identityKey = "job"

// Identify returns the identity of the job in a store; ok is false if the
// store is new.
func Identify(ctx context.Context, st store.Store) (id Identity, ok bool, err error) {
	s, err := st.Get(ctx, identityKey)
	if err != nil || s == "" {
		return Identity{}, false, err
	}
	if err := json.Unmarshal([]byte(s), &id); err != nil {
		return Identity{}, false, fmt.Errorf("job: what the store says of the job: %w", err)
	}
	return id, true, nil
}

// A Job is a plan that runs into a directory.
type Job struct {
	st     store.Store
	client *fetch.Client
	files  save.Files
	engine *crawl.Engine

	unlock func() error // nil if the directory is not locked by the job itself

	decoder *decode.Decoder  // nil without Options.Decode
	archive *archive.Archive // nil without Options.Archive
}

// Open opens or begins the job of a plan in dir, which is created if need be.
// With "" as dir the job is a simulation: it visits the pages, and keeps and
// writes nothing.
//
// It returns a *LockedError if another process works in dir, and an
// *OtherJobError if dir, or the job in the database, belongs to another plan.
// The caller must Close the Job.
func Open(ctx context.Context, dir string, p Plan, opt *Options) (_ *Job, err error) {
	var o Options
	if opt != nil {
		o = *opt
	}
	j := &Job{}
	defer func() {
		if err != nil {
			_ = j.Close() // the first error says what happened
		}
	}()
	switch {
	case dir == "":
		j.st = store.NewMem()
	case o.Shared != nil:
		if err := j.openShared(ctx, dir, p, &o); err != nil {
			return nil, err
		}
	default:
		st, err := sqlite.Open(ctx, dir, &sqlite.Options{NoSync: o.NoSync})
		if err != nil {
			return nil, err
		}
		j.st = st
		if err := decide(ctx, st, o.Files); err != nil {
			return nil, err
		}
		if err := claim(ctx, st, dir, Identity{Name: p.Name, Source: p.Source, Args: p.Args}); err != nil {
			return nil, err
		}
		at, err := agree(ctx, st, o.Files)
		if err != nil {
			return nil, err
		}
		if err := at.fit(&o); err != nil {
			return nil, err
		}
		if j.files, err = (opener{at, st, p.Name, dir, save.Options{NoSync: o.NoSync}, o.Files.ShardSize}).open(ctx); err != nil {
			return nil, err
		}
	}
	private := privateHosts{st: j.st}
	if err := private.load(ctx); err != nil {
		return nil, err
	}
	fo := fetchOptions(&o.HTTP, private.hosts, func(host string) {
		private.add(context.WithoutCancel(ctx), host)
	})
	fo.Dialed = func(host string, to netip.AddrPort) { j.engine.Dialed(host, to) }
	j.client = fetch.New(fo)
	seeds := p.Seeds
	if seeds == nil {
		for _, s := range p.Spiders {
			seeds = append(seeds, StartOf(s))
		}
	}
	parts := crawl.Parts{Store: j.st, Fetch: j.client, Files: j.files, Dir: dir}
	if o.Archive != "" {
		if _, err := os.Stat(o.Archive); err == nil || dir != "" { // a simulation makes none
			if j.archive, err = archive.Open(ctx, o.Archive); err != nil {
				return nil, err
			}
			parts.Archive = j.archive
		}
	}
	if o.Decode && dir != "" {
		if parts.Check, err = j.decode(dir); err != nil {
			return nil, err
		}
	}
	j.engine = crawl.New(parts, p.Spiders, seeds, &o.Crawl)
	return j, nil
}

// decode returns the check of a job in dir that decodes pictures.
func (j *Job) decode(dir string) (func(context.Context, *save.Temp) error, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	j.decoder = decode.New(nil)
	return func(ctx context.Context, t *save.Temp) error {
		if !decode.Decodes(t.Type) {
			return nil
		}
		r, err := j.decoder.Check(ctx, decode.Picture{Dir: dir, Path: t.Path(), Type: t.Type})
		if remote := (*process.RemoteError)(nil); errors.As(err, &remote) { // the worker could not read it
			return &save.Error{Reason: save.Disk, Err: err}
		}
		if err == nil && r.Err != nil {
			return &save.Error{Reason: save.Type, Err: fmt.Errorf("%s of %d bytes does not decode: %w", t.Type, t.Size, r.Err)}
		}
		return err
	}, nil
}

// claim makes a new directory the job's, or checks that it is.
func claim(ctx context.Context, st store.Store, dir string, want Identity) error {
	have, ok, err := Identify(ctx, st)
	if err != nil {
		return err
	}
	if ok {
		if !have.same(want) {
			return &OtherJobError{Dir: dir, Have: have, Want: want}
		}
		return nil
	}
	data, err := json.Marshal(want)
	if err != nil {
		return err
	}
	return st.Set(ctx, identityKey, string(data))
}

// StartOf returns a spider's start requests as a seed.
func StartOf(s trawl.Spider) crawl.Seed {
	name := s.Settings().Name
	return crawl.Seed{Read: func(ctx context.Context, _ int64, add func(trawl.Request, error) error) error {
		n := 0
		for r, err := range s.Start(ctx) {
			n++
			if err != nil {
				return fmt.Errorf("%s: start: %w", name, err)
			}
			if r.Spider == "" {
				r.Spider = name
			}
			if _, err = trawl.ParseURL(r.URL); err != nil {
				err = &crawl.BadSeed{Place: fmt.Sprintf("%s: start %d", name, n), Err: err}
			}
			if err := add(r, err); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Run collects until nothing is left, or until ctx ends and the grace is
// over; see [crawl.Engine.Run]. It must be called once.
func (j *Job) Run(ctx context.Context) (*crawl.Summary, error) { return j.engine.Run(ctx) }

// Snapshot tells how Run stands; see [crawl.Engine.Snapshot]. It is safe for
// concurrent use.
func (j *Job) Snapshot(ctx context.Context, hosts int) (crawl.Snapshot, error) {
	return j.engine.Snapshot(ctx, hosts)
}

// Load tells what this process has in hand of the job; see [crawl.Engine.Load].
// It is safe for concurrent use.
func (j *Job) Load() (crawl.Load, error) { return j.engine.Load() }

// Retry makes failed requests wait again: those for which want returns true,
// all if it is nil. Call it before Run. It returns how many.
func (j *Job) Retry(ctx context.Context, want func(store.Failure) bool) (int, error) {
	return j.st.Retry(ctx, time.Now(), want)
}

// AcceptHeld takes the files that the job in dir holds for what they are, and
// brings them back under their names; see [crawl.AcceptHeld]. Nothing is
// fetched. The error is fs.ErrNotExist if there is no job, and a
// *LockedError if another process works in dir.
func AcceptHeld(ctx context.Context, dir string) (n int, lost []string, err error) {
	// A look first, so that no job is made where there is none.
	ro, err := sqlite.Open(ctx, dir, &sqlite.Options{ReadOnly: true})
	if err != nil {
		return 0, nil, err
	}
	if err := ro.Close(); err != nil {
		return 0, nil, err
	}
	st, err := sqlite.Open(ctx, dir, nil)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	at, err := placeOf(ctx, st)
	if err != nil {
		return 0, nil, err
	}
	files, err := opener{place: at, st: st, name: dir, dir: dir}.open(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	return crawl.AcceptHeld(ctx, st, files)
}

// Close ends the job's use of the directory. It may be called twice.
func (j *Job) Close() error {
	var errs []error
	if j.client != nil {
		j.client.Close()
	}
	if j.decoder != nil {
		errs = append(errs, j.decoder.Close())
	}
	if j.archive != nil {
		errs = append(errs, j.archive.Close())
	}
	if j.files != nil {
		errs = append(errs, j.files.Close())
	}
	if j.st != nil {
		errs = append(errs, j.st.Close())
	}
	if j.unlock != nil {
		errs = append(errs, j.unlock())
		j.unlock = nil
	}
	return errors.Join(errs...)
}
