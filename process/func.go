package process

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
)

// A Func is a function that can be called in another process. Funcs come from
// Register.
type Func[A, R any] struct {
	name string
	fn   func(context.Context, A) (R, error)
	in   codec[A]
	out  codec[R]
}

// funcs are the registered functions. It is filled while package-level
// variables are made and then only read: the way from a name to a function
// must exist before main has said anything.
var funcs = registry{byName: make(map[string]callee)}

type registry struct {
	mu     sync.Mutex // guards byName until it is frozen
	byName map[string]callee
	freeze sync.Once
	names  []string // sorted; the index of a name is what crosses
	print  uint64   // of the names and types: two programs with one print agree
}

// A callee is a Func whose types are out of sight.
type callee interface {
	// call takes an argument from d and appends what became of it to e.
	call(ctx context.Context, d *decoder, e *encoder)
	signature() string
}

// Register gives a function a name under which other processes can call it,
// and returns the handle to do so. It is for package-level variables and init
// functions: Register panics if the name is taken, or if Init was called.
//
// The argument and the result cross as the package comment tells; a function
// that needs several arguments takes a struct. An error that fn returns comes
// back as a *RemoteError, and so does a panic.
//
// The context that fn gets ends when the caller's does; its values stay where
// they are.
func Register[A, R any](name string, fn func(ctx context.Context, arg A) (R, error)) *Func[A, R] {
	f := &Func[A, R]{name: name, fn: fn, in: newCodec[A](), out: newCodec[R]()}
	funcs.mu.Lock()
	defer funcs.mu.Unlock()
	if self.inited.Load() || funcs.names != nil {
		panic("process: Register(" + name + ") after Init: functions are registered in package-level variables")
	}
	if fn == nil || name == "" {
		panic("process: Register needs a name and a function")
	}
	if funcs.byName[name] != nil {
		panic("process: two functions are registered as " + name)
	}
	funcs.byName[name] = f
	return f
}

// Name returns the name that the function was registered with.
func (f *Func[A, R]) Name() string { return f.name }

// A Call is a function together with its argument, as PoolOptions.Init takes
// it. It comes from Func.With.
type Call struct {
	name string
	arg  []byte
	err  error
}

// With makes a Call of the function with arg, which is copied.
func (f *Func[A, R]) With(arg A) *Call {
	b, err := f.in.encode(&arg)
	return &Call{f.name, b, err}
}

func (f *Func[A, R]) signature() string { return fmt.Sprintf("%s %T\n", f.name, f.fn) }

// What became of a call, the first byte of its result.
const (
	statusOK     = iota // the result follows
	statusError         // a remote error follows
	statusEncode        // an EncodeError follows
)

var errGoexit = errors.New("function called runtime.Goexit")

func (f *Func[A, R]) call(ctx context.Context, d *decoder, e *encoder) {
	start := len(e.buf)
	var a A
	f.in.get(d, &a)
	if d.err != nil {
		putStatus(e, d.err)
		return
	}
	r, err := f.guarded(ctx, a)
	if err != nil {
		putStatus(e, err)
		return
	}
	e.byte(statusOK)
	f.out.put(e, &r)
	if e.err != nil {
		err := e.err
		e.buf, e.err, e.depth = e.buf[:start], nil, 0
		putStatus(e, err)
	}
}

// guarded turns a panic into an error. (A runtime.Goexit is seen to by
// whoever owns the goroutine.)
func (f *Func[A, R]) guarded(ctx context.Context, a A) (r R, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v, debug.Stack())
		}
	}()
	return f.fn(ctx, a)
}

func panicked(v any, stack []byte) *RemoteError {
	err, ok := v.(error)
	if !ok {
		err = fmt.Errorf("%v", v)
	}
	r := remote(err)
	r = &RemoteError{Message: "panic: " + r.Message, Type: r.Type, Panic: true, Stack: stack, chain: r.chain}
	return r
}

func putStatus(e *encoder, err error) {
	if enc, ok := err.(*EncodeError); ok {
		e.byte(statusEncode)
		e.string(enc.Type)
		e.string(enc.Err.Error())
		return
	}
	e.byte(statusError)
	e.error(err)
}

// result takes from d what call appended.
func (f *Func[A, R]) result(d *decoder) (r R, err error) {
	switch d.byte() {
	case statusOK:
		f.out.get(d, &r)
	case statusEncode:
		return r, &EncodeError{Type: d.string(), Err: errors.New(d.string())}
	default:
		err = d.error()
	}
	if d.err != nil {
		var zero R
		return zero, d.err
	}
	return r, err
}

// frozen ends registration and returns the registry, ready for use.
func frozen() *registry {
	funcs.freeze.Do(func() {
		funcs.mu.Lock()
		defer funcs.mu.Unlock()
		funcs.names = slices.Sorted(maps.Keys(funcs.byName))
		if funcs.names == nil {
			funcs.names = []string{}
		}
		h := fnv.New64a()
		for _, n := range funcs.names {
			h.Write([]byte(funcs.byName[n].signature()))
		}
		funcs.print = h.Sum64()
	})
	return &funcs
}

func (r *registry) index(name string) uint64 {
	i, _ := slices.BinarySearch(r.names, name)
	return uint64(i)
}

// at returns the function with an index, or nil.
func (r *registry) at(i uint64) callee {
	if i >= uint64(len(r.names)) {
		return nil
	}
	return r.byName[r.names[i]]
}
