package crawl

import (
	"time"

	"github.com/trawl-go/trawl"
)

// Events are told what happens in a job. Every field may be nil.
//
// Page, File, Item, Failed and Retry come from one goroutine, in the order in
// which things became durable, once for each; the others from several at
// once. A function must not block for long, since the job waits for it.
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
