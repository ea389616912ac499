package process

import (
	"fmt"
	"math"
	"unsafe"
)

// Number is what a Value and an Array can hold.
type Number interface {
	~uint8 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// A Value is a number that processes share. It comes from NewValue. Its
// methods are atomic, so it needs no lock; for more than one step at a time
// use a Lock.
//
// A Value is safe for concurrent use. As everything in memory, it only fails
// when the family of processes ends, so its methods return no errors.
type Value[T Number] struct{ a Array[T] }

// NewValue makes a number that starts as v. For errors see NewLock.
func NewValue[T Number](v T) (*Value[T], error) {
	a, err := NewArray[T](1)
	if err != nil {
		return nil, err
	}
	val := &Value[T]{*a}
	val.Store(v)
	return val, nil
}

// Load returns the number.
func (v *Value[T]) Load() T { return v.a.At(0) }

// Store changes the number to x.
func (v *Value[T]) Store(x T) { v.a.Set(0, x) }

// Swap changes the number to x and returns what it was.
func (v *Value[T]) Swap(x T) (old T) { return v.a.do(opSwap, 0, x, 0) }

// Add adds x and returns the sum.
func (v *Value[T]) Add(x T) (sum T) { return v.a.Add(0, x) }

// CompareAndSwap changes the number to x if it is old, and tells whether it
// was. Floats are compared by their bits.
func (v *Value[T]) CompareAndSwap(old, x T) bool {
	return bitsOf(v.a.do(opCAS, 0, old, x)) == bitsOf(old)
}

func (v *Value[T]) encodeTo(e *encoder) error   { return v.a.encodeTo(e) }
func (v *Value[T]) decodeFrom(d *decoder) error { return v.a.decodeFrom(d) }

// An Array is a row of numbers that processes share. It comes from NewArray.
// At, Set and Add are atomic; CopyTo and CopyFrom are not, and want a Lock.
//
// An Array is safe for concurrent use. Its methods panic if an index is out of
// range.
type Array[T Number] struct {
	ref  ref
	impl memoryImpl
	n    int
}

// NewArray makes an array of n numbers that are zero. It panics if n < 0; for
// errors see NewLock.
func NewArray[T Number](n int) (*Array[T], error) {
	if n < 0 {
		panic("process: array of negative length")
	}
	a := &Array[T]{n: n}
	var err error
	// Whole words, so that any element can be changed within one.
	a.ref, a.impl, err = newTool[memoryImpl](kindMemory, (n*a.width()+7)/8*8+8, false)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Array[T]) width() int {
	var x T
	return int(unsafe.Sizeof(x))
}

func (a *Array[T]) check(i, n int) uint64 {
	if i < 0 || n < 0 || i > a.n-n {
		panic(fmt.Sprintf("process: index %d of an array of %d", i, a.n))
	}
	return uint64(i * a.width())
}

func (a *Array[T]) do(op opcode, i int, x, y T) T {
	old, _ := a.impl.op(op, a.check(i, 1), a.width(), bitsOf(x), bitsOf(y))
	return ofBits[T](old)
}

// Len returns the number of elements.
func (a *Array[T]) Len() int { return a.n }

// At returns element i.
func (a *Array[T]) At(i int) T { return a.do(opRead, i, 0, 0) }

// Set changes element i to x.
func (a *Array[T]) Set(i int, x T) { a.do(opSwap, i, x, 0) }

// Add adds x to element i and returns the sum.
func (a *Array[T]) Add(i int, x T) T {
	op := opAdd
	if isFloat[T]() {
		op = opAddFloat
	}
	return a.do(op, i, x, 0) + x
}

// CopyTo fills dst with the elements from off on.
func (a *Array[T]) CopyTo(dst []T, off int) {
	b := make([]byte, len(dst)*a.width())
	a.impl.read(a.check(off, len(dst)), b)
	for i := range dst {
		dst[i] = ofBits[T](getWord(b[i*a.width():][:a.width()]))
	}
}

// CopyFrom changes the elements from off on to those of src.
func (a *Array[T]) CopyFrom(src []T, off int) {
	b := make([]byte, len(src)*a.width())
	for i, x := range src {
		putWord(b[i*a.width():][:a.width()], bitsOf(x))
	}
	a.impl.write(a.check(off, len(src)), b)
}

func (a *Array[T]) encodeTo(e *encoder) error {
	e.uint(uint64(a.n))
	return a.ref.encode(e)
}

func (a *Array[T]) decodeFrom(d *decoder) (err error) {
	a.n = int(d.uint())
	a.impl, err = decodeTool[memoryImpl](d, kindMemory, &a.ref)
	if err == nil && (a.n < 0 || uint64(a.n) > a.ref.size/uint64(a.width())) {
		err = errNoObject
	}
	return err
}

func isFloat[T Number]() bool {
	half := 0.5
	return T(half) != 0
}

// bitsOf and ofBits convert between a number and its bits.
func bitsOf[T Number](x T) uint64 {
	switch w := unsafe.Sizeof(x); {
	case isFloat[T]() && w == 4:
		return uint64(math.Float32bits(float32(x)))
	case isFloat[T]():
		return math.Float64bits(float64(x))
	case w == 1:
		return uint64(uint8(x))
	case w == 4:
		return uint64(uint32(x))
	default:
		return uint64(x)
	}
}

func ofBits[T Number](u uint64) T {
	var x T
	switch w := unsafe.Sizeof(x); {
	case isFloat[T]() && w == 4:
		return T(math.Float32frombits(uint32(u)))
	case isFloat[T]():
		return T(math.Float64frombits(u))
	default:
		return T(u)
	}
}
