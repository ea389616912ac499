package replica

import (
	"slices"
	"time"
)

// Rules say how one host treats its clients. The zero Rules answer every
// request at once with what was asked for.
//
// What applies to a request is tried in the order of the fields. Change copies
// Rules; they are plain data.
type Rules struct {
	// Limit refuses what comes too fast.
	Limit Limit
	// Latency passes before the first byte of every answer, refusals by Limit
	// excepted. Up to Jitter is added, the same for each repetition of a URL.
	Latency, Jitter time.Duration
	// Referer is what a picture's Referer has to be; HTML is never checked.
	Referer RefererPolicy
	// Refusal is the answer to a wrong Referer.
	Refusal Refusal
	// Faults are what goes wrong, all that match in this order. robots.txt is
	// spared by those whose Prefix does not begin with it.
	Faults []Fault
	// Rate limits how fast bodies are sent, in bytes a second and per
	// response; zero means as fast as the client reads.
	Rate int
	// Charset is the encoding of HTML; empty means UTF-8, said in the header
	// and in the page.
	Charset Charset
	// Robots is the body of /robots.txt; empty means one that allows all.
	Robots string
}

// RefererPolicy is what the Referer of a request for a picture has to be.
type RefererPolicy string

// The policies, from lax to strict. "Own" hosts are those of the same site,
// its image hosts included.
const (
	RefererAny       RefererPolicy = ""           // whatever, or none
	RefererNoForeign RefererPolicy = "no-foreign" // none, or an own host
	RefererOwn       RefererPolicy = "own"        // a URL on an own host
	RefererGallery   RefererPolicy = "gallery"    // the gallery of the picture: its URL or one of its pages
	RefererPage      RefererPolicy = "page"       // the URL of the page that shows the picture
)

// Refusal is the answer to a picture asked for with the wrong Referer.
type Refusal string

// The refusals.
const (
	RefuseForbidden   Refusal = ""            // 403 and a line of text
	RefuseTeapot      Refusal = "teapot"      // 418 without a body
	RefusePlaceholder Refusal = "placeholder" // 200 and a picture, the same bytes for every URL
	RefuseRedirect    Refusal = "redirect"    // 302 to the site's front page
)

// Charset is how HTML is encoded and how the client is told.
type Charset string

// The charsets. A character that GBK lacks becomes a character reference.
const (
	UTF8        Charset = ""
	GBKHeader   Charset = "gbk-header"   // Content-Type says so, the page says nothing
	GBKMeta     Charset = "gbk-meta"     // the page says so, Content-Type says nothing
	GBKUnstated Charset = "gbk-unstated" // nobody says so
)

// Limit refuses requests after too many from one client address. The zero
// Limit refuses none.
type Limit struct {
	// Requests is how many are answered in a Window; zero means all.
	Requests int
	// Window starts with the first request, and again with the first one after
	// its end; zero means a minute.
	Window time.Duration
	// Wall, if set, sends the client there instead of answering 429.
	Wall Wall
	// RetryAfter says when the window ends, if it is set.
	RetryAfter RetryAfter
}

// RetryAfter is the form of the Retry-After header. Both forms count whole
// seconds, rounded up.
type RetryAfter string

// The forms.
const (
	RetryAfterNone    RetryAfter = ""
	RetryAfterSeconds RetryAfter = "seconds"
	RetryAfterDate    RetryAfter = "date"
)

// Wall is what a client meets that a site takes for a robot.
type Wall string

// The walls.
const (
	NoWall        Wall = ""
	WallRedirect  Wall = "redirect"  // 302 to https://sec.douban.com/b?r=URL
	WallForbidden Wall = "forbidden" // 403 with the page that asks for a login
	WallOK        Wall = "ok"        // the same page with 200
)

// Kind is a kind of fault.
type Kind string

// The kinds of faults. Those that replace the answer win over those that
// damage it.
const (
	// Status answers with Fault.Status and a line of text. Fault.After, if set,
	// is the Retry-After in seconds.
	Status Kind = "status"
	// Hang reads the request and never answers.
	Hang Kind = "hang"
	// Drop closes the connection without an answer.
	Drop Kind = "drop"
	// LoginWall redirects to the login wall, as WallRedirect.
	LoginWall Kind = "wall"
	// Redirect answers 302 to Fault.To; empty means to the same URL, a loop.
	Redirect Kind = "redirect"
	// HTML answers with a page of HTML, under the Content-Type of what was
	// asked for.
	HTML Kind = "html"
	// Placeholder answers with the picture of refusal and 200.
	Placeholder Kind = "placeholder"
	// Deep answers with a page of elements nested 600 deep.
	Deep Kind = "deep"
	// Empty answers with 200 and no bytes.
	Empty Kind = "empty"
	// Endless sends a body that does not end, as fast as it is read.
	Endless Kind = "endless"
	// Bomb sends about a megabyte of gzip that unpacks to a gigabyte of
	// spaces, whether or not the client takes gzip.
	Bomb Kind = "bomb"

	// Truncate sends half of the body and closes the connection.
	Truncate Kind = "truncate"
	// Stall sends half of the body and then nothing more.
	Stall Kind = "stall"
	// Short sends half of the body with a Content-Length of that half: right
	// as HTTP, wrong as a picture.
	Short Kind = "short"
	// Changing sends other bytes and another ETag each time a picture is asked
	// for.
	Changing Kind = "changing"
	// Gzip packs HTML for clients that take gzip. It is no harm, as NoLength.
	Gzip Kind = "gzip"
	// NoLength sends the body in chunks, without Content-Length and Range.
	NoLength Kind = "no-length"
	// Packed packs everything, whether or not the client takes gzip.
	Packed Kind = "packed"

	// Growing sends one zero byte after the picture at the first request for it,
	// two at the second and so on, under the same ETag.
	Growing Kind = "growing"
	// NoTag sends pictures without ETag, so that only their date is left.
	NoTag Kind = "no-tag"
	// WeakTag sends them with a weak one.
	WeakTag Kind = "weak-tag"
	// FreshDate sends them without ETag and with a Last-Modified of now.
	FreshDate Kind = "fresh-date"
	// NoRange sends the whole picture, whatever part is asked for.
	NoRange Kind = "no-range"
	// NoIfRange sends the part that is asked for, whatever version it belongs
	// to.
	NoIfRange Kind = "no-if-range"
	// WrongRange answers requests for a part with 206 and the whole.
	WrongRange Kind = "wrong-range"
	// Unsatisfied answers requests for a part with 416.
	Unsatisfied Kind = "unsatisfied"
)

// Fault is something that goes wrong on a host.
type Fault struct {
	Kind Kind
	// Prefix is how the path of the URL starts; empty means every URL.
	Prefix string
	// OneIn picks about one URL in OneIn by a hash; zero means all.
	OneIn int
	// First is how many requests of each URL the fault applies to, counted
	// from the server's first request on; zero means all of them.
	First int
	// Status is the code of a Status fault; zero means 503.
	Status int
	// After is the Retry-After of a Status fault; zero means none.
	After time.Duration
	// To is where a Redirect fault leads, an absolute URL.
	To string
}

func (r *Rules) clone() *Rules {
	c := *r
	c.Faults = slices.Clone(r.Faults)
	return &c
}
