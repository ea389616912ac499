package crawl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/trawl-go/trawl"
)

// encodeItem writes an item as one JSON object on one line, its fields in
// their order. path returns the name of a file, "" if there is none.
func encodeItem(it trawl.Item, path func(trawl.FileRef) string) ([]byte, error) {
	b := make([]byte, 0, 256)
	b = append(b, '{')
	for i, f := range it.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, f.Name)
		b = append(b, ':')
		var err error
		if b, err = appendValue(b, f.Value, path); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return append(b, '}'), nil
}

// appendValue appends a value as encoding/json writes it, without its detours
// for those that most values are.
func appendValue(b []byte, v any, path func(trawl.FileRef) string) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case string:
		return appendString(b, v), nil
	case float64:
		if abs := math.Abs(v); v == 0 || 1e-6 <= abs && abs < 1e21 { // which needs no exponent
			return strconv.AppendFloat(b, v, 'f', -1, 64), nil
		}
	}
	v, err := plain(v, path)
	if err != nil {
		return nil, err
	}
	return appendJSON(b, v)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == 0xe2 || c == 0x7f {
			return appendOddString(b, s) // 0xe2 begins two line breaks of JavaScript's
		}
	}
	if !utf8.ValidString(s) {
		return appendOddString(b, s)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendOddString(b []byte, s string) []byte {
	b, err := appendJSON(b, s)
	if err != nil {
		panic(err) // Unreachable: every string can be written.
	}
	return b
}

func appendJSON(b []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	b = buf.Bytes()
	return b[:len(b)-1], nil // without the line break
}

// refersTo marks the files that a value refers to.
func refersTo(v any, files map[trawl.FileRef]bool) {
	switch v := v.(type) {
	case trawl.FileRef:
		files[v] = true
	case []any:
		for _, e := range v {
			refersTo(e, files)
		}
	case map[string]any:
		for _, e := range v {
			refersTo(e, files)
		}
	}
}

// plain returns a value with the names of files in the place of their
// references; one that has no name is null.
func plain(v any, path func(trawl.FileRef) string) (any, error) {
	switch v := v.(type) {
	case trawl.FileRef:
		if p := path(v); p != "" {
			return p, nil
		}
		return nil, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is not a number that JSON can hold", v)
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = plain(v[i], path); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			var err error
			if out[k], err = plain(v[k], path); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}
