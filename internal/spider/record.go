package spider

import (
	"fmt"
	"sort"
	"strings"

	"go.starlark.net/starlark"
)

// A record is a frozen dict whose values are attributes too: meta.title and
// meta["title"]. The methods get, keys, values and items come first; a value
// of such a name is found with [].
type record struct {
	kind string // what messages call it
	dict *starlark.Dict
}

var (
	_ starlark.IterableMapping = (*record)(nil)
	_ starlark.Sequence        = (*record)(nil)
	_ starlark.HasAttrs        = (*record)(nil)
)

func newRecord(kind string, dict *starlark.Dict) *record {
	dict.Freeze()
	return &record{kind, dict}
}

func (r *record) String() string             { return r.dict.String() }
func (r *record) Type() string               { return r.kind }
func (r *record) Freeze()                    {}
func (r *record) Truth() starlark.Bool       { return r.dict.Len() > 0 }
func (r *record) Hash() (uint32, error)      { return 0, fmt.Errorf("unhashable: %s", r.kind) }
func (r *record) Len() int                   { return r.dict.Len() }
func (r *record) Iterate() starlark.Iterator { return r.dict.Iterate() }
func (r *record) Items() []starlark.Tuple    { return r.dict.Items() }
func (r *record) Get(key starlark.Value) (starlark.Value, bool, error) {
	return r.dict.Get(key)
}

func (r *record) Attr(name string) (starlark.Value, error) {
	switch name {
	case "get", "keys", "values", "items":
		return r.dict.Attr(name)
	}
	v, ok, err := r.dict.Get(starlark.String(name))
	if err != nil || ok {
		return v, err
	}
	has := "it is empty"
	if names := r.names(); len(names) > 0 {
		has = "it has " + strings.Join(names, ", ")
	}
	return nil, starlark.NoSuchAttrError(fmt.Sprintf("%s has no %s; %s", r.kind, name, has))
}

func (r *record) AttrNames() []string {
	return append(r.names(), "get", "items", "keys", "values")
}

// names returns the keys that are strings, sorted.
func (r *record) names() []string {
	var names []string
	for _, k := range r.dict.Keys() {
		if s, ok := starlark.AsString(k); ok {
			names = append(names, s)
		}
	}
	sort.Strings(names)
	return names
}
