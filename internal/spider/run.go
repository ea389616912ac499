package spider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	starjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/extract"
)

// A run is the parsing of one page. It belongs to the goroutine of Parse.
type run struct {
	s       *Spider
	page    *trawl.Page
	doc     *extract.Doc
	meta    *record
	referer string // what goes with links of this page
	res     *trawl.Result

	ctx     context.Context // ends when the page's time is up
	stopped func() bool     // the thread is being stopped
	fatal   error           // must end the page, even inside an item

	files []*file // by index in res.Files
	bytes int     // of what is returned so far
	watch watch
	seen  []Sighting // what came of it
}

// Parse reads one page. It keeps nothing of p, but strings of the result may be
// parts of its Body.
//
// The error is ctx's if ctx ended, else an [*Error].
func (s *Spider) Parse(ctx context.Context, p *trawl.Page) (*trawl.Result, error) {
	res, seen, err := s.See(ctx, p)
	if err != nil {
		return nil, err
	}
	res.Warnings = s.judge.Warnings(seen)
	return res, nil
}

// See is Parse that leaves the warnings to a [Judge]: for a process that sees
// only some of the pages.
func (s *Spider) See(ctx context.Context, p *trawl.Page) (*trawl.Result, []Sighting, error) {
	fn, err := s.parseFn(p.Request.Parse)
	if err != nil {
		return nil, nil, err
	}
	meta, err := decodeMeta(p.Request.Meta)
	if err != nil {
		return nil, nil, &Error{Place: s.file, Msg: err.Error()}
	}
	r := &run{
		s:    s,
		page: p,
		meta: meta,
		res:  new(trawl.Result),
		doc: extract.New(p.Body, &extract.Options{
			URL:         p.URL,
			ContentType: p.Header.Get("Content-Type"),
			Encoding:    s.settings.Encoding,
			Selectors:   s.selectors,
		}),
	}
	defer r.doc.Close() // what a spider selected cannot outlive its call
	r.referer, _, _ = strings.Cut(p.URL, "#")
	what := "parsing the page"
	if name := p.Request.Parse; name != "" {
		what = name
	}
	err = s.call(ctx, what, r, func(thread *starlark.Thread) error {
		_, err := starlark.Call(thread, fn, starlark.Tuple{&page{r}}, nil)
		if err == nil {
			r.finish()
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return r.res, r.seen, nil
}

// finish settles what can be said only when the whole page was read.
func (r *run) finish() {
	r.nameLooseFiles()
	r.seen = r.watch.sightings(r.ctx, r.s)
}

// mustEnd tells whether an error met inside an item ends the page all the
// same: the thread is being stopped, the page cannot be read at all, or a
// limit is reached.
func (r *run) mustEnd() bool { return r.fatal != nil || r.stopped() }

// fail makes an error that ends the page, even inside an item.
func (r *run) fail(err error) error {
	if r.fatal == nil {
		r.fatal = err
	}
	return err
}

// spend counts what is returned against the limits.
func (r *run) spend(have, most int, what string, bytes int) error {
	if have >= most {
		return r.fail(fmt.Errorf("the page gives more than %d %s", most, what))
	}
	r.bytes += bytes
	if limit := r.s.opts.Limits.Bytes; r.bytes > limit {
		return r.fail(fmt.Errorf("what the page gives is larger than %d bytes", limit))
	}
	return nil
}

// here returns the place in the spider from where the running builtin was
// called.
func (r *run) here(thread *starlark.Thread) site {
	for depth := 1; depth < thread.CallStackDepth(); depth++ {
		if pos := thread.CallFrame(depth).Pos; pos.Line > 0 {
			return site{line: pos.Line, col: pos.Col}
		}
	}
	return site{}
}

// maxMeta bounds what may be handed to the next page, in bytes.
const maxMeta = 64 << 10

// encodeMeta makes JSON of the meta of page.follow.
func encodeMeta(thread *starlark.Thread, v starlark.Value) (json.RawMessage, error) {
	if v == nil || v == starlark.None {
		return nil, nil
	}
	if _, ok := v.(starlark.IterableMapping); !ok {
		return nil, fmt.Errorf("meta is a %s; write a dict", v.Type())
	}
	if starlark.Len(v) == 0 {
		return nil, nil
	}
	if err := plain(v, 0); err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	text, err := starlark.Call(thread, starjson.Module.Members["encode"], starlark.Tuple{v}, nil)
	if err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	s, _ := starlark.AsString(text)
	if len(s) > maxMeta {
		return nil, fmt.Errorf("meta has %d bytes; the limit is %d", len(s), maxMeta)
	}
	return json.RawMessage(s), nil
}

// decodeMeta is the inverse of encodeMeta.
func decodeMeta(meta json.RawMessage) (*record, error) {
	dict := new(starlark.Dict)
	if len(meta) > 0 {
		v, err := starlark.Call(&starlark.Thread{Name: "meta"}, starjson.Module.Members["decode"], starlark.Tuple{starlark.String(meta)}, nil)
		if err != nil {
			return nil, fmt.Errorf("meta of the request: %w", err)
		}
		var ok bool
		if dict, ok = v.(*starlark.Dict); !ok {
			return nil, errors.New("meta of the request is not a JSON object")
		}
	}
	return newRecord("meta", dict), nil
}
