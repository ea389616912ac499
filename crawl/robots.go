package crawl

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/robots"
	"github.com/trawl-go/trawl/internal/store"
)

// Robots is the reason of requests that are not made because the robots.txt of
// their host disallows them. It is not a failure.
const Robots = fetch.Reason("robots")

const (
	robotsFor      = 24 * time.Hour   // how long a robots.txt counts
	staleRobotsFor = time.Hour        // and an old one, when no new one is to be had
	noRobotsFor    = 10 * time.Minute // how long a host without one to be had is left alone

	// maxCrawlDelay is the longest pause that a robots.txt can ask for.
	maxCrawlDelay = time.Minute

	// What the book keeps, at most.
	maxRobots     = 20_000
	maxRobotBytes = 32 << 20
)

// A robotsBook has the robots.txt of origins, each for a day, however often the
// job is run in it: what is fetched is kept in the store.
//
// It is safe for concurrent use.
type robotsBook struct {
	fetch *fetch.Client
	store store.Store
	token string

	mu    sync.Mutex
	known map[string]*verdict // by origin
	size  int                 // of their rules, in bytes
}

// A verdict is what is known of one origin. The book's mutex guards it.
type verdict struct {
	rules *robots.Rules
	err   error         // why they are not known, and nothing is asked for
	until time.Time     // how long it counts; zero if nothing is known
	tries int           // that failed, since the last good one
	busy  chan struct{} // closed when the fetch under way has ended; nil if none is
}

func newRobotsBook(c *fetch.Client, st store.Store) *robotsBook {
	token := robots.Token(c.UserAgent())
	if token == "" || strings.EqualFold(token, "Mozilla") { // who calls himself a browser is still this program
		token = robots.Token(fetch.DefaultUserAgent)
	}
	return &robotsBook{fetch: c, store: st, token: token, known: make(map[string]*verdict)}
}

// originOf returns what a robots.txt is for: scheme, host and port.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// rules returns the rules of an origin, fetching them if need be, and until
// when they count. asked says whether the origin was. An *unknownRobots says
// that they are not to be had for some time; any other error that this attempt
// failed.
func (b *robotsBook) rules(ctx context.Context, origin string) (r *robots.Rules, until time.Time, asked bool, err error) {
	b.mu.Lock()
	v := b.known[origin]
	for v != nil && v.busy != nil {
		busy := v.busy
		b.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, until, false, ctx.Err()
		}
		b.mu.Lock()
		v = b.known[origin]
	}
	if v != nil && time.Now().Before(v.until) {
		defer b.mu.Unlock()
		return v.rules, v.until, false, v.err
	}
	isNew := v == nil
	if isNew {
		v = &verdict{}
		b.makeRoomLocked()
		b.known[origin] = v
	}
	busy := make(chan struct{})
	v.busy = busy
	b.mu.Unlock()

	var old *robots.Rules // from an earlier run
	if isNew {
		old, until = b.recall(ctx, origin)
	}
	if asked = !time.Now().Before(until); asked {
		r, err = b.ask(ctx, origin)
		until = time.Now().Add(robotsFor)
	} else {
		r = old
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	v.busy = nil
	close(busy)
	if old == nil {
		old = v.rules
	}
	switch {
	case err == nil:
		b.setLocked(v, r, nil, until)
	case old != nil && ctx.Err() == nil:
		b.setLocked(v, old, nil, time.Now().Add(staleRobotsFor))
	default:
		return nil, until, true, err
	}
	return v.rules, v.until, asked, nil
}

// recall returns the rules of an origin that an earlier run has fetched, nil if
// none has, and until when they count. What the store cannot give is asked for
// anew: if the store is broken, the next commit says so.
func (b *robotsBook) recall(ctx context.Context, origin string) (*robots.Rules, time.Time) {
	kept, err := b.store.Robots(ctx, origin)
	if err != nil || kept.At.IsZero() {
		return nil, time.Time{}
	}
	return robots.Parse(kept.Body, b.token), kept.At.Add(robotsFor)
}

// ask fetches the robots.txt of an origin and keeps it. If that fails, the next
// run will ask again.
func (b *robotsBook) ask(ctx context.Context, origin string) (*robots.Rules, error) {
	data, err := b.fetch.Robots(ctx, origin, robots.MaxSize+1)
	if err != nil {
		return nil, err
	}
	_ = b.store.KeepRobots(ctx, store.Robots{Origin: origin, At: time.Now(), Body: data})
	return robots.Parse(data, b.token), nil
}

func (b *robotsBook) setLocked(v *verdict, r *robots.Rules, err error, until time.Time) {
	b.size += r.Size() - v.rules.Size()
	v.rules, v.err, v.until, v.tries = r, err, until, 0
}

// makeRoomLocked forgets some of what is known if it is too much. It is asked
// for again when it is needed.
func (b *robotsBook) makeRoomLocked() {
	for origin, v := range b.known {
		if len(b.known) < maxRobots && b.size < maxRobotBytes {
			return
		}
		if v.busy == nil {
			b.size -= v.rules.Size()
			delete(b.known, origin)
		}
	}
}

