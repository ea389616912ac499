package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/archive"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/isolate"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/s3"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/shards"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/job"
)

// Exit statuses. The lowest that occurred counts, but 1 only if no other did,
// and an interruption wins over all. They follow wget's.
const (
	exitOther       = 1
	exitUsage       = 2 // also a bad spider, a bad list, another job's directory
	exitDisk        = 3 // also a directory in use
	exitNetwork     = 4 // also a private address that was not asked for
	exitTLS         = 5
	exitAuth        = 6
	exitBody        = 7 // cut, not what it claims, or a placeholder
	exitHTTP        = 8 // other 4xx and 5xx, and login walls
	exitInterrupted = 130
)

// exitHelp is part of the help of every command that collects.
const exitHelp = `
Exit status:
  0  everything collected          5  TLS
  1  a record or page failed       6  authentication (401, 407)
  2  usage, spider, list           7  bodies cut, not what they claim, placeholders
  3  disk, directory in use        8  other HTTP errors, login wall
  4  network                     130  interrupted; the same command goes on`

// exitOf maps the reason of a failure to an exit status, 0 if it is none.
func exitOf(reason fetch.Reason) int {
	switch reason {
	case crawl.Filtered, crawl.Robots:
		return 0
	case fetch.BadRequest:
		return exitUsage
	case fetch.Disk:
		return exitDisk
	case fetch.Network, fetch.Private:
		return exitNetwork
	case fetch.TLS:
		return exitTLS
	case fetch.Auth:
		return exitAuth
	case fetch.Cut, fetch.Type, fetch.Size, fetch.Parse, crawl.Held:
		return exitBody
	case fetch.HTTP, fetch.Login, fetch.Redirect:
		return exitHTTP
	}
	return exitOther
}

// statusOfSummary returns the exit status of a run.
func statusOfSummary(s *crawl.Summary) int {
	if s.Interrupted {
		return exitInterrupted
	}
	status := 0
	note := func(code int) {
		if code != 0 && (status == 0 || status == exitOther || code < status && code != exitOther) {
			status = code
		}
	}
	for _, f := range s.Failed {
		note(exitOf(fetch.Reason(f.Reason)))
	}
	if len(s.BadSeeds) > 0 {
		note(exitUsage)
	}
	if len(s.Stopped) > 0 {
		note(exitHTTP)
	}
	if s.ItemsFailed > 0 {
		note(exitOther)
	}
	return status
}

// statusOf returns the exit status of an error.
func statusOf(err error) int {
	var (
		usage  usageError
		other  *job.OtherJobError
		spid   *spider.Error
		worker *isolate.Error
		locked *job.LockedError
		db     *sqlite.Error
		pg     *postgres.Error
		source *job.OtherSourceError
		place  *job.OtherFilesError
		unfit  *job.UnfitError
		disk   *save.Error
		arch   *archive.Error
		path   *fs.PathError
		bad    *crawl.BadSeed
		fe     *fetch.Error
	)
	switch {
	case errors.As(err, &db) && errors.Is(err, fs.ErrNotExist): // no job there
		return exitUsage
	case errors.Is(err, postgres.ErrNoJob), errors.Is(err, postgres.ErrAddress), errors.Is(err, shards.ErrMap):
		return exitUsage
	case errors.As(err, &usage), errors.As(err, &other), errors.As(err, &source), errors.As(err, &place), errors.As(err, &unfit), errors.As(err, &spid), errors.As(err, &worker), errors.As(err, &bad):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &locked), errors.As(err, &db), errors.As(err, &pg), errors.As(err, &disk), errors.As(err, &arch), errors.As(err, &path):
		return exitDisk
	case errors.As(err, &fe):
		return exitOf(fe.Reason)
	}
	return exitOther
}

// hint returns the next step after an error, "" if there is none to name.
func hint(err error) string {
	var (
		other  *job.OtherJobError
		source *job.OtherSourceError
		locked *job.LockedError
		pg     *postgres.Error
		place  *job.OtherFilesError
		object *s3.Error
	)
	switch {
	case errors.As(err, &object):
		return object.Hint()
	case errors.As(err, &place):
		return "leave that out, and they go there as before; or begin another job"
	case errors.As(err, &source):
		return "give the new one a job of its own with --job, or run the old one"
	case errors.As(err, &other) && strings.HasPrefix(other.Dir, "job "):
		return "choose another name with --job"
	case errors.As(err, &pg) && errors.Is(err, fs.ErrPermission):
		return "the user needs the right to log in, and to create a schema in the database; $PGPASSWORD or ~/.pgpass has the password"
	case errors.As(err, &other):
		return "choose another directory with -d, or run that job: trawl status " + other.Dir
	case errors.As(err, &locked):
		return "wait for it, or stop it; nothing was changed"
	case errors.Is(err, fs.ErrPermission):
		return "choose a directory that you may write to with -d"
	}
	return ""
}
