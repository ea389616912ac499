package isolate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/spider"
)

// A reply is a trawl.Result on its way from a worker.
type reply struct {
	Pages, Files []trawl.Request
	FilesBefore  int
	Items        []item
	Failed       []trawl.ItemError
	Warnings     []string
	Seen         []spider.Sighting
	Errs         []spider.Error // of the page; then there is nothing else
}

// An item is a trawl.Item with its fields encoded, as they may hold anything.
type item struct {
	Output string
	Fields []byte
}

// put takes what is in a result.
func (r *reply) put(res *trawl.Result) error {
	r.Pages, r.Files, r.FilesBefore, r.Failed = res.Pages, res.Files, res.FilesBefore, res.Failed
	r.Items = make([]item, len(res.Items))
	for i, it := range res.Items {
		b := binary.AppendUvarint(nil, uint64(len(it.Fields)))
		for _, f := range it.Fields {
			b = appendString(b, f.Name)
			var err error
			if b, err = appendValue(b, f.Value); err != nil {
				return fmt.Errorf("item: %s: %w", f.Name, err)
			}
		}
		r.Items[i] = item{it.Output, b}
	}
	return nil
}

// result is the inverse of put.
func (r *reply) result() (*trawl.Result, error) {
	res := &trawl.Result{Pages: r.Pages, Files: r.Files, FilesBefore: r.FilesBefore, Failed: r.Failed}
	if len(r.Items) > 0 {
		res.Items = make([]trawl.Item, len(r.Items))
	}
	for i, it := range r.Items {
		d := reader{buf: it.Fields}
		fields := make([]trawl.Field, d.count())
		for j := range fields {
			fields[j].Name = d.string()
			fields[j].Value = d.value(0)
		}
		if d.err != nil {
			return nil, d.err
		}
		res.Items[i] = trawl.Item{Output: it.Output, Fields: fields}
	}
	return res, nil
}

// The kinds of values, as trawl.Field lists them.
const (
	isNil = iota
	isFalse
	isTrue
	isInt
	isFloat
	isString
	isList
	isMap
	isFile
)

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case nil:
		b = append(b, isNil)
	case bool:
		if v {
			b = append(b, isTrue)
		} else {
			b = append(b, isFalse)
		}
	case int64:
		b = binary.AppendVarint(append(b, isInt), v)
	case float64:
		b = binary.LittleEndian.AppendUint64(append(b, isFloat), math.Float64bits(v))
	case string:
		b = appendString(append(b, isString), v)
	case []any:
		b = binary.AppendUvarint(append(b, isList), uint64(len(v)))
		for _, e := range v {
			if b, err = appendValue(b, e); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		b = binary.AppendUvarint(append(b, isMap), uint64(len(v)))
		for k, e := range v {
			if b, err = appendValue(appendString(b, k), e); err != nil {
				return nil, err
			}
		}
	case trawl.FileRef:
		b = binary.AppendVarint(append(b, isFile), int64(v))
	default:
		return nil, fmt.Errorf("a %T cannot be a value", v)
	}
	return b, nil
}

var errMalformed = errors.New("malformed value")

// maxDepth is more than spiders may nest.
const maxDepth = 100

// A reader reads what appendValue wrote. Whatever comes, it uses no more
// memory than in proportion to it.
type reader struct {
	buf []byte
	err error // the first one; then everything else is zero
}

func (d *reader) fail() {
	d.err = errMalformed
	d.buf = nil
}

func (d *reader) uvarint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *reader) varint() int64 {
	v, n := binary.Varint(d.buf)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

// count reads the number of things that follow, each of a byte or more.
func (d *reader) count() int {
	n := d.uvarint()
	if n > uint64(len(d.buf)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *reader) take(n int) []byte {
	if n > len(d.buf) {
		d.fail()
		return nil
	}
	b := d.buf[:n]
	d.buf = d.buf[n:]
	return b
}

func (d *reader) string() string { return string(d.take(d.count())) }

func (d *reader) value(depth int) any {
	kind := d.take(1)
	if kind == nil || depth > maxDepth {
		d.fail()
		return nil
	}
	switch kind[0] {
	case isNil:
		return nil
	case isFalse, isTrue:
		return kind[0] == isTrue
	case isInt:
		return d.varint()
	case isFloat:
		if b := d.take(8); b != nil {
			return math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
	case isString:
		return d.string()
	case isList:
		list := make([]any, d.count())
		for i := range list {
			list[i] = d.value(depth + 1)
		}
		return list
	case isMap:
		n := d.count()
		m := make(map[string]any, n)
		for range n {
			k := d.string()
			m[k] = d.value(depth + 1)
		}
		return m
	case isFile:
		return trawl.FileRef(d.varint())
	default:
		d.fail()
	}
	return nil
}