// failed notes that an attempt to get the rules of an origin came to err. It
// returns how many have, or gives up if there were more than most.
func (b *robotsBook) failed(origin string, err error, most int) (tries int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.known[origin]
	if v == nil {
		v = &verdict{}
		b.known[origin] = v
	}
	v.tries++
	tries = v.tries
	if tries > most {
		b.setLocked(v, nil, &unknownRobots{err}, time.Now().Add(noRobotsFor))
	}
	return tries
}

// An unknownRobots is why nothing is asked of an origin: its robots.txt cannot
// be had, which counts as one that disallows everything.
type unknownRobots struct{ err error }

func (e *unknownRobots) Error() string { return "robots.txt: " + e.err.Error() }
func (e *unknownRobots) Unwrap() error { return e.err }

// check finds out whether the host of a task may be asked at all. ctx is that
// of work under way.
func (e *Engine) check(ctx context.Context, t *frontier.Task) {
	u, err := trawl.ParseURL(t.Request.URL)
	if err != nil { // the request itself will say so
		e.front.Checked(t, frontier.Check{Until: time.Now().Add(robotsFor)})
		return
	}
	origin := originOf(u)
	r, until, asked, err := e.robots.rules(ctx, origin)
	var (
		fe      *fetch.Error
		unknown *unknownRobots
	)
	switch {
	case err == nil:
		e.front.Checked(t, frontier.Check{Until: until, Delay: min(r.Delay, maxCrawlDelay), Asked: asked})
	case ctx.Err() != nil:
		e.front.Abandon(t)
	case own(err):
		e.front.Checked(t, frontier.Check{Until: time.Now().Add(noRobotsFor)})
	case errors.As(err, &unknown):
		e.front.Checked(t, frontier.Check{Until: time.Now().Add(noRobotsFor)})
	case errors.As(err, &fe) && (fe.Status == 429 || fe.Status == 503):
		next := e.front.Refused(t, fe.RetryAfter)
		e.hostRests(HostRests{Host: t.HostName, Until: next, Status: fe.Status})
		e.noteStop(t)
		e.front.Abandon(t)
	default:
		most := e.opt.Retries
		if fe == nil || !fe.Temporary() {
			most = 0
		} else {
			e.front.Faltered(t)
		}
		tries := e.robots.failed(origin, err, most)
		e.log.Info("robots.txt", "host", t.HostName, "tries", tries, "err", err)
		if tries <= most {
			e.front.CheckAgain(t, time.Now().Add(pause(e.opt.RetryWait, tries-1)))
			return
		}
		e.front.Checked(t, frontier.Check{Until: time.Now().Add(noRobotsFor), Asked: asked})
	}
}

// mayAsk returns nil if the robots.txt of a URL's host allows it, and else
// why the URL is not asked for.
func (e *Engine) mayAsk(ctx context.Context, u *url.URL) error {
	if e.robots == nil {
		return nil
	}
	r, _, _, err := e.robots.rules(ctx, originOf(u))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case own(err):
		return nil
	case err != nil:
		return &fetch.Error{URL: u.String(), Reason: fetch.ReasonOf(err), Status: statusOf(err), Err: withoutRobots(err)}
	case !r.Allows(u):
		return &fetch.Error{URL: u.String(), Reason: Robots, Err: fmt.Errorf("the robots.txt of %s disallows it", u.Host)}
	}
	return nil
}

// own reports whether err says nothing of the host: nothing was sent, and the
// request itself will come to the same end, or is one that may be made.
func own(err error) bool {
	r := fetch.ReasonOf(err)
	return r == fetch.BadRequest || r == fetch.Private
}

// mayAskFor is mayAsk for a URL that is not parsed yet.
func (e *Engine) mayAskFor(ctx context.Context, rawURL string) error {
	if e.robots == nil {
		return nil
	}
	u, err := trawl.ParseURL(rawURL)
	if err != nil {
		return nil // as the fetch of it will say
	}
	return e.mayAsk(ctx, u)
}

// withoutRobots says what follows when a robots.txt cannot be had.
func withoutRobots(err error) error {
	unknown := &unknownRobots{err}
	errors.As(err, &unknown)
	var fe *fetch.Error
	if errors.As(unknown.err, &fe) {
		unknown = &unknownRobots{errors.New(strings.TrimPrefix(fe.Error(), "fetch "+fe.URL+": "))}
	}
	return fmt.Errorf("%w; without it nothing is asked of a host", unknown)
}

func statusOf(err error) int {
	var fe *fetch.Error
	if errors.As(err, &fe) {
		return fe.Status
	}
	return 0
}

// polite returns a context for requests with which robots.txt counts for
// redirects too.
func (e *Engine) polite(ctx context.Context) context.Context {
	if e.robots == nil {
		return ctx
	}
	return fetch.WithFollow(ctx, func(u *url.URL) error { return e.mayAsk(ctx, u) })
}
