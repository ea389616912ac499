// Package store is the durable truth of a job: what is waiting, what is done,
// what failed and why, which names are taken, and the records.
//
// [Store] is the contract. Package sqlite keeps it in a file, [Mem] in memory,
// and package storetest checks that a driver keeps it. Scheduling and
// politeness live above it, in package frontier, once for every driver.
//
// One rule carries the promise that nothing is lost: adding a request is
// idempotent, so is writing a file, and [Store.Commit] applies an outcome
// together with everything that came of it, or nothing. Whatever dies between
// two commits is fetched once more and never forgotten. Taking work from the
// store writes nothing.
package store

import (
	"context"
	"errors"
	"hash/fnv"
	"iter"
	"time"

	"github.com/trawl-go/trawl"
)

// Errors that a caller can test for.
var (
	// ErrFenced is returned for a lease that has passed to another owner.
	ErrFenced = errors.New("the partition has passed to another process")

	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store is closed")

	// ErrReadOnly is returned by the methods that change a store which is
	// open for reading only.
	ErrReadOnly = errors.New("store is open for reading only")

	// ErrFull is returned when the disk is full, or a quota used up. What was
	// committed before is safe, and the store can still be read.
	ErrFull = errors.New("no space left for the store")

	// ErrIO is returned when the disk or the connection fails.
	ErrIO = errors.New("the store cannot be read or written")

	// ErrCorrupt is returned when what the store holds makes no sense.
	ErrCorrupt = errors.New("the store is damaged")

	// ErrNoName is returned by Reserve and Rename if a path is not clean and
	// relative, or if taken reports true of every alternative to it.
	ErrNoName = errors.New("no name for the file")
)

// Dir is the directory, inside that of a job, which belongs to the store. No
// file gets a path in it.
const Dir = ".trawl"

// A HostID identifies a host, the unit of politeness: see [HostOf].
type HostID int64

// HostOf returns the identity of a host name with its port, if any: the
// upper 63 bits of the FNV-1a hash of the name as it stands in a canonical
// URL. It is never negative.
func HostOf(name string) HostID {
	h := fnv.New64a()
	h.Write([]byte(name))
	return HostID(h.Sum64() >> 1)
}

// A Lease is the right to work on one partition of the hosts.
type Lease struct {
	Part int32

	// Epoch rises each time the partition changes hands. A commit under an
	// older epoch is fenced.
	Epoch int64

	// Until is when the lease ends, by the caller's monotonic clock, measured
	// from before it was asked for. The zero time means that it lasts as long
	// as the store is open.
	Until time.Time
}

// A State is where a request stands.
type State uint8

// States of a request.
const (
	Waiting State = iota // to be fetched when its time comes
	Done                 // fetched, and everything that came of it committed
	Failed               // given up; Retry makes it wait again
)

// An Entry is a request in the store.
type Entry struct {
	Key trawl.Key

	// Host is that of the request's URL; HostName its name.
	Host     HostID
	HostName string

	// Due is when the request may be fetched. It is also its place in the
	// queue of its host: earlier first, then by key. Kept to the nanosecond,
	// like every time in the store, and given back in UTC; the zero time is
	// kept as such and counts as 1970.
	Due time.Time

	// Tries counts the attempts so far.
	Tries int

	// Origin is the host of the page on which a file was found; 0 for pages.
	Origin HostID

	// Again tells of a request that was done before and is to be asked again;
	// see [Store.Update]. The store sets it.
	Again bool

	// New is set by Add and Commit in what is passed to them that was not known.
	New bool

	Request trawl.Request
}

