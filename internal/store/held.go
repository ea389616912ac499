package store

import (
	"fmt"
	"path"
	"time"

	"github.com/trawl-go/trawl"
)

// HeldReason is the reason of the failure of a file that is held.
const HeldReason = "held"

// HeldDir is where the files that are held are kept, inside the directory of
// a job.
const HeldDir = Dir + "/held"

// Updating is the name of a value that is not empty while an update is under
// way; see [Store.Update].
const Updating = "updating"

// A HeldFile is a file that is held, with the failure that says so.
type HeldFile struct {
	File    File
	Failure Failure
}

// HeldName returns the name of the file in [HeldDir]: its key with the
// extension of its path.
func (f *File) HeldName() string {
	_, ext := splitExt(path.Base(f.Path))
	return f.Key.String() + ext
}

// NewHeldFile returns a file that is held, for drivers: url is that of its
// request, n the number of files from which on they are held.
func NewHeldFile(f File, url string, tries, n int, at time.Time) HeldFile {
	f.DuplicateOf = ""
	return HeldFile{f, Failure{
		Key: f.Key, Kind: trawl.KindFile, URL: url, Reason: HeldReason, Tries: tries, At: Time(Nanos(at)),
		Message: fmt.Sprintf("a placeholder, it seems: %d or more files of the host have this content; kept as %s/%s", n, HeldDir, f.HeldName()),
	}}
}
