package crawl

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/save"
)

// partID names what is kept of a file when the body from one of its URLs is
// cut: -1 for its own, else the number of the backup. Each has a part of its
// own, so that two URLs that are cut in turn both get on.
func partID(k trawl.Key, backup int) string {
	id := k.String()
	if backup >= 0 {
		id += "b" + strconv.Itoa(backup)
	}
	return id
}

// forgetParts drops what is left of a file that is done.
func (e *Engine) forgetParts(t *frontier.Task) {
	for i := -1; i < len(t.Request.Backup); i++ {
		e.parts.Files.Forget(partID(t.Key, i))
	}
}

// open fetches a file, or the rest of it if there is a part.
func (e *Engine) open(ctx context.Context, rawURL, referer string, headers map[string]string, part *save.Part) (*fetch.Response, error) {
	if part == nil {
		return e.parts.Fetch.Open(ctx, rawURL, referer, headers)
	}
	res, err := e.parts.Fetch.Resume(ctx, rawURL, referer, headers, &fetch.Part{
		URL: part.URL, Validator: part.Validator, Length: part.Length, Size: part.Size,
	})
	switch {
	case err != nil:
	case res.Offset > 0:
		e.log.Info("goes on", "url", rawURL, "at", res.Offset)
	default:
		e.log.Info("from the beginning", "url", rawURL, "had", part.Size, "because", res.Whole)
	}
	return res, err
}

// isGone reports whether the server has said that there is no such file.
func isGone(err error) bool {
	var fe *fetch.Error
	return errors.As(err, &fe) && (fe.Status == http.StatusNotFound || fe.Status == http.StatusGone)
}

// worthATry is how far a try must bring a file, in bytes, so as not to count
// against it. A large file over a bad line needs many, and each of them leaves
// less to fetch.
const worthATry = 4 << 20

// gotOn is an error of a try after which the next one goes on where it ended.
type gotOn struct{ error }

func (g gotOn) Unwrap() error { return g.error }
