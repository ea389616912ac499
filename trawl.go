// Package trawl holds the nouns that every other part of trawl speaks of:
// a [Request] for a page or a file, the [Page] that came back, the [Result]
// that a [Spider] read from it, and the [Item] records in it.
//
// It is data and small interfaces; nothing here does I/O, starts a goroutine
// or keeps state. Start with [Spider] to collect from a site in Go, and with
// package crawl to run one.
package trawl

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Kind tells what a request is for.
type Kind uint8

const (
	// KindPage is a document that a spider parses. Producers work on pages.
	KindPage Kind = iota
	// KindFile is a picture or other body that is saved as it is. Consumers
	// work on files.
	KindFile
)

// String returns "page" or "file".
func (k Kind) String() string {
	switch k {
	case KindPage:
		return "page"
	case KindFile:
		return "file"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// A Request is one document to fetch: a page to parse or a file to save.
//
// It is plain data, kept in the job's store while it waits. Its identity is
// [Request.Key]: a URL is fetched once as a page and once as a file, whoever
// asks for it and however often; the first request wins.
type Request struct {
	// URL is absolute, http or https.
	URL  string
	Kind Kind

	// Spider is the name of the spider that asked for it and will parse it.
	Spider string

	// Parse names the spider's function for a page; "" means "parse".
	Parse string

	// Meta is what the spider wants to find again in Page.Request, as a JSON
	// object; nil for none.
	Meta json.RawMessage

	// Referer is sent as it is; "" sends none.
	Referer string

	// Path is where a file goes, relative to the job's directory, with
	// forward slashes. The engine makes it safe and unique; see Result.Files.
	Path string

	// Loose says that nobody asked for Path: it was made of the URL. If that
	// names something on the server rather than the file, "download.php", the
	// name that the server gives the file counts, in the directory of Path. The
	// engine takes Loose back from files that a record refers to.
	Loose bool

	// Backup lists further URLs of the same file, tried in order when URL
	// fails.
	Backup []string

	// Depth is the number of links from a start URL: 0 for the start itself.
	Depth int
}

// Key returns the identity of the request: [KeyOf] its URL and kind.
// A URL that [Canonical] refuses is keyed as it is written.
func (r *Request) Key() Key { return KeyOf(r.Kind, r.URL) }

// A Page is a fetched document.
//
// It belongs to the parse call that received it. Strings of the result may be
// parts of Body, so nobody changes Body any more, after the call neither.
type Page struct {
	Request Request

	// URL is where the body came from, after redirects.
	URL    string
	Status int
	Header http.Header

	// Body is as it was received, with the transfer and content encodings
	// undone and the character encoding untouched. Of what is too large for a
	// page and, by its Content-Type, none, it is a beginning of up to 4 KiB.
	Body []byte
}

// A Result is what a spider read from one page. It is committed as a unit:
// after a crash either all of it is in the job or none.
type Result struct {
	// Pages to follow.
	Pages []Request

	// Files to save. Path is what the spider asked for; the engine reserves
	// a safe and unique name for each.
	Files []Request

	// FilesBefore is the number of files on the pages of the same gallery that
	// come before this one, if the spider knows it. The numbers of its own, by
	// which a user may choose some of them, go on from there.
	FilesBefore int

	Items []Item

	// Failed counts the items that could not be built, each with its place.
	Failed []ItemError

	// Warnings are for the author of the spider: selectors that matched
	// nothing, values that had to be cut.
	Warnings []string
}

// An Item is one record.
type Item struct {
	// Output names the collection that the item belongs to and so its file,
	// OUTPUT.jsonl; "" means the spider's name.
	Output string

	// Fields in the order in which they are written.
	Fields []Field
}

// A Field is one named value of an item. Value is nil, a bool, an int64, a
// float64, a string, a []any or a map[string]any of these, or a FileRef.
type Field struct {
	Name  string
	Value any
}

// A FileRef is a field's value that stands for Result.Files[FileRef]. It is
// written as the name that the engine reserved for that file.
type FileRef int

// An ItemError is an item that could not be built. The page goes on.
type ItemError struct {
	// Place is the position in the spider, such as "douban.star:6:20".
	Place string
	Err   string

	// Trace lists the calls in the spider that led there, outermost first,
	// one a line; "" if they add nothing to Place.
	Trace string
}

func (e ItemError) Error() string {
	if e.Place == "" {
		return e.Err
	}
	return e.Place + ": " + e.Err
}

// An Output says how a collection of items is written at the end of a run.
type Output struct {
	// Order is the field by which the lines are sorted, numbers before
	// strings; "" keeps the order in which the pages were finished.
	Order string

	// CSV also writes OUTPUT.csv.
	CSV bool
}

// An Arg is something that a spider can be told with -a NAME=VALUE.
type Arg struct {
	Name    string
	Default string
}

// Settings are what a spider says of itself. The zero value of a field means
// the engine's default.
type Settings struct {
	// Name is the spider's name: a letter, then letters, digits, '-' or '_'.
	Name string

	// Match lists the URLs that the spider claims: "https://host/path/*",
	// where '*' stands for anything. The longest match wins.
	Match []string

	// Hosts lists the hosts whose pages may be followed; a name covers its
	// subdomains, and "*" allows every host. Empty means that of the page
	// which links there, with or without "www.". Files may come from any
	// host.
	Hosts []string

	// Headers are sent with every request of the spider.
	Headers map[string]string

	// Encoding is the character encoding of the pages; "" detects it.
	Encoding string

	// Delay is the pause between two requests to one host.
	Delay time.Duration

	// PerHost bounds the requests under way to one host.
	PerHost int

	// Producers and Consumers are the numbers of page and file workers. A
	// page worker fetches a page and has it parsed. Without Producers there
	// are as many as Workers needs.
	Producers, Consumers int

	// Workers is where pages are parsed, and how many at a time.
	Workers Workers

	// PageQueue and FileQueue bound the pages and files that wait in memory;
	// pages of a site also wait while FileQueue of its files are waiting.
	PageQueue, FileQueue int

	// Outputs by name.
	Outputs map[string]Output

	// Args that the spider takes, with the values in force.
	Args []Arg
}
