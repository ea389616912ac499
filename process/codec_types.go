package process

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"errors"
	"os"
	"reflect"
)

// A coder is what a codec compiles a type to.
type coder struct {
	t   reflect.Type
	enc func(*encoder, reflect.Value)
	dec func(*decoder, reflect.Value) // into a settable zero value
	min int                           // the least number of bytes a value takes
}

// A carrier is a type of this package that knows how it crosses: a Lock, a
// Queue, a Conn.
type carrier interface {
	encodeTo(*encoder) error
	decodeFrom(*decoder) error
}

var (
	carrierType     = reflect.TypeFor[carrier]()
	errorType       = reflect.TypeFor[error]()
	fileType        = reflect.TypeFor[*os.File]()
	binaryMarshal   = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryUnmarshal = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	gobEncoder      = reflect.TypeFor[gob.GobEncoder]()
	gobDecoder      = reflect.TypeFor[gob.GobDecoder]()
	textMarshal     = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshal   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// compile makes the coder of t. seen holds those that are being made, for
// types that contain themselves.
func compile(t reflect.Type, seen map[reflect.Type]*coder) *coder {
	if c := seen[t]; c != nil {
		return c
	}
	c := &coder{t: t}
	seen[t] = c
	switch {
	case t == errorType:
		c.min = 1
		c.enc = func(e *encoder, v reflect.Value) {
			err, _ := v.Interface().(error)
			e.error(err)
		}
		c.dec = func(d *decoder, v reflect.Value) {
			if err := d.error(); err != nil {
				v.Set(reflect.ValueOf(err))
			}
		}
	case t == fileType:
		compileFile(c)
	case t.Kind() == reflect.Pointer && t.Implements(carrierType):
		compileCarrier(c)
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && compileMarshaler(c):
	default:
		compileKind(c, seen)
	}
	return c
}

func compileKind(c *coder, seen map[reflect.Type]*coder) {
	t := c.t
	c.min = 1
	switch t.Kind() {
	case reflect.Bool:
		c.enc = func(e *encoder, v reflect.Value) {
			var b byte
			if v.Bool() {
				b = 1
			}
			e.byte(b)
		}
		c.dec = func(d *decoder, v reflect.Value) { v.SetBool(d.byte() != 0) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		c.enc = func(e *encoder, v reflect.Value) { e.int(v.Int()) }
		c.dec = func(d *decoder, v reflect.Value) { v.SetInt(d.int()) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		c.enc = func(e *encoder, v reflect.Value) { e.uint(v.Uint()) }
		c.dec = func(d *decoder, v reflect.Value) { v.SetUint(d.uint()) }
	case reflect.Float32, reflect.Float64:
		c.min = 8
		c.enc = func(e *encoder, v reflect.Value) { e.float(v.Float()) }
		c.dec = func(d *decoder, v reflect.Value) { v.SetFloat(d.float()) }
	case reflect.Complex64, reflect.Complex128:
		c.min = 16
		c.enc = func(e *encoder, v reflect.Value) {
			e.float(real(v.Complex()))
			e.float(imag(v.Complex()))
		}
		c.dec = func(d *decoder, v reflect.Value) { v.SetComplex(complex(d.float(), d.float())) }
	case reflect.String:
		c.enc = func(e *encoder, v reflect.Value) { e.string(v.String()) }
		c.dec = func(d *decoder, v reflect.Value) { v.SetString(d.string()) }
	case reflect.Slice:
		compileSlice(c, compile(t.Elem(), seen))
	case reflect.Array:
		elem, n := compile(t.Elem(), seen), t.Len()
		c.min = n * elem.min
		c.enc = func(e *encoder, v reflect.Value) {
			for i := range n {
				elem.enc(e, v.Index(i))
			}
		}
		c.dec = func(d *decoder, v reflect.Value) {
			for i := 0; i < n && d.err == nil; i++ {
				elem.dec(d, v.Index(i))
			}
		}
	case reflect.Map:
		compileMap(c, compile(t.Key(), seen), compile(t.Elem(), seen))
	case reflect.Pointer:
		compilePointer(c, compile(t.Elem(), seen))
	case reflect.Struct:
		compileStruct(c, seen)
	case reflect.Interface:
		compileInterface(c)
	default: // channel, function, unsafe pointer
		c.enc = func(e *encoder, v reflect.Value) {
			if !v.IsZero() {
				e.fail(t, errors.New("it is tied to its process"))
			}
			e.byte(0)
		}
		c.dec = func(d *decoder, v reflect.Value) { d.byte() }
	}
}

func compileSlice(c *coder, elem *coder) {
	t := c.t
	if t.Elem().Kind() == reflect.Uint8 && elem.min == 1 && !reflect.PointerTo(t.Elem()).Implements(binaryMarshal) {
		c.enc = func(e *encoder, v reflect.Value) {
			if v.IsNil() {
				e.byte(0)
				return
			}
			e.uint(uint64(v.Len()) + 1)
			e.buf = append(e.buf, v.Bytes()...)
		}
		c.dec = func(d *decoder, v reflect.Value) {
			if n := d.uint(); n > 0 {
				v.SetBytes(append([]byte{}, d.take(n-1)...))
			}
		}
		return
	}
	c.enc = func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.byte(0)
			return
		}
		if !e.enter(t) {
			return
		}
		n := v.Len()
		e.uint(uint64(n) + 1)
		for i := 0; i < n && e.err == nil; i++ {
			elem.enc(e, v.Index(i))
		}
		e.depth--
	}
	c.dec = func(d *decoder, v reflect.Value) {
		n := d.uint()
		if n == 0 || !d.enter(t) {
			return
		}
		n--
		if n > d.most(elem.min) {
			d.short()
			return
		}
		s := reflect.MakeSlice(t, int(n), int(n))
		for i := 0; i < int(n) && d.err == nil; i++ {
			elem.dec(d, s.Index(i))
		}
		v.Set(s)
		d.depth--
	}
}

func compileMap(c *coder, key, elem *coder) {
	t := c.t
	c.enc = func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.byte(0)
			return
		}
		if !e.enter(t) {
			return
		}
		e.uint(uint64(v.Len()) + 1)
		for i := v.MapRange(); i.Next() && e.err == nil; {
			key.enc(e, i.Key())
			elem.enc(e, i.Value())
		}
		e.depth--
	}
	c.dec = func(d *decoder, v reflect.Value) {
		n := d.uint()
		if n == 0 || !d.enter(t) {
			return
		}
		n--
		if n > d.most(key.min+elem.min) {
			d.short()
			return
		}
		m := reflect.MakeMapWithSize(t, int(n))
		for ; n > 0 && d.err == nil; n-- {
			k, x := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			key.dec(d, k)
			elem.dec(d, x)
			m.SetMapIndex(k, x)
		}
		v.Set(m)
		d.depth--
	}
}

