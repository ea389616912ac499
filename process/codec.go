package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
)

// Values cross by position: both ends are the same program, so the type says
// what comes next and only lengths and contents are written. Compared with
// encoding/gob this needs no state that a failed value could upset, and no
// description of the type before the first value.

// An encoder appends values to buf. After the first error it does nothing.
type encoder struct {
	buf   []byte
	err   error
	depth int

	// Files go to a process that is being started, and only there.
	withFiles bool
	files     []*os.File
	given     []func() // to be called once the process has them
}

// A decoder takes values from the front of buf. After the first error it
// gives zero values.
type decoder struct {
	buf   []byte
	err   error
	depth int
	files []uintptr // 0 where taken
}

// maxDepth is how deep a value may be nested. Deeper ones are taken for
// cyclic.
const maxDepth = 1000

var (
	errShort = errors.New("message is cut short")
	errDeep  = errors.New("cyclic, or nested more than 1000 deep")
)

func (e *encoder) fail(t reflect.Type, err error) {
	if e.err != nil {
		return
	}
	var is *EncodeError
	if errors.As(err, &is) {
		e.err = is
		return
	}
	e.err = &EncodeError{Type: t.String(), Err: err}
}

func (d *decoder) fail(t reflect.Type, err error) {
	if d.err == nil {
		d.err = &EncodeError{Type: t.String(), Err: err}
	}
}

func (e *encoder) uint(u uint64) { e.buf = binary.AppendUvarint(e.buf, u) }
func (e *encoder) int(i int64)   { e.buf = binary.AppendVarint(e.buf, i) }
func (e *encoder) byte(b byte)   { e.buf = append(e.buf, b) }
func (e *encoder) bytes(b []byte) {
	e.uint(uint64(len(b)))
	e.buf = append(e.buf, b...)
}
func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// short makes the decoder give only zero values from now on.
func (d *decoder) short() {
	if d.err == nil {
		d.err = &EncodeError{Type: "message", Err: errShort}
	}
	d.buf = nil
}

func (d *decoder) uint() uint64 {
	u, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.short()
		return 0
	}
	d.buf = d.buf[n:]
	return u
}

func (d *decoder) int() int64 {
	i, n := binary.Varint(d.buf)
	if n <= 0 {
		d.short()
		return 0
	}
	d.buf = d.buf[n:]
	return i
}

func (d *decoder) byte() byte {
	if len(d.buf) == 0 {
		d.short()
		return 0
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b
}

// bytes gives a part of the message itself.
func (d *decoder) bytes() []byte { return d.take(d.uint()) }

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.buf)) {
		d.short()
		return nil
	}
	b := d.buf[:n:n]
	d.buf = d.buf[n:]
	return b
}

func (d *decoder) string() string { return string(d.bytes()) }

func (e *encoder) float(f float64) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(f))
}

func (d *decoder) float() float64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// error writes err so that it comes out as a *RemoteError, or nil.
func (e *encoder) error(err error) {
	if err == nil {
		e.byte(0)
		return
	}
	r := remote(err)
	e.byte(1)
	e.string(r.Message)
	e.string(r.Type)
	if r.Panic {
		e.byte(1)
	} else {
		e.byte(0)
	}
	e.bytes(r.Stack)
	e.uint(uint64(len(r.chain)))
	for _, l := range r.chain {
		e.string(l.Type)
		e.string(l.Message)
	}
}

func (d *decoder) error() error {
	if d.byte() == 0 {
		return nil
	}
	r := &RemoteError{Message: d.string(), Type: d.string(), Panic: d.byte() == 1}
	if b := d.bytes(); len(b) > 0 {
		r.Stack = append([]byte(nil), b...)
	}
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		r.chain = append(r.chain, remoteLink{d.string(), d.string()})
	}
	return r
}

// A codec writes and reads the values of one type.
type codec[T any] struct{ c *coder }

func newCodec[T any]() codec[T] {
	return codec[T]{compile(reflect.TypeFor[T](), make(map[reflect.Type]*coder))}
}

// put appends v. If it fails the encoder is as before, but for its error.
func (c codec[T]) put(e *encoder, v *T) {
	switch p := any(v).(type) {
	case *[]byte:
		if *p == nil {
			e.byte(0)
			return
		}
		e.uint(uint64(len(*p)) + 1)
		e.buf = append(e.buf, *p...)
		return
	case *string:
		e.string(*p)
		return
	case *int:
		e.int(int64(*p))
		return
	}
	start := len(e.buf)
	defer func() {
		// Foreign code, a MarshalBinary, may panic.
		if p := recover(); p != nil {
			e.fail(c.c.t, fmt.Errorf("panic: %v", p))
		}
		if e.err != nil {
			e.buf = e.buf[:start]
		}
	}()
	c.c.enc(e, reflect.ValueOf(v).Elem())
}

// get reads into v.
func (c codec[T]) get(d *decoder, v *T) {
	switch p := any(v).(type) {
	case *[]byte:
		if n := d.uint(); n > 0 {
			*p = append(make([]byte, 0, min(n-1, uint64(len(d.buf)))), d.take(n-1)...)
		}
		return
	case *string:
		*p = d.string()
		return
	case *int:
		*p = int(d.int())
		return
	}
	defer func() {
		if p := recover(); p != nil {
			d.fail(c.c.t, fmt.Errorf("panic: %v", p))
		}
	}()
	c.c.dec(d, reflect.ValueOf(v).Elem())
}

// encode is put into a new message.
func (c codec[T]) encode(v *T) ([]byte, error) {
	var e encoder
	c.put(&e, v)
	return e.buf, e.err
}

// decode is get of a message that holds nothing else.
func (c codec[T]) decode(b []byte, v *T) error {
	d := decoder{buf: b}
	c.get(&d, v)
	if d.err == nil && len(d.buf) > 0 {
		d.fail(c.c.t, errors.New("message is too long"))
	}
	return d.err
}
