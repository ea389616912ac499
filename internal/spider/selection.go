package spider

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl/internal/extract"
)

// selection is what page.css and page.xpath return: a list of nodes, each a
// selection of its own.
type selection struct {
	extract.Selection
	r    *run
	from *tally // of the selector that gave it; nil if nobody counts
}

var (
	_ starlark.Sequence  = (*selection)(nil)
	_ starlark.Sliceable = (*selection)(nil)
	_ starlark.HasAttrs  = (*selection)(nil)
)

func (s *selection) String() string {
	if s.Len() == 0 {
		return "<selection of nothing>"
	}
	if s.Len() == 1 {
		return "<selection of " + s.Name() + ">"
	}
	return fmt.Sprintf("<selection of %d, first %s>", s.Len(), s.Name())
}

func (s *selection) Type() string          { return "selection" }
func (s *selection) Freeze()               {}
func (s *selection) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: selection") }

// Truth tells whether something was found. Whoever asks is prepared for
// nothing, so that needs no warning.
func (s *selection) Truth() starlark.Bool {
	if s.from != nil {
		s.from.asked = true
	}
	return starlark.Bool(!s.Empty())
}

func (s *selection) Index(i int) starlark.Value { return &selection{s.At(i), s.r, nil} }

func (s *selection) Slice(start, end, step int) starlark.Value {
	return &selection{s.Selection.Slice(start, end, step), s.r, nil}
}

func (s *selection) Iterate() starlark.Iterator { return &selectionIterator{s: s} }

type selectionIterator struct {
	s *selection
	i int
}

func (it *selectionIterator) Next(p *starlark.Value) bool {
	if it.i >= it.s.Len() {
		return false
	}
	*p = it.s.Index(it.i)
	it.i++
	return true
}

func (it *selectionIterator) Done() {}

func (s *selection) Attr(name string) (starlark.Value, error) {
	switch name {
	case "text":
		return starlark.String(s.Text()), nil
	case "texts":
		texts := s.Texts()
		list := make([]starlark.Value, len(texts))
		for i, t := range texts {
			list[i] = starlark.String(t)
		}
		return starlark.NewList(list), nil
	case "href":
		return starlark.String(s.Href()), nil
	case "src":
		return starlark.String(s.Src()), nil
	case "html":
		return starlark.String(s.HTML()), nil
	case "name":
		return starlark.String(s.Name()), nil
	}
	if m, ok := selectionMethods[name]; ok {
		return m.BindReceiver(s), nil
	}
	return nil, noAttr("selection", name)
}

func (s *selection) AttrNames() []string {
	return []string{"attr", "css", "href", "html", "name", "src", "text", "texts", "xpath"}
}

var selectionMethods = map[string]*starlark.Builtin{
	"attr":  starlark.NewBuiltin("attr", selectionAttr),
	"css":   starlark.NewBuiltin("css", selectionCSS),
	"xpath": starlark.NewBuiltin("xpath", selectionXPath),
}

func selectionAttr(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var def starlark.Value = starlark.String("")
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "default?", &def); err != nil {
		return nil, err
	}
	if v, ok := b.Receiver().(*selection).Selection.Attr(name); ok {
		return starlark.String(v), nil
	}
	return def, nil
}

func selectionCSS(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var query string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "selector", &query); err != nil {
		return nil, err
	}
	s := b.Receiver().(*selection)
	found, err := s.CSS(query)
	if err != nil {
		return nil, s.r.fail(err) // a bad selector fails on every page
	}
	return s.found(thread, "css", query, found), nil
}

func selectionXPath(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var query string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "expression", &query); err != nil {
		return nil, err
	}
	s := b.Receiver().(*selection)
	found, err := s.XPath(s.r.ctx, query)
	if err != nil {
		return nil, s.r.fail(err)
	}
	switch v := found.(type) {
	case extract.Selection:
		return s.found(thread, "xpath", query, v), nil
	case string:
		return starlark.String(v), nil
	case float64:
		return starlark.Float(v), nil
	case bool:
		return starlark.Bool(v), nil
	}
	return nil, fmt.Errorf("xpath: unexpected result %T", found)
}

// found makes a value of what a selector found in s, and counts it.
func (s *selection) found(thread *starlark.Thread, kind, query string, found extract.Selection) *selection {
	var t *tally
	if !s.Empty() { // in nothing there is nothing to find
		t = s.r.watch.selected(s.r.here(thread), kind, query, s.Selection, !found.Empty())
	}
	return &selection{found, s.r, t}
}
