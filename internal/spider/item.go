package spider

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl"
)

// pageItem is page.item. Its argument is the function that rewrite makes of
// the fields; called in another way, through a variable, it gets the fields
// themselves.
func pageItem(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	r := b.Receiver().(*page).r
	mark := len(r.files)
	err := r.item(thread, args, kwargs)
	if err == nil {
		return starlark.None, nil
	}
	if r.mustEnd() || errors.Is(err, errItemArgs) {
		return nil, err
	}
	// The files that the item asked for go with it.
	r.dropFiles(mark)
	e := r.s.wrap(err, nil).(*Error)
	if e.Place == r.s.file {
		e.Place = r.here(thread).place(r.s)
	}
	failed := trawl.ItemError{Place: e.Place, Err: e.Msg, Trace: e.Trace}
	if e.Hint != "" {
		failed.Err += "; " + e.Hint
	}
	if err := r.spend(len(r.res.Failed), r.s.opts.Limits.Items, "failed items", len(failed.Err)+len(failed.Trace)); err != nil {
		return nil, err
	}
	r.res.Failed = append(r.res.Failed, failed)
	return starlark.None, nil
}

// item builds one item. An error leaves no trace but in r.files.
func (r *run) item(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if len(args) == 1 {
		if fn, ok := args[0].(*starlark.Function); ok {
			v, err := starlark.Call(thread, fn, nil, nil)
			if err != nil {
				return err
			}
			f, ok := v.(fields)
			if !ok {
				return errItemArgs
			}
			args, kwargs = nil, f.kwargs
		}
	}
	if len(args) > 0 {
		return errItemArgs
	}
	var item trawl.Item
	c := converter{r: r}
	for _, kv := range kwargs {
		name, _ := starlark.AsString(kv[0])
		if name == "to" {
			to, ok := starlark.AsString(kv[1])
			if !ok {
				return fmt.Errorf("page.item: to is a %s; want the name of an output", kv[1].Type())
			}
			if err := checkName(to); err != nil {
				return fmt.Errorf("page.item: to: %w", err)
			}
			item.Output = to
			continue
		}
		v, err := c.value(kv[1], 0)
		if err != nil {
			return fmt.Errorf("page.item: %s: %w", name, err)
		}
		c.bytes += len(name)
		item.Fields = append(item.Fields, trawl.Field{Name: strings.ToValidUTF8(name, "\ufffd"), Value: v})
	}
	if len(item.Fields) == 0 {
		return errors.New("page.item: an item without fields")
	}
	for _, f := range c.files {
		if err := f.fill(kwargs); err != nil {
			return err
		}
	}
	if err := r.spend(len(r.res.Items), r.s.opts.Limits.Items, "items", c.bytes); err != nil {
		return err
	}
	r.res.Items = append(r.res.Items, item)
	return nil
}

// maxNesting is how deep lists and dicts may lie in each other.
const maxNesting = 32

// A converter makes Go values of an item's values.
type converter struct {
	r     *run
	files []*file // met on the way
	bytes int
}

func (c *converter) value(v starlark.Value, depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("lists and dicts nested more than %d deep", maxNesting)
	}
	c.bytes += 8
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.Int:
		n, ok := v.Int64()
		if !ok {
			return nil, fmt.Errorf("%s does not fit in 64 bits; write str(…) to keep it as text", v)
		}
		return n, nil
	case starlark.Float:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%v cannot be written as JSON", v)
		}
		return float64(v), nil
	case starlark.String:
		c.bytes += len(v)
		// A slice may have cut a character in two.
		return strings.ToValidUTF8(string(v), "\ufffd"), nil
	case *file:
		if v.dropped {
			return nil, errors.New("the file belongs to an item that failed")
		}
		if v.index < 0 {
			return nil, nil
		}
		c.files = append(c.files, v)
		return trawl.FileRef(v.index), nil
	case startime.Time:
		return time.Time(v).Format(time.RFC3339Nano), nil
	case starlark.IterableMapping:
		return c.dict(v, depth)
	case *selection:
		return nil, errors.New("this is a selection; write .text, .href or .attr(…)")
	case *match:
		return nil, errors.New("this is a match; write .group(1)")
	case *starlark.List, starlark.Tuple, *starlark.Set:
		return c.list(v.(starlark.Iterable), depth)
	}
	if it, ok := v.(starlark.Sequence); ok {
		return c.list(it, depth)
	}
	return nil, fmt.Errorf("a %s cannot be a value", v.Type())
}

func (c *converter) list(it starlark.Iterable, depth int) (any, error) {
	list := []any{}
	for e := range starlark.Elements(it) {
		v, err := c.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (c *converter) dict(d starlark.IterableMapping, depth int) (any, error) {
	m := make(map[string]any)
	for k, e := range starlark.Entries(d) {
		name, ok := starlark.AsString(k)
		if !ok {
			return nil, fmt.Errorf("the key %s is not a string", k)
		}
		v, err := c.value(e, depth+1)
		if err != nil {
			return nil, err
		}
		c.bytes += len(name)
		m[strings.ToValidUTF8(name, "\ufffd")] = v
	}
	return m, nil
}

// plain tells whether a value can be written as JSON and read back the same.
func plain(v starlark.Value, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("lists and dicts nested more than %d deep", maxNesting)
	}
	switch v := v.(type) {
	case starlark.NoneType, starlark.Bool, starlark.Int, starlark.Float, starlark.String:
		return nil
	case starlark.IterableMapping:
		for k, e := range starlark.Entries(v) {
			if _, ok := starlark.AsString(k); !ok {
				return fmt.Errorf("the key %s is not a string", k)
			}
			if err := plain(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	case *starlark.List:
		for e := range starlark.Elements(v) {
			if err := plain(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	case starlark.Tuple:
		for _, e := range v {
			if err := plain(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	case *selection:
		return errors.New("it holds a selection; write .text, .href or .attr(…)")
	}
	return fmt.Errorf("a %s cannot be kept until the next page", v.Type())
}