func compilePointer(c *coder, elem *coder) {
	t := c.t
	c.enc = func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.byte(0)
			return
		}
		if !e.enter(t) {
			return
		}
		e.byte(1)
		elem.enc(e, v.Elem())
		e.depth--
	}
	c.dec = func(d *decoder, v reflect.Value) {
		if d.byte() == 0 || !d.enter(t) {
			return
		}
		p := reflect.New(t.Elem())
		elem.dec(d, p.Elem())
		v.Set(p)
		d.depth--
	}
}

func compileStruct(c *coder, seen map[reflect.Type]*coder) {
	t := c.t
	c.min = 0
	var fields []int
	var coders []*coder
	for i := range t.NumField() {
		if t.Field(i).IsExported() {
			f := compile(t.Field(i).Type, seen)
			fields, coders = append(fields, i), append(coders, f)
			c.min += f.min
		}
	}
	if len(fields) == 0 && t.NumField() > 0 {
		err := errors.New("it has no exported fields")
		c.enc = func(e *encoder, v reflect.Value) { e.fail(t, err) }
		c.dec = func(d *decoder, v reflect.Value) { d.fail(t, err) }
		return
	}
	c.enc = func(e *encoder, v reflect.Value) {
		for i, f := range coders {
			f.enc(e, v.Field(fields[i]))
		}
	}
	c.dec = func(d *decoder, v reflect.Value) {
		for i, f := range coders {
			f.dec(d, v.Field(fields[i]))
		}
	}
}

// compileInterface leaves the type names, which only interfaces need, to gob.
func compileInterface(c *coder) {
	type box struct{ V any }
	c.enc = func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.byte(0)
			return
		}
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(box{v.Interface()}); err != nil {
			e.fail(c.t, err)
			return
		}
		e.byte(1)
		e.bytes(b.Bytes())
	}
	c.dec = func(d *decoder, v reflect.Value) {
		if d.byte() == 0 {
			return
		}
		var b box
		if err := gob.NewDecoder(bytes.NewReader(d.bytes())).Decode(&b); err != nil {
			d.fail(c.t, err)
			return
		}
		if x := reflect.ValueOf(b.V); x.IsValid() && x.Type().AssignableTo(c.t) {
			v.Set(x)
		} else {
			d.fail(c.t, errors.New("the value that came does not fit"))
		}
	}
}

