package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/shards"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/job"
)

// storeFlags say where a job lives that several processes work on.
type storeFlags struct {
	url   string   // "" if it is a directory
	more  []string // further databases over which the job is spread
	job   string
	lease seconds
}

// A storeFlag is the value of --store, which may be given several times.
type storeFlag struct{ f *storeFlags }

func (v storeFlag) String() string { return "" }
func (v storeFlag) Type() string   { return "string" }

func (v storeFlag) Set(url string) error {
	switch {
	case url == "":
		return errors.New("must be the address of a database")
	case v.f.url == "":
		v.f.url = url
	default:
		v.f.more = append(v.f.more, url)
	}
	return nil
}

// open opens a job that is there.
func (f *storeFlags) open(ctx context.Context, job string) (store.Shared, error) {
	return shards.Open(ctx, append([]string{f.url}, f.more...), &postgres.Options{Job: job, Existing: true, Conns: 2})
}

// storeHelp is part of the help of the commands that have these flags.
const storeHelp = `
With --store the job lives in a PostgreSQL database, and any number of
processes on any machines work on it; see docs/many-machines.md. Give the
password in $PGPASSWORD or ~/.pgpass rather than in the address. Given several
times, always in the same order, it spreads the job over several databases.
`

// add adds the flags of the commands that look at a job.
func (f *storeFlags) add(c *cobra.Command) {
	c.Flags().Var(storeFlag{f}, "store", "the job is in this database, `postgres://HOST/DATABASE` (repeatable: spread over several)")
	c.Flags().StringVar(&f.job, "job", "", "`NAME` of the job in the database (default the spider's)")
}

// addLease adds the flag of those that work on it.
func (f *storeFlags) addLease(c *cobra.Command) {
	c.Flags().Var(&f.lease, "lease", "let others take over the hosts of a process that has not been heard of for this `SPAN` (default 15s)")
}

// check refuses flags that go only with others.
func (f *storeFlags) check() error {
	switch {
	case f.url == "" && f.job != "":
		return usagef("--job names a job in a database; --store says which")
	case f.url == "" && f.lease != 0:
		return usagef("--lease is for a job in a database; --store says which")
	case f.lease != 0 && time.Duration(f.lease) < time.Second:
		return usagef("--lease %s: must be at least 1s", &f.lease)
	}
	return nil
}

// shared returns the place of a plan's job; nil if it is a directory.
func (f *storeFlags) shared(p *job.Plan) *job.Shared {
	if f.url == "" {
		return nil
	}
	s := &job.Shared{URL: f.url, More: f.more, Name: f.job}
	if s.Name == "" {
		s.Name = p.Name
	}
	return s
}

// jobName returns the name of a plan's job.
func (f *storeFlags) jobName(p *job.Plan) string {
	if s := f.shared(p); s != nil {
		return s.Name
	}
	return p.Name
}

// dirName returns the name of the directory for a plan's files: that of the
// job. In a database anyone may have named it.
func (f *storeFlags) dirName(p *job.Plan) string {
	if s := f.shared(p); s != nil {
		return save.Clean(save.CleanName(s.Name))
	}
	return p.Name
}

// where returns the words by which other commands find a job: the directory,
// or the flags, without the address, which may hold a password.
func (f *storeFlags) where(p *job.Plan, dir string) string {
	if s := f.shared(p); s != nil {
		return "--store postgres://... --job " + s.Name
	}
	return dir
}

// only returns the one job of the database, if --job names none.
func (f *storeFlags) only(ctx context.Context) (string, error) {
	if f.job != "" {
		return f.job, nil
	}
	names, err := postgres.Jobs(ctx, f.url)
	if err != nil {
		return "", err
	}
	switch len(names) {
	case 0:
		return "", usagef("the database holds no job")
	case 1:
		return names[0], nil
	}
	return "", usagef("the database holds the jobs %s; choose one with --job", quoted(names))
}

func quoted(names []string) string {
	text := ""
	for i, n := range names {
		if i > 0 {
			text += ", "
		}
		text += printable(n)
	}
	return text
}

// openJob opens the job in a directory for reading, or the one in the database.
func (f *storeFlags) openJob(ctx context.Context, dir string) (store.Store, job.Identity, error) {
	if f.url == "" {
		return openJob(ctx, dir)
	}
	name, err := f.only(ctx)
	if err != nil {
		return nil, job.Identity{}, err
	}
	st, err := f.open(ctx, name)
	if err != nil {
		return nil, job.Identity{}, err
	}
	id, ok, err := job.Identify(ctx, st)
	if err == nil && !ok {
		err = usagef("the job %s has not begun", printable(name))
	}
	if err != nil {
		st.Close()
		return nil, id, err
	}
	return st, id, nil
}

// openForChange opens the job for changing it.
func (f *storeFlags) openForChange(ctx context.Context, dir string) (store.Store, error) {
	if f.url == "" {
		return sqlite.Open(ctx, dir, nil)
	}
	st, _, err := f.openJob(ctx, dir)
	return st, err
}

// dirOrStore demands one directory, or with --store one at most.
func (f *storeFlags) dirOrStore() cobra.PositionalArgs {
	one := exactly(1, "the directory of a job")
	return func(c *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if f.url == "" || len(args) > 1 {
			return one(c, args)
		}
		return nil
	}
}

// planOfShared returns the plan of a job in a database, without new start
// requests. The spider is the job's own copy.
func (a *app) planOfShared(ctx context.Context, st store.Store, id job.Identity, l loading) (job.Plan, error) {
	src, ok, err := job.SourceOf(ctx, st)
	if err != nil {
		return job.Plan{}, err
	}
	if !ok {
		return job.Plan{}, usagef("the job %s has no spider with it", printable(id.String()))
	}
	f := spiderFile{name: src.Name, text: []byte(src.Text), path: id.Source}
	if b, err := builtIn(id.Name); err == nil && string(b.text) == src.Text {
		f = b
	}
	if older(versionText(), src.Version) {
		return job.Plan{}, usagef("the job was begun by trawl %s, and its spider may need it; this is %s", printable(src.Version), versionText())
	}
	l.args = id.Args
	s, err := a.loadSpider(ctx, f, l)
	if err != nil {
		return job.Plan{}, fmt.Errorf("%w\nthe job was begun by trawl %s, this is %s", err, src.Version, versionText())
	}
	return job.Plan{
		Name: id.Name, Source: id.Source, Text: src, Args: id.Args, Spiders: []trawl.Spider{s}, Seeds: []crawl.Seed{},
	}, nil
}

// first returns the first word, "" if there is none.
func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// older reports whether a release of trawl is older than another: whether it may
// lack what a spider for that one uses. What is no release is not compared.
func older(have, want string) bool {
	a, ok1 := release(have)
	b, ok2 := release(want)
	return ok1 && ok2 && slices.Compare(a[:], b[:]) < 0
}

// release returns the major and minor number of a version like v1.2.3. The last
// number brings nothing new.
func release(version string) (n [2]int, ok bool) {
	parts := strings.Split(version, ".")
	if len(parts) != 3 || !strings.HasPrefix(version, "v") {
		return n, false
	}
	var err1, err2, err3 error
	n[0], err1 = strconv.Atoi(parts[0][1:])
	n[1], err2 = strconv.Atoi(parts[1])
	_, err3 = strconv.Atoi(parts[2])
	return n, err1 == nil && err2 == nil && err3 == nil
}