// An Outcome ends an attempt at one request.
type Outcome struct {
	Key  trawl.Key
	Host HostID
	Kind trawl.Kind
	Part int32

	// State is Done, Failed, or Waiting to try again when Due comes.
	State State
	Due   time.Time
	Tries int

	// Failure tells why; for Failed, and for Waiting the reason so far. The
	// store fills in its Key and Kind, and its URL if that is empty.
	Failure *Failure

	// File is the record of a file that is Done. The store fills in its Key.
	File *File

	// Children and Items came of a page that is Done. Where the page was done
	// before, its Items take the place of those it had.
	Children []Entry
	Items    []Item

	// ETag and Modified are the validators of a page that is Done, as sent.
	ETag, Modified string

	// Unchanged says that a request which was done before is Done and that
	// all that came of it is as it was. Of a File the validators alone are
	// kept; nothing else is looked at.
	Unchanged bool
}

// A Failure is a request that could not be collected.
type Failure struct {
	Key  trawl.Key
	Kind trawl.Kind
	URL  string

	// Reason is a short constant word such as "http", "network" or "cut";
	// see package fetch. Status is the HTTP status, 0 if there was none.
	Reason  string
	Status  int
	Message string
	Tries   int
	At      time.Time
}

// A File is a file that is on disk, complete and right, under Path.
type File struct {
	Key    trawl.Key
	URL    string   // where the bytes came from
	Path   string   // relative to the job's directory, with forward slashes
	Size   int64    // in bytes
	SHA256 [32]byte // zero if unknown: then it is no duplicate
	Type   string   // media type found in the content, such as "image/jpeg"

	// ETag and Modified are the validators that the server sent, as sent.
	ETag, Modified string

	// DuplicateOf is the path of an earlier file of the job with the same
	// content; "" for the first. The store fills it in.
	DuplicateOf string
}

// An Item is one record, ready to be written.
type Item struct {
	// Seq rises with each item committed; that of an item that was replaced
	// may be given again. Commit sets it in the items passed to it; it stays
	// 0 if the item was skipped, with its outcome or as one that was there.
	Seq    int64
	Output string
	// Body is one JSON object without line breaks.
	Body []byte
}

// A Host is what is remembered of a host between runs.
type Host struct {
	ID   HostID
	Name string

	// Next is when the host may be asked again; the zero time means now.
	Next time.Time

	// Delay is the pause between two requests learnt from the host itself;
	// 0 if it asked for none.
	Delay time.Duration

	// Backoff counts refusals (429, 503) in a row.
	Backoff int

	// Files counts the files found on this host's pages that are waiting.
	// The store keeps it; it is ignored in a Commit.
	Files int
}

// Robots is a robots.txt as it was fetched.
type Robots struct {
	Origin string    // scheme, host and port, as in a canonical URL
	At     time.Time // when it was fetched
	Body   []byte    // empty if the origin has none to show
}

// A Name asks for a path for a file.
type Name struct {
	Key trawl.Key
	// Path is relative, clean, with forward slashes.
	Path string
}

// A Cursor remembers how far a list of start requests has been added.
type Cursor struct {
	Name string
	Pos  int64
}

// A HostQuery asks for waiting requests of one host and kind.
type HostQuery struct {
	Host  HostID
	Kind  trawl.Kind
	Limit int
}

// A Batch answers a HostQuery.
type Batch struct {
	// Entries that are due, in the order of the queue. They belong to the
	// caller.
	Entries []Entry
	// Next is the earliest Due of those that wait beyond now; the zero time
	// if there are none. It is only set if Entries holds less than Limit.
	Next time.Time
}

// A Commit is one atomic unit.
type Commit struct {
	// Leases under which the outcomes were reached. Outcomes and hosts of a
	// partition without one are fenced.
	Leases []Lease

	// Outcomes apply in their order; the children of all of them are added
	// after that.
	Outcomes []Outcome

	// Hosts replace what is remembered of them, Name and Files apart.
	Hosts []Host

	// Hold is the number of files of one host with the same content from
	// which on none of them is believed, 2 or more; 0 believes every file.
	// See [Store.Held].
	Hold int

	// At is the time of the failures that Hold brings about.
	At time.Time
}