// compileMarshaler uses the methods that the type brings along, if it has a
// pair. They are called on a pointer, which has the methods of the value too.
func compileMarshaler(c *coder) bool {
	p := reflect.PointerTo(c.t)
	var out func(any) ([]byte, error)
	var in func(any, []byte) error
	switch {
	case p.Implements(binaryMarshal) && p.Implements(binaryUnmarshal):
		out = func(x any) ([]byte, error) { return x.(encoding.BinaryMarshaler).MarshalBinary() }
		in = func(x any, b []byte) error { return x.(encoding.BinaryUnmarshaler).UnmarshalBinary(b) }
	case p.Implements(gobEncoder) && p.Implements(gobDecoder):
		out = func(x any) ([]byte, error) { return x.(gob.GobEncoder).GobEncode() }
		in = func(x any, b []byte) error { return x.(gob.GobDecoder).GobDecode(b) }
	case p.Implements(textMarshal) && p.Implements(textUnmarshal):
		out = func(x any) ([]byte, error) { return x.(encoding.TextMarshaler).MarshalText() }
		in = func(x any, b []byte) error { return x.(encoding.TextUnmarshaler).UnmarshalText(b) }
	default:
		return false
	}
	c.min = 1
	c.enc = func(e *encoder, v reflect.Value) {
		if !v.CanAddr() {
			x := reflect.New(c.t).Elem()
			x.Set(v)
			v = x
		}
		b, err := out(v.Addr().Interface())
		if err != nil {
			e.fail(c.t, err)
			return
		}
		e.bytes(b)
	}
	c.dec = func(d *decoder, v reflect.Value) {
		// A copy: the method may keep it.
		b := append([]byte{}, d.bytes()...)
		if d.err != nil {
			return
		}
		if err := in(v.Addr().Interface(), b); err != nil {
			d.fail(c.t, err)
		}
	}
	return true
}

func compileCarrier(c *coder) {
	c.min = 1
	c.enc = func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.byte(0)
			return
		}
		e.byte(1)
		if err := v.Interface().(carrier).encodeTo(e); err != nil {
			e.fail(c.t, err)
		}
	}
	c.dec = func(d *decoder, v reflect.Value) {
		if d.byte() == 0 || d.err != nil {
			return
		}
		p := reflect.New(c.t.Elem())
		if err := p.Interface().(carrier).decodeFrom(d); err != nil {
			d.fail(c.t, err)
			return
		}
		v.Set(p)
	}
}

func compileFile(c *coder) {
	c.min = 1
	c.enc = func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.byte(0)
			return
		}
		e.byte(1)
		if err := e.file(v.Interface().(*os.File)); err != nil {
			e.fail(c.t, err)
		}
	}
	c.dec = func(d *decoder, v reflect.Value) {
		if d.byte() == 0 {
			return
		}
		f, err := d.file(inheritedAsIs)
		if err != nil {
			d.fail(c.t, err)
			return
		}
		v.Set(reflect.ValueOf(f))
	}
}

// file sends f along, if there is a way.
func (e *encoder) file(f *os.File) error {
	if !e.withFiles {
		return errors.New("it can only be given to a process that is being started")
	}
	e.uint(uint64(len(e.files)))
	e.files = append(e.files, f)
	return nil
}

// file gives the file that was sent along, opened with open. It belongs to the
// caller.
func (d *decoder) file(open func(fd uintptr, name string) *os.File) (*os.File, error) {
	i := d.uint()
	if d.err != nil {
		return nil, d.err
	}
	if i >= uint64(len(d.files)) || d.files[i] == 0 {
		return nil, errors.New("no such file was given to this process")
	}
	fd := d.files[i]
	d.files[i] = 0
	return open(fd, "from parent"), nil
}

// enter goes one level deeper; whoever does so decreases depth again.
func (e *encoder) enter(t reflect.Type) bool {
	if e.depth++; e.depth > maxDepth {
		e.fail(t, errDeep)
	}
	return e.err == nil
}

func (d *decoder) enter(t reflect.Type) bool {
	if d.depth++; d.depth > maxDepth {
		d.fail(t, errDeep)
	}
	return d.err == nil
}

// most is how many elements of at least min bytes the rest of the message can
// hold, so that a damaged length cannot make us allocate at will.
func (d *decoder) most(min int) uint64 {
	if min == 0 {
		return 1 << 20
	}
	return uint64(len(d.buf) / min)
}
