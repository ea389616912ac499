package spider

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl"
)

var errNoArgs = errors.New("this spider takes no arguments")

// argsBuiltin stands between args and what the spider assigns to it: it takes
// the defaults and returns the values in force.
func (s *Spider) argsBuiltin(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	defaults, ok := args[0].(*starlark.Dict)
	if !ok {
		return nil, fmt.Errorf("args is a %s; write a dict of names and their defaults", args[0].Type())
	}
	values := starlark.NewDict(defaults.Len())
	for _, kv := range defaults.Items() {
		name, ok := starlark.AsString(kv[0])
		if !ok {
			return nil, fmt.Errorf("args: the name %s is not a string", kv[0])
		}
		value, err := argValue(kv[1], "", false)
		if text, given := s.opts.Args[name]; given && err == nil {
			value, err = argValue(kv[1], text, true)
		}
		if err != nil {
			return nil, fmt.Errorf("-a %s: %w", name, err)
		}
		if err := values.SetKey(kv[0], value); err != nil {
			return nil, err
		}
	}
	return newRecord("args", values), nil
}

// argValue returns the text of an argument in the type of its default, or the
// default itself if none was given.
func argValue(def starlark.Value, text string, given bool) (starlark.Value, error) {
	wrong := func(want string) (starlark.Value, error) {
		return nil, fmt.Errorf("%q is not %s", text, want)
	}
	switch def := def.(type) {
	case starlark.NoneType, starlark.String:
		if given {
			return starlark.String(text), nil
		}
	case starlark.Bool:
		if given {
			switch strings.ToLower(text) {
			case "true", "yes", "on", "1":
				return starlark.True, nil
			case "false", "no", "off", "0":
				return starlark.False, nil
			}
			return wrong("true or false")
		}
	case starlark.Int:
		if given {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return wrong("a whole number")
			}
			return starlark.MakeInt64(n), nil
		}
	case starlark.Float:
		if given {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return wrong("a number")
			}
			return starlark.Float(f), nil
		}
	case *starlark.List:
		for v := range starlark.Elements(def) {
			if _, ok := v.(starlark.String); !ok {
				return nil, fmt.Errorf("a list of defaults may hold strings only, not a %s", v.Type())
			}
		}
		if given {
			var list []starlark.Value
			for part := range strings.SplitSeq(text, ",") {
				if part = strings.TrimSpace(part); part != "" {
					list = append(list, starlark.String(part))
				}
			}
			return starlark.NewList(list), nil
		}
	default:
		return nil, fmt.Errorf("the default is a %s; use a string, a number, True, False, None or a list of strings", def.Type())
	}
	return def, nil
}

// readArgs returns what Settings says of the arguments, and an error for
// those that were given and do not exist.
func (s *Spider) readArgs() ([]trawl.Arg, error) {
	known, _ := s.globals["args"].(*record)
	var list []trawl.Arg
	if known != nil {
		for _, kv := range known.Items() {
			name, _ := starlark.AsString(kv[0])
			list = append(list, trawl.Arg{Name: name, Default: argText(kv[1])})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.opts.Args)) {
		if known != nil {
			if _, ok, _ := known.Get(starlark.String(name)); ok {
				continue
			}
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("-a %s: %w", name, errNoArgs)
		}
		var names []string
		for _, a := range list {
			names = append(names, a.Name)
		}
		return nil, fmt.Errorf("-a %s: there is no such argument; there is %s", name, strings.Join(names, ", "))
	}
	return list, nil
}

// argText writes a value as it would be given with -a.
func argText(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.NoneType:
		return ""
	case starlark.String:
		return string(v)
	case starlark.Bool:
		return strconv.FormatBool(bool(v))
	case *starlark.List:
		var parts []string
		for e := range starlark.Elements(v) {
			s, _ := starlark.AsString(e)
			parts = append(parts, s)
		}
		return strings.Join(parts, ",")
	}
	return v.String()
}
