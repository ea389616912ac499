package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	B bool
	S []string
}

type everything struct {
	I8  int8
	I   int64
	U   uint16
	F32 float32
	F   float64
	C   complex128
	S   string
	B   []byte
	N   []inner
	Arr [3]uint8
	M   map[string]*inner
	P   *int
	PP  **string
	T   time.Time
	A   netip.Addr
	Big *big.Int
	URL *url.URL
	Any any
	Err error
	Emb
	hidden int
	Ch     chan int
	Fn     func()
	E      struct{}
	Es     []struct{}
}

type Emb struct{ X, Y int }

type tree struct {
	V     int
	Left  *tree
	Right *tree
	Kids  []tree
}

func roundTrip[T any](t *testing.T, v T) T {
	t.Helper()
	c := newCodec[T]()
	b, err := c.encode(&v)
	if err != nil {
		t.Fatalf("encode(%+v) = %v", v, err)
	}
	var out T
	if err := c.decode(b, &out); err != nil {
		t.Fatalf("decode(%+v) = %v", v, err)
	}
	// Every part of a message is too short.
	for n := range b {
		var out T
		if err := c.decode(b[:n], &out); err == nil {
			t.Fatalf("decode of %d bytes of %d: no error", n, len(b))
		}
	}
	return out
}

func same[T any](t *testing.T, v T, opts ...cmp.Option) {
	t.Helper()
	if d := cmp.Diff(v, roundTrip(t, v), opts...); d != "" {
		t.Errorf("round trip of %T (-want +got):\n%s", v, d)
	}
}

func TestCodec(t *testing.T) {
	n, s := 5, "中文"
	ps := &s
	u, _ := url.Parse("https://例子.test/?q=1")
	x := everything{
		I8: -128, I: math.MinInt64, U: math.MaxUint16, F32: 1.5, F: math.Inf(-1), C: 1 - 2i,
		S: s, B: []byte{0, 255}, N: []inner{{true, nil}, {false, []string{"", "x"}}}, Arr: [3]uint8{1, 2, 3},
		M: map[string]*inner{"a": {S: []string{}}, "": nil}, P: &n, PP: &ps,
		T: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), A: netip.MustParseAddr("::1"),
		Big: big.NewInt(-1 << 62), URL: u, Any: "any", Emb: Emb{1, 2}, Es: make([]struct{}, 3),
	}
	opts := cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b *big.Int) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 }),
		cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "hidden" }, cmp.Ignore()),
		cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Fn" }, cmp.Ignore()),
	}
	x.hidden = 3 // stays behind
	same(t, x, opts)
	same(t, everything{}, opts)
	same(t, tree{1, &tree{V: 2}, nil, []tree{{V: 3}, {V: 4, Kids: []tree{}}}})
	same(t, []byte(nil))
	same(t, []byte{})
	same(t, []byte("x"))
	same(t, "")
	same(t, math.MaxInt)
	same(t, map[int]string(nil))
	same(t, map[[2]int]string{{1, 2}: "x"})
	same(t, []any{1, "x", nil, 2.5, []byte("y")})
	same(t, struct{}{})
	same(t, [][]int{nil, {}, {1}})
	same(t, time.Duration(-1))
}

func TestCodecErrors(t *testing.T) {
	err := fmt.Errorf("open: %w", errors.Join(io.EOF, &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}))
	got := roundTrip(t, err)
	for _, is := range []error{io.EOF, fs.ErrNotExist} {
		if !errors.Is(got, is) {
			t.Errorf("%v is not %v any more", got, is)
		}
	}
	for _, not := range []error{io.ErrUnexpectedEOF, context.Canceled} {
		if errors.Is(got, not) {
			t.Errorf("%v has become %v", got, not)
		}
	}
	if got.Error() != err.Error() {
		t.Errorf("text = %q, want %q", got, err)
	}
	// It can cross again.
	if again := roundTrip(t, got); !reflect.DeepEqual(again, got) {
		t.Errorf("the second time it is %#v, want %#v", again, got)
	}
	if again := roundTrip(t, fmt.Errorf("again: %w", got)); !errors.Is(again, io.EOF) {
		t.Errorf("%v is not io.EOF any more", again)
	}
	same(t, error(nil))
}

type opaque struct{ x int }

type cyclic struct{ P *cyclic }

func TestCodecRefuses(t *testing.T) {
	loop := &cyclic{}
	loop.P = loop
	list := []any{nil}
	list[0] = list
	for name, f := range map[string]func() ([]byte, error){
		"channel": func() ([]byte, error) { c := make(chan int); return newCodec[chan int]().encode(&c) },
		"function": func() ([]byte, error) {
			f := struct{ F func() }{func() {}}
			return newCodec[struct{ F func() }]().encode(&f)
		},
		"opaque":      func() ([]byte, error) { return newCodec[opaque]().encode(&opaque{1}) },
		"cyclic":      func() ([]byte, error) { return newCodec[*cyclic]().encode(&loop) },
		"unknown any": func() ([]byte, error) { v := any(opaque{}); return newCodec[any]().encode(&v) },
		"file":        func() ([]byte, error) { f := os.Stdin; return newCodec[*os.File]().encode(&f) },
		"pool":        func() ([]byte, error) { p := NewPool(nil); return newCodec[*Pool]().encode(&p) },
		"no New":      func() ([]byte, error) { l := new(Lock); return newCodec[*Lock]().encode(&l) },
	} {
		b, err := f()
		var enc *EncodeError
		if !errors.As(err, &enc) {
			t.Errorf("%s: %v, want an EncodeError", name, err)
		}
		if len(b) > 0 {
			t.Errorf("%s: %d bytes are left", name, len(b))
		}
	}
}

// Decoding does not panic or use memory at will, whatever comes.
func FuzzDecode(f *testing.F) {
	c := newCodec[everything]()
	b, err := c.encode(&everything{S: "x", N: []inner{{}}, M: map[string]*inner{"a": {}}, Any: 1, Err: io.EOF, T: time.Unix(1, 0)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var x everything
		if c.decode(b, &x) != nil {
			return
		}
		again, err := c.encode(&x)
		if err != nil {
			t.Fatalf("encode of what was decoded: %v", err)
		}
		var y everything
		if err := c.decode(again, &y); err != nil {
			t.Fatalf("decode again: %v", err)
		}
		newCodec[tree]().decode(b, new(tree))
		newCodec[[]any]().decode(b, new([]any))
	})
}

func TestRegisterPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"late": func() { Register("late", func(context.Context, int) (int, error) { return 0, nil }) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
