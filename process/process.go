package process

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Options are the options of a Process. The zero value is the default.
type Options struct {
	// Name is the name of the process. Empty means "Process-1" and so on, or
	// "Process-1:2" for the second process of the first.
	Name string

	// Daemon says that the process need not be waited for: Shutdown
	// terminates it. The children of a daemon are daemons.
	Daemon bool

	// Env is added to the environment of this process, as "NAME=value".
	Env []string

	// Stdout and Stderr get what the process writes there, whole lines at a
	// time; nil means what is os.Stdout and os.Stderr here. Each Write is
	// made from another goroutine. A writer given to several processes must
	// be safe for concurrent use. Standard input is empty.
	//
	// Lines of different processes are not in the order in which they were
	// written. Where processes take turns, with a Lock, let Stdout be an
	// *os.File such as os.Stdout: the process then has that file itself, and
	// what it writes is there when it releases the lock.
	Stdout, Stderr io.Writer

	// Memory is the limit of the process in bytes, and zero means none; see
	// PoolOptions.Memory.
	Memory int64
}

// A Process is one run of a function in another process. It comes from
// Func.New or Func.Start.
//
// A Process is safe for concurrent use.
type Process struct {
	fn     string
	opts   Options
	name   string
	id     string
	daemon bool

	arg    []byte
	files  []*os.File
	given  []func()
	argErr error

	started atomic.Bool // Start was called
	running chan struct{}
	done    chan struct{}

	mu    sync.Mutex // guards everything below
	child *child
	err   error // what the function returned, from the child
	final error // with code, fixed when done is closed
	code  int
}

// New makes a process that will call f with arg, which is copied. Nil options
// are the default ones.
func (f *Func[A, R]) New(arg A, opts *Options) *Process {
	if opts == nil {
		opts = new(Options)
	}
	p := &Process{fn: f.name, opts: *opts, running: make(chan struct{}), done: make(chan struct{})}
	p.id, p.name = nextIdentity("Process")
	if opts.Name != "" {
		p.name = opts.Name
	}
	p.daemon = opts.Daemon || Current().Daemon
	e := encoder{withFiles: true}
	f.in.put(&e, &arg)
	p.arg, p.files, p.given, p.argErr = e.buf, e.files, e.given, e.err
	return p
}

// Start makes a process and starts it: it is New and Process.Start.
//
// The result of f stays in the process; let it send what is wanted through a
// Queue or Conn, or use a Pool.
func (f *Func[A, R]) Start(ctx context.Context, arg A, opts *Options) (*Process, error) {
	p := f.New(arg, opts)
	return p, p.Start(ctx)
}

// Start starts the process and returns when it exists; it may not have come
// to its Init yet. When ctx ends, so does the context of the function there;
// to end the process itself use Terminate or Kill.
//
// The process ends with exit code 0 when the function returns without error
// and the processes that it started have ended, daemons excepted. An error
// makes it 1 and a panic 2; both are written to its standard error.
//
// Start returns an *EncodeError if the argument cannot cross, ErrStarted if it
// was called before, ErrNoInit, ctx.Err(), or the system's error. The process
// is not running then, and Start cannot be called again.
func (p *Process) Start(ctx context.Context) error {
	if p.started.Swap(true) {
		return ErrStarted
	}
	err := p.start(ctx)
	for _, f := range p.given {
		f()
	}
	if err != nil {
		p.final, p.code = err, -1
		close(p.running)
		close(p.done)
	}
	p.arg, p.files, p.given = nil, nil, nil
	return err
}

func (p *Process) start(ctx context.Context) error {
	if p.argErr != nil {
		return p.argErr
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	o := childOptions{
		start: startMessage{
			Name: p.name, Identity: p.id, Daemon: p.daemon, Memory: p.opts.Memory,
			Fn: frozen().index(p.fn), HasFn: true,
		},
		arg:   p.arg,
		files: p.files,
		env:   p.opts.Env,
		handle: func(kind byte, body []byte) {
			if kind == kindExit {
				d := decoder{buf: body}
				err := d.error()
				p.mu.Lock()
				p.err = err
				p.mu.Unlock()
			}
		},
	}
	o.stdout, o.stderr = newOutputs(p.opts.Stdout, p.opts.Stderr)
	self.mu.Lock()
	self.children[p] = true
	self.mu.Unlock()
	c, err := startChild(o)
	if err != nil {
		p.forget()
		return err
	}
	p.child = c
	close(p.running)
	stop := context.AfterFunc(ctx, func() { c.link.send(kindCancel, []byte{0}) })
	go func() {
		<-c.ended
		stop()
		p.end()
	}()
	return nil
}

func (p *Process) forget() {
	self.mu.Lock()
	delete(self.children, p)
	self.mu.Unlock()
}

// end works out what the end of the process means.
func (p *Process) end() {
	c := p.child
	p.code = c.exitCode()
	p.mu.Lock()
	p.final = p.err
	p.mu.Unlock()
	if p.final == nil && p.code != 0 {
		p.final = c.crash(p.opts.Memory)
	}
	p.forget()
	close(p.done)
}

// Name returns the name of the process.
func (p *Process) Name() string { return p.name }

// Daemon tells whether the process is a daemon.
func (p *Process) Daemon() bool { return p.daemon }

// PID returns the process ID, or 0 before the start. It stays when the process
// has ended, and can then be that of another.
func (p *Process) PID() int {
	if c := p.get(); c != nil {
		return c.proc.Pid
	}
	return 0
}

// get returns the child if it was started.
func (p *Process) get() *child {
	select {
	case <-p.running:
		return p.child
	default:
		return nil
	}
}

// Alive tells whether the process was started and has not ended.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return p.get() != nil
	}
}

// Done returns a channel that is closed when the process has ended and all
// that it wrote was passed on; for a process that is never started it stays
// open.
func (p *Process) Done() <-chan struct{} { return p.done }

// Join waits for the end of the process. It returns ErrNotStarted if Start was
// not called, and ctx.Err() if ctx ends first; what became of the process is
// told by Err and ExitCode.
func (p *Process) Join(ctx context.Context) error {
	if !p.started.Load() {
		return ErrNotStarted
	}
	select {
	case <-p.done:
		return nil
	default:
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Err returns what the process ended with: nil while it runs and if it ended
// with exit code 0, a *RemoteError if the function failed, a *CrashError if
// the process ended in another way, and the error of Start if that failed.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.final
	default:
		return nil
	}
}

// ExitCode returns the exit code, or -N if signal N ended the process. It
// returns false if the process has not ended.
func (p *Process) ExitCode() (code int, ok bool) {
	select {
	case <-p.done:
		return p.code, true
	default:
		return 0, false
	}
}

// Interrupt sends the signal that Ctrl-C stands for. It returns ErrNotStarted
// or ErrEnded if there is no process to send it to, and an error on Windows.
func (p *Process) Interrupt() error { return p.signal(os.Interrupt) }

// Terminate asks the process to end, with the signal SIGTERM; on Windows it
// is Kill. It returns ErrNotStarted or ErrEnded if there is no process.
func (p *Process) Terminate() error {
	c := p.get()
	if c == nil {
		return ErrNotStarted
	}
	if err := terminate(c.proc); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return ErrEnded
		}
		return err
	}
	return nil
}

// Kill ends the process at once, and its children with it. It returns
// ErrNotStarted or ErrEnded if there is no process.
func (p *Process) Kill() error { return p.signal(os.Kill) }

func (p *Process) signal(s os.Signal) error {
	c := p.get()
	if c == nil {
		return ErrNotStarted
	}
	return c.signal(s)
}
