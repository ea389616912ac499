package crawl

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
)

// TestEncodeItem compares each value with what encoding/json writes.
func TestEncodeItem(t *testing.T) {
	values := []any{
		nil, true, false, int64(0), int64(-7), int64(math.MaxInt64), int64(math.MinInt64),
		"", "plain", "中文 &amp; <b>", `a"b\c/d`, "\n\t\x00\x1f\x7f", "\u2028\u2029\u2030 €", "\xff\xe2", "\xe2\x80", "\u00a0é😀",
		0.0, math.Copysign(0, -1), 9.7, -0.1, 1e-6, 9.99e-7, 1e20, 1e21, -1e21, 123456789.125, math.MaxFloat64, math.SmallestNonzeroFloat64,
		[]any{}, []any{"a", int64(1), []any{2.5}}, map[string]any{"b": "<", "a": nil},
	}
	for _, v := range values {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		got, err := encodeItem(trawl.Item{Fields: []trawl.Field{{Name: "x", Value: v}, {Name: "\"y", Value: v}}}, nil)
		text := strings.TrimSuffix(want.String(), "\n")
		if line := `{"x":` + text + `,"\"y":` + text + `}`; err != nil || string(got) != line {
			t.Errorf("%#v is written as %s, %v, want %s", v, got, err, line)
		}
	}
	files := []any{trawl.FileRef(0), []any{trawl.FileRef(0), trawl.FileRef(1)}}
	got, err := encodeItem(trawl.Item{Fields: []trawl.Field{{Name: "f", Value: files}}}, func(f trawl.FileRef) string { return []string{"a.jpg", ""}[f] })
	if want := `{"f":["a.jpg",["a.jpg",null]]}`; err != nil || string(got) != want {
		t.Errorf("files are written as %s, %v, want %s", got, err, want)
	}
	for _, v := range []any{math.NaN(), math.Inf(1), []any{math.Inf(-1)}, make(chan int)} {
		if got, err := encodeItem(trawl.Item{Fields: []trawl.Field{{Name: "f", Value: v}}}, nil); err == nil || !strings.HasPrefix(err.Error(), "field f: ") {
			t.Errorf("%v is written as %s, %v", v, got, err)
		}
	}
}
