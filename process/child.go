package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// A startMessage is the first message that a child gets.
type startMessage struct {
	Worker   bool // of a pool; else a Process
	Name     string
	Identity string
	Daemon   bool
	Parent   Info
	Memory   int64
	Procs    int
	Print    uint64
	Arena    int // index of the arena's file, or -1
	Files    int // how many files follow the two of the link
	Fn       uint64
	HasFn    bool
}

// A child is a process that this one started, as seen by Process and Pool.
type child struct {
	name string
	proc *os.Process
	link *link
	errs *forwarder
	runs chan struct{} // closed when the goroutines of run are started
	read chan struct{} // closed when the link has been read to its end
	sent chan struct{} // closed when nothing more is written to the link

	ended chan struct{} // closed when everything below is final and all output forwarded
	state *os.ProcessState
	tail  []byte // of standard error
}

type childOptions struct {
	start  startMessage
	arg    []byte
	files  []*os.File // given along, in the order of the argument
	env    []string
	stdout output
	stderr output
	handle func(kind byte, body []byte) // gets messages other than those of tools
}

// startChild executes this program once more. When the child has ended,
// handle was called with all that it sent before ended is closed.
func startChild(o childOptions) (*child, error) {
	if !self.inited.Load() {
		return nil, ErrNoInit
	}
	reg := frozen()
	if o.start.Memory > 0 && !MemoryLimited {
		o.start.Memory = 0
	}

	var opened []io.Closer
	ok := false
	defer func() {
		if !ok {
			for _, f := range opened {
				f.Close()
			}
		}
	}()
	var pipeErr error
	pipe := func() (r, w *os.File) {
		if pipeErr != nil {
			return nil, nil
		}
		if r, w, pipeErr = os.Pipe(); pipeErr == nil {
			opened = append(opened, r, w)
		}
		return r, w
	}
	theirR, ourW := pipe()
	ourR, theirW := pipe()
	var outR *os.File
	outW := o.stdout.file
	if outW == nil {
		outR, outW = pipe()
	}
	errR, errW := pipe()
	if pipeErr != nil {
		return nil, fmt.Errorf("process: start %s: %w", o.start.Name, pipeErr)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("process: start %s: %w", o.start.Name, err)
	}
	defer null.Close()

	files := append([]*os.File{theirR, theirW}, o.files...)
	o.start.Print = reg.print
	o.start.Parent = Current()
	o.start.Files = len(o.files)
	o.start.Arena = -1
	if f := arenaFile(); f != nil {
		o.start.Arena = len(files)
		files = append(files, f)
	}

	c := &child{
		name:  o.start.Name,
		link:  newLink(ourR, ourW),
		errs:  &forwarder{r: errR, to: o.stderr, keep: 16 << 10},
		runs:  make(chan struct{}),
		read:  make(chan struct{}),
		sent:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	var out *forwarder // nil if there is nothing to forward
	if outR != nil {
		out = &forwarder{r: outR, to: o.stdout}
	}
	var e encoder
	newCodec[startMessage]().put(&e, &o.start)
	if err := c.link.send(kindStart, e.buf, o.arg); err != nil {
		return nil, err
	}

	started := make(chan error)
	go func() {
		// The kernel kills a child when the thread that made it ends, so
		// that thread stays here; waiting for the child takes one anyway.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		c.proc, err = spawn(o.start.Name, o.env, [3]*os.File{null, outW, errW}, files)
		started <- err
		if err != nil {
			return
		}
		waitExit(c.proc)
		c.state, _ = c.proc.Wait()
		c.finish(out)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("process: start %s: %w", o.start.Name, err)
	}
	ok = true
	for _, f := range []*os.File{theirR, theirW, errW} {
		f.Close()
	}
	if out != nil {
		outW.Close()
	}
	c.run(out, o.handle)
	return c, nil
}

// run starts what forwards and answers while the child lives; finish waits
// for it.
func (c *child) run(out *forwarder, handle func(byte, []byte)) {
	if out != nil {
		out.start()
	}
	c.errs.start()
	go func() {
		defer close(c.sent)
		c.link.write()
	}()
	go func() {
		defer close(c.read)
		var sessions sessions
		defer sessions.gone()
		for {
			kind, body, err := c.link.next()
			switch {
			case err != nil:
				return
			case kind == kindAsk || kind == kindGone:
				sessions.forward(c.link, kind, body)
			default:
				handle(kind, body)
			}
		}
	}()
	close(c.runs)
}

// finish runs when the child has been waited for.
func (c *child) finish(out *forwarder) {
	<-c.runs
	sweepArena()
	<-c.read // what it sent may still be in the pipe
	c.link.close()
	c.link.w.Close() // if a descendant has the other end, a write may wait
	<-c.sent
	c.link.r.Close()
	c.errs.drain()
	if out != nil {
		out.drain()
		out.end()
	}
	c.errs.end()
	c.tail = c.errs.tail()
	close(c.ended)
}

// exitCode is negative for a signal.
func (c *child) exitCode() int {
	if c.state == nil {
		return -1
	}
	if s := signalOf(c.state); s != nil {
		return -int(signalNumber(s))
	}
	return c.state.ExitCode()
}

// crash makes the error of an end that nobody asked for.
func (c *child) crash(memory int64) *CrashError {
	e := &CrashError{Name: c.name, PID: c.proc.Pid, ExitCode: c.exitCode(), Reason: c.errs.fatal, Stderr: c.tail}
	if c.state != nil {
		e.Signal = signalOf(c.state)
	}
	// The runtime words it in several ways.
	e.memory = memory > 0 && e.ExitCode == 2 && strings.HasPrefix(e.Reason, "fatal error: ") &&
		(strings.Contains(e.Reason, "out of memory") || strings.Contains(e.Reason, "cannot allocate memory"))
	return e
}

func (c *child) signal(s os.Signal) error {
	err := c.proc.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return ErrEnded
	}
	return err
}

// environ is the environment of a child.
func environ(extra []string, numbers []uintptr) []string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(os.Getpid()))
	for _, n := range numbers {
		b.WriteByte(',')
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	}
	return append(append(os.Environ(), extra...), envKey+"="+b.String())
}
