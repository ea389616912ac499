package spider

import (
	"fmt"
	"net/url"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/trawl-go/trawl/internal/extract"
)

// urlModule returns the module url.
func urlModule() *starlarkstruct.Module {
	m := &starlarkstruct.Module{Name: "url", Members: starlark.StringDict{}}
	text := func(name string, fn func(string) string) {
		m.Members[name] = starlark.NewBuiltin("url."+name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var s string
			if err := starlark.UnpackArgs(b.Name(), args, kwargs, "s", &s); err != nil {
				return nil, err
			}
			return starlark.String(fn(s)), nil
		})
	}
	text("name", func(s string) string { stem, ext := extract.SplitName(s); return stem + ext })
	text("stem", func(s string) string { stem, _ := extract.SplitName(s); return stem })
	text("ext", func(s string) string { _, ext := extract.SplitName(s); return ext })
	text("quote", quote)
	text("unquote", unquote)
	m.Members["join"] = starlark.NewBuiltin("url.join", urlJoin)
	m.Members["parse"] = starlark.NewBuiltin("url.parse", urlParse)
	return m
}

func urlJoin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var base, ref string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "base", &base, "link", &ref); err != nil {
		return nil, err
	}
	return starlark.String(extract.Join(base, ref)), nil
}

// urlParse is url.parse(u): a record of scheme, host, path, query and
// fragment. The query is a dict of the first value of each name.
func urlParse(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var s string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "url", &s); err != nil {
		return nil, err
	}
	u, err := url.Parse(extract.Join("", s))
	if err != nil {
		return nil, fmt.Errorf("url.parse: %q is not an address", cutText(s, 100, "…"))
	}
	query := new(starlark.Dict)
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		k, v, _ := strings.Cut(pair, "=")
		key := starlark.String(unquote(strings.ReplaceAll(k, "+", " ")))
		if _, dup, _ := query.Get(key); k != "" && !dup {
			// A fresh dict with string keys takes every entry.
			_ = query.SetKey(key, starlark.String(unquote(strings.ReplaceAll(v, "+", " "))))
		}
	}
	parts := new(starlark.Dict)
	for _, kv := range []struct {
		k string
		v starlark.Value
	}{
		{"scheme", starlark.String(u.Scheme)},
		{"host", starlark.String(u.Host)},
		{"path", starlark.String(u.Path)},
		{"query", newRecord("query", query)},
		{"fragment", starlark.String(u.Fragment)},
	} {
		_ = parts.SetKey(starlark.String(kv.k), kv.v)
	}
	return newRecord("url", parts), nil
}

// quote escapes everything but letters, digits and "-._~", like Python's
// quote with safe="".
func quote(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// unquote undoes quote. What is not an escape stays; the result is text.
func unquote(s string) string {
	if t, err := url.PathUnescape(s); err == nil {
		s = t
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
