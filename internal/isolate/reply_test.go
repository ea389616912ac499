package isolate

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-go/trawl"
)

// FuzzReply reads whatever comes as the fields of an item: it ends with an
// error or with fields that can be sent and read again.
func FuzzReply(f *testing.F) {
	var r reply
	if err := r.put(&trawl.Result{Items: []trawl.Item{{Fields: []trawl.Field{
		{Name: "n"}, {Name: "b", Value: true}, {Name: "i", Value: int64(-7)}, {Name: "f", Value: math.Inf(1)}, {Name: "s", Value: "中"},
		{Name: "l", Value: []any{false, []any{}, "x"}}, {Name: "m", Value: map[string]any{"": nil}}, {Name: "r", Value: trawl.FileRef(3)},
	}}}}); err != nil {
		f.Fatal(err)
	}
	whole := r.Items[0].Fields
	for i := range whole {
		f.Add(whole[:i])
	}
	f.Add(whole)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add([]byte("\x01\x00" + strings.Repeat("\x06\x01", 1000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		res, err := (&reply{Items: []item{{Fields: b}}}).result()
		if err != nil {
			return
		}
		var again reply
		if err := again.put(res); err != nil {
			t.Fatalf("put: %v", err)
		}
		back, err := again.result()
		if diff := cmp.Diff(res, back, cmpopts.EquateNaNs()); diff != "" || err != nil {
			t.Errorf("%v (-first +second):\n%s", err, diff)
		}
	})
}

func TestMalformedReply(t *testing.T) {
	for name, b := range map[string]string{
		"nothing":       "",
		"many fields":   "\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"cut name":      "\x01\x05ab",
		"no value":      "\x01\x01a",
		"unknown kind":  "\x01\x01a\x09",
		"cut float":     "\x01\x01a\x04\x00\x00",
		"cut string":    "\x01\x01a\x05\x02x",
		"long list":     "\x01\x01a\x06\xff\xff\xff\x7f",
		"too deep":      "\x01\x01a" + strings.Repeat("\x06\x01", 200) + "\x00",
		"cut varint":    "\x01\x01a\x03\xff",
		"cut map entry": "\x01\x01a\x07\x01\x01",
	} {
		if res, err := (&reply{Items: []item{{Fields: []byte(b)}}}).result(); err == nil {
			t.Errorf("%s: %+v, want an error", name, res)
		}
	}
	var r reply
	if err := r.put(&trawl.Result{Items: []trawl.Item{{Fields: []trawl.Field{{Name: "x", Value: 1.5i}}}}}); err == nil || !strings.Contains(err.Error(), "item: x: a complex128") {
		t.Errorf("put = %v, want an error", err)
	}
}