// A Receipt tells what a commit changed.
type Receipt struct {
	// Fenced lists the partitions whose outcomes were not applied because
	// their lease has passed to another owner.
	Fenced []int32

	// NewPages and NewFiles count the children that were not known before.
	NewPages, NewFiles int

	// Origins holds, for each host on whose pages the commit found or ended
	// files, how many of its files are waiting now; see Host.Files.
	Origins map[HostID]int

	// Duplicates are the committed files whose content the job already had,
	// with DuplicateOf set. Some of them may be among Held.
	Duplicates []File

	// Revised are the outputs that have lost items; see [Store.Revision].
	Revised []string

	// Held are the files that are held from this commit on, those of earlier
	// commits among them.
	Held []HeldFile

	// Freed are files that were held and have been replaced by one that is
	// believed: of the held copy nothing is known any more.
	Freed []File
}

// Counts of requests by state.
type Counts struct{ Waiting, Done, Failed int64 }

// Total is the number of requests known.
func (c Counts) Total() int64 { return c.Waiting + c.Done + c.Failed }

// Stats sums up a job.
type Stats struct {
	Pages, Files Counts
	Items        int64
	Bytes        int64 // in the files that are done
	Duplicates   int64 // files whose content another file of the job has
}

// A Store holds one job. Its methods are safe for concurrent use unless they
// say otherwise, return ctx.Err() when ctx ends first, and leave the store
// unchanged when they fail. Slices passed in are not kept; what is returned
// belongs to the caller.
//
// The sequences read ahead in small steps and lock nothing while the loop's
// body runs, which may call any method. What changes during the loop may be
// seen or not.
type Store interface {
	// Acquire takes up to max partitions that nobody owns (all of them if
	// max is 0) for ttl on behalf of worker. Each comes with a higher Epoch
	// than it ever had.
	Acquire(ctx context.Context, worker string, max int, ttl time.Duration) ([]Lease, error)

	// Renew extends leases and returns those still held.
	Renew(ctx context.Context, ls []Lease, ttl time.Duration) (held []Lease, err error)

	// Release gives leases up, after a drain: nothing of theirs may be in
	// flight or uncommitted.
	Release(ctx context.Context, ls []Lease) error

	// Hosts returns up to limit hosts of the lease's partition that have
	// waiting requests, with ID greater than after, in the order of ID. It
	// returns ErrFenced if the lease is not held.
	Hosts(ctx context.Context, l Lease, after HostID, limit int) ([]Host, error)

	// Due answers each query with the requests that wait and are due at now.
	// It writes nothing and may return the same requests again until a
	// commit ends them. It returns ErrFenced if the lease is not held.
	Due(ctx context.Context, l Lease, now time.Time, qs []HostQuery) ([]Batch, error)

	// Add inserts requests that are not known yet, whatever their state, and
	// returns how many were new. cur, if not nil, moves in the same unit.
	// It returns an error if the Meta of a request is not JSON.
	Add(ctx context.Context, es []Entry, cur *Cursor) (added int, err error)

	// Cursor returns the position of a list, 0 if it was never moved.
	Cursor(ctx context.Context, name string) (int64, error)

	// Reserve gives each file a path that no other file of the job has, nor
	// will have, comparing without regard to case or Unicode composition,
	// and returns the paths in the order of names. A key that has a path
	// keeps it, whatever it asks for. Otherwise it gets the path asked for,
	// or, if another file or a directory has that or taken reports true of
	// it, one with a few digits of the key before the extension, as
	// [ChoosePath] describes. taken may be nil; it may be called with the
	// store locked, and must not call back. A path that is not clean and
	// relative, or a taken that is always true, is [ErrNoName].
	//
	// A reservation survives the death of the process at once, and a power
	// cut from the next commit on.
	Reserve(ctx context.Context, names []Name, taken func(path string) bool) ([]string, error)

	// Rename changes the path of a file that is not done, by the rules of
	// Reserve, and returns the new one. The old path is free again. A file
	// that is done keeps its path, and that is returned.
	Rename(ctx context.Context, n Name, taken func(path string) bool) (string, error)

	// Commit applies outcomes, all or none, and returns once they are
	// durable. An outcome of a request that is not waiting is skipped with
	// its children, items and file, so that a commit whose fate is unknown
	// can be repeated.
	Commit(ctx context.Context, c Commit) (Receipt, error)

	// Stats returns the totals, from counters kept with each commit.
	Stats(ctx context.Context) (Stats, error)

	// Items yields the items of one output with Seq greater than after, in
	// the order of Seq.
	Items(ctx context.Context, output string, after int64) iter.Seq2[Item, error]

	// Outputs returns the names of all outputs that have or had items, sorted.
	Outputs(ctx context.Context) ([]string, error)

	// Revision returns how often an output has lost items, which pages did
	// not yield any more when they were read again. While it stays the same,
	// items are only added to the output, with a higher Seq.
	Revision(ctx context.Context, output string) (int64, error)

	// Files yields the files that are done, in the order of their paths.
	Files(ctx context.Context) iter.Seq2[File, error]

	// Failures yields the requests that failed, the latest last.
	Failures(ctx context.Context) iter.Seq2[Failure, error]

	// Retry makes failed requests wait again from now on, with no tries
	// against them: those for which want returns true, all if want is nil.
	// want must not call back. It returns how many.
	Retry(ctx context.Context, now time.Time, want func(Failure) bool) (int, error)

	// Redo makes done files wait again from now on, and forgets their
	// records but not their names. Where one of them was the first with its
	// content, another file takes that place. It returns how many there were.
	Redo(ctx context.Context, now time.Time, files []trawl.Key) (int, error)

	// Held yields the files that are held, in the order of their keys.
	//
	// When a file is committed whose content Commit.Hold files of its host
	// have, this one among them, it may be a placeholder that the host gives
	// for whatever it does not want to give. All of them are held: their
	// requests have failed, for the reason [HeldReason], and their records
	// are kept here and not among Files. The content stays suspect: a further
	// file of the host that has it is held at once, until it is accepted.
	//
	// A held file keeps its name. When its request is done after a Retry, it
	// is freed, or held anew.
	Held(ctx context.Context) iter.Seq2[File, error]

	// Accept makes held files done after all, each under the path given, and
	// ends the suspicion against their contents for good. A key that is not
	// held is passed over. It returns how many there were.
	Accept(ctx context.Context, files []Name) (int, error)

	// Update makes what is done wait again, to be asked whether it has
	// changed: all pages, and if files is true all files. Their places in the
	// queue are those they had, and with them requests that have failed
	// since they were done. It returns how many.
	//
	// Records and items stay until the outcome of the request replaces them;
	// a request that fails keeps them. Update sets the value named [Updating],
	// in the same unit, and does nothing if it is set: then an earlier update
	// has not come to its end.
	Update(ctx context.Context, files bool) (int64, error)

	// Settle ends an update before its end: what waits to be asked again is
	// done as it was. It removes the value [Updating], and returns how many
	// requests there were.
	Settle(ctx context.Context) (int64, error)

	// Before returns what is known of a request that was done before: the
	// record of a file, or of a page its validators alone. It is the zero File
	// if nothing is known.
	Before(ctx context.Context, e Entry) (File, error)

	// Robots returns the robots.txt that is kept of an origin, the zero Robots
	// if none is.
	Robots(ctx context.Context, origin string) (Robots, error)

	// KeepRobots keeps r instead of what was kept of its origin. It survives
	// the death of the process at once, and a power cut from the next commit
	// on.
	KeepRobots(ctx context.Context, r Robots) error

	// Get returns a value of the job, "" if it was never set.
	Get(ctx context.Context, name string) (string, error)

	// Set sets a value of the job; it is durable when Set returns.
	Set(ctx context.Context, name, value string) error

	// Close ends the use of the store. It may be called twice.
	Close() error
}
