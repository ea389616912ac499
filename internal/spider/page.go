package spider

import (
	"fmt"
	"strings"

	starjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl"
)

// page is what a parse function receives.
type page struct{ r *run }

var _ starlark.HasAttrs = (*page)(nil)

func (p *page) String() string        { return "<page " + p.r.page.URL + ">" }
func (p *page) Type() string          { return "page" }
func (p *page) Freeze()               {}
func (p *page) Truth() starlark.Bool  { return true }
func (p *page) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: page") }

func (p *page) Attr(name string) (starlark.Value, error) {
	switch name {
	case "url":
		return starlark.String(p.r.page.URL), nil
	case "status":
		return starlark.MakeInt(p.r.page.Status), nil
	case "text":
		return starlark.String(p.r.doc.Text()), nil
	case "meta":
		return p.r.meta, nil
	case "css", "xpath":
		root, err := p.r.doc.Root()
		if err != nil {
			return nil, p.r.fail(err)
		}
		return (&selection{root, p.r, nil}).Attr(name)
	}
	if m, ok := pageMethods[name]; ok {
		return m.BindReceiver(p), nil
	}
	return nil, noAttr("page", name)
}

func (p *page) AttrNames() []string {
	return []string{"css", "follow", "header", "item", "json", "meta", "save", "status", "text", "url", "xpath"}
}

var pageMethods = map[string]*starlark.Builtin{
	"follow": starlark.NewBuiltin("page.follow", pageFollow),
	"header": starlark.NewBuiltin("page.header", pageHeader),
	"item":   starlark.NewBuiltin("page.item", pageItem),
	"json":   starlark.NewBuiltin("page.json", pageJSON),
	"save":   starlark.NewBuiltin("page.save", pageSave),
}

func pageHeader(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	r := b.Receiver().(*page).r
	return starlark.String(strings.ToValidUTF8(r.page.Header.Get(name), "\ufffd")), nil
}

func pageJSON(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	r := b.Receiver().(*page).r
	text := r.doc.Text()
	v, err := starlark.Call(thread, starjson.Module.Members["decode"], starlark.Tuple{starlark.String(text)}, nil)
	if err != nil {
		return nil, fmt.Errorf("page.json: the page is not JSON; it starts with %q", cutText(text, 40, "…"))
	}
	return v, nil
}

func pageFollow(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		link, meta starlark.Value
		fn         starlark.Value = starlark.None
		referer    starlark.Value = starlark.None
	)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "url", &link, "parse?", &fn, "meta?", &meta, "referer?", &referer); err != nil {
		return nil, err
	}
	r := b.Receiver().(*page).r
	abs, err := r.address(thread, b, "url", link)
	if err != nil || abs == "" {
		return starlark.None, err
	}
	req := trawl.Request{
		URL:    abs,
		Kind:   trawl.KindPage,
		Spider: r.s.settings.Name,
		Depth:  r.page.Request.Depth + 1,
	}
	if req.Parse, err = r.s.fnName(fn); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if req.Meta, err = encodeMeta(thread, meta); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if req.Referer, err = r.refererOf(referer); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if err := r.spend(len(r.res.Pages), r.s.opts.Limits.Pages, "pages to follow", len(req.URL)+len(req.Meta)); err != nil {
		return nil, err
	}
	r.res.Pages = append(r.res.Pages, req)
	return starlark.None, nil
}

// fnName returns the name under which a request remembers its parse function.
func (s *Spider) fnName(v starlark.Value) (string, error) {
	if v == starlark.None {
		return "", nil
	}
	fn, ok := v.(*starlark.Function)
	if !ok {
		return "", fmt.Errorf("parse is a %s; give the function itself, without brackets", v.Type())
	}
	name, ok := s.fnNames[fn]
	if !ok {
		return "", fmt.Errorf("%s is not a function at the top level of the spider, so the job could not find it again after a restart", fn.Name())
	}
	if name == "parse" {
		return "", nil
	}
	return name, nil
}

// address returns a link of the page as an absolute http or https address.
// It returns "" for a link that is empty or leads elsewhere, such as mailto:,
// and remembers a warning.
func (r *run) address(thread *starlark.Thread, b *starlark.Builtin, param string, v starlark.Value) (string, error) {
	var link string
	switch v := v.(type) {
	case starlark.String:
		link = string(v)
	case starlark.NoneType:
	case *selection:
		return "", fmt.Errorf("%s: %s is a selection; write .href or .src", b.Name(), param)
	default:
		return "", fmt.Errorf("%s: %s is a %s; want a string", b.Name(), param, v.Type())
	}
	abs := r.doc.Abs(link)
	if abs == "" {
		r.watch.addressed(r.here(thread), b.Name(), false)
		return "", nil
	}
	u, err := trawl.ParseURL(abs)
	if err != nil {
		// Pages are full of links to mail addresses and scripts.
		if b.Name() != "page.follow" {
			r.watch.lost(r.here(thread), b.Name()+" got an address that is not http or https")
		}
		return "", nil
	}
	r.watch.addressed(r.here(thread), b.Name(), true)
	return u.String(), nil
}

// refererOf returns the Referer for a request: the page's own address unless
// the spider gives one.
func (r *run) refererOf(v starlark.Value) (string, error) {
	if v == starlark.None {
		return r.referer, nil
	}
	s, ok := starlark.AsString(v)
	if !ok {
		return "", fmt.Errorf("referer is a %s; want a string", v.Type())
	}
	return r.doc.Abs(s), nil
}
