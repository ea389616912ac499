package crawl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/trawl-go/trawl"
)

// encodeItem writes an item as one JSON object on one line, its fields in
// their order. path returns the name of a file, "" if there is none.
func encodeItem(it trawl.Item, path func(trawl.FileRef) string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	value := func(v any) error {
		if err := enc.Encode(v); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the line break
		return nil
	}
	b.WriteByte('{')
	for i, f := range it.Fields {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := value(f.Name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		v, err := plain(f.Value, path)
		if err == nil {
			err = value(v)
		}
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
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
