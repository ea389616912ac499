package crawl

import (
	"time"

	"github.com/trawl-go/trawl"
)

// Events are told what happens in a job. Every field may be nil.
//
// Page, File, Item, Failed, Retry and Commit come from one goroutine, in the
// order in which things became durable, once for each; the others from several
// at once. A function must not block for long, since the job waits for it. More
// than one listener is joined with [Both].
type Events struct {
	// Page: a page is done, with all that came of it.
	Page func(PageDone)
	// File: a file is on disk under its name.
	File func(FileDone)
	// Item: a record is in the job.
	Item func(ItemDone)
	// Failed: a request was given up.
	Failed func(Failed)
	// Retry: a request failed and will be tried again.
	Retry func(Failed)

	// ItemFailed: a record could not be built.
	ItemFailed func(page string, err trawl.ItemError)
	// HostRests: a host asked to be left alone for a while.
	HostRests func(HostRests)
	// HostStopped: nothing more is asked of a host in this run.
	HostStopped func(HostStopped)
	// Commit: a group of outcomes is durable, after the events of its pages and
	// files.
	Commit func(Commit)
	// Leases: the process has more or fewer partitions of a job that is shared.
	Leases func(Leases)
	// StoreRetry: the store of a job that is shared could not do something for
	// now, and goes on trying.
	StoreRetry func(StoreRetry)
	// Warning: something that the author of a spider should know; each text
	// once in a job.
	Warning func(text string)
}

// A PageDone is a page that was fetched and parsed.
type PageDone struct {
	URL    string `json:"url"`
	Spider string `json:"spider"`
	// Pages and Files count the links found, known ones among them.
	Pages int `json:"pages"`
	Files int `json:"files"`
	Items int `json:"items"`
}

// A FileDone is a file on disk.
type FileDone struct {
	URL  string `json:"url"`  // as the spider asked for it
	From string `json:"from"` // where the bytes came from
	Path string `json:"path"` // relative to the job's directory

	// At is the path under which the content is, where that is another one.
	At string `json:"at,omitempty"`

	// Size in bytes; SHA256 in hexadecimal. Both are empty in a simulation.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
	Type   string `json:"type,omitempty"`
	// DuplicateOf is the path of a file with the same content, if any.
	DuplicateOf string `json:"duplicate_of,omitempty"`
}

// An ItemDone is a record.
type ItemDone struct {
	Output string `json:"output"`
	Body   []byte `json:"-"` // one JSON object
}

// A Failed is a request that failed.
type Failed struct {
	URL    string `json:"url"`
	Kind   string `json:"kind"`   // "page" or "file"
	Reason string `json:"reason"` // one word, such as "http" or "network"
	Status int    `json:"status,omitempty"`
	// Message says what happened, in one line, or with the trace of a spider
	// that failed in those that follow.
	Message string `json:"message"`
	Tries   int    `json:"tries"`
	// Again is when it will be tried again; zero if it was given up.
	Again time.Time `json:"again,omitzero"`
}

// A HostRests is a host that asked to be left alone.
type HostRests struct {
	Host   string    `json:"host"`
	Until  time.Time `json:"until"`
	Status int       `json:"status"`
}

// A HostStopped is a host that nothing more is asked of in this run: it has
// refused too often, or asks for a login.
type HostStopped struct {
	Host string `json:"host"`
	Why  string `json:"why"`
}

// A Commit is a group of outcomes, pages and files that were done, failed or
// will be tried again, that is durable.
type Commit struct {
	Outcomes int `json:"outcomes"`
	// Took is how long it took, the directories of files synced, in nanoseconds.
	Took time.Duration `json:"took"`
}

// Leases say what has changed in a process's share of a job that others work on
// too, in partitions.
type Leases struct {
	Taken int `json:"taken,omitempty"`
	Given int `json:"given,omitempty"` // back, so that others have a share
	Lost  int `json:"lost,omitempty"`  // to others, as they ended before they were renewed
	// Have is the number of partitions now, and Workers that of the processes
	// which share the job; 0 if it is not known.
	Have    int `json:"have"`
	Workers int `json:"workers,omitempty"`
}

// A StoreRetry is something that a shared store could not do for now.
type StoreRetry struct {
	Op      string `json:"op"`
	Message string `json:"message"`
	// Conflict says that other processes stood in the way, which is everyday;
	// else the store could not be reached.
	Conflict bool `json:"conflict"`
}

// Both returns events that are passed to a, and then to b.
func Both(a, b Events) Events {
	return Events{
		Page:        both(a.Page, b.Page),
		File:        both(a.File, b.File),
		Item:        both(a.Item, b.Item),
		Failed:      both(a.Failed, b.Failed),
		Retry:       both(a.Retry, b.Retry),
		ItemFailed:  bothItemFailed(a.ItemFailed, b.ItemFailed),
		HostRests:   both(a.HostRests, b.HostRests),
		HostStopped: both(a.HostStopped, b.HostStopped),
		Commit:      both(a.Commit, b.Commit),
		Leases:      both(a.Leases, b.Leases),
		StoreRetry:  both(a.StoreRetry, b.StoreRetry),
		Warning:     both(a.Warning, b.Warning),
	}
}

func both[T any](a, b func(T)) func(T) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(v T) { a(v); b(v) }
}

func bothItemFailed(a, b func(string, trawl.ItemError)) func(string, trawl.ItemError) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(page string, err trawl.ItemError) { a(page, err); b(page, err) }
}

// tell calls a listener, if there is one.
func tell[T any](fn func(T), v T) {
	if fn != nil {
		fn(v)
	}
}
