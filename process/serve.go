package process

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// serve is the life of a child, from Init to its exit code.
func serve(env string) int {
	var numbers []uintptr
	for i, s := range strings.Split(env, ",") {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || i == 0 && int(n) != os.Getppid() {
			// The parent is gone, or is not who started us.
			fmt.Fprintln(os.Stderr, "process: the parent of this worker is gone")
			return exitLost
		}
		if i > 0 {
			numbers = append(numbers, uintptr(n))
		}
	}
	if len(numbers) < 2 {
		return exitLost
	}
	self.up = newDirectLink(inheritedBlocking(numbers[0], "from parent"), inheritedBlocking(numbers[1], "to parent"))
	self.isChild = true

	c := &server{numbers: numbers, code: make(chan int, 1)}
	self.server = c
	c.worker.begin(c.loop)
	go c.loop()
	// What the parent still has to hear was written by the time code comes.
	return <-c.code
}

// Exit codes of children whose function said nothing about it.
const (
	exitError = 1
	exitPanic = 2
	exitLost  = 3
)

// server is the child's side of its link.
type server struct {
	numbers []uintptr
	code    chan int
	start   startMessage
	worker  worker
}

// loop handles messages, until the parent has gone or another goroutine takes
// over because this one is busy with a task.
func (c *server) loop() {
	for {
		self.up.blocks = c.start.Worker && c.worker.idle()
		kind, body, err := self.up.next()
		if err != nil {
			// The parent has gone. Nobody is left to work for, and whoever
			// is busy here will not notice by itself.
			die()
		}
		switch kind {
		case kindStart:
			c.begin(body)
		case kindAnswer:
			self.asks.answer(body)
		default:
			if t := c.worker.handle(kind, body); t != nil && !c.worker.runHere(t) {
				return
			}
		}
	}
}

// begin acts on the start message and starts the work on another goroutine.
func (c *server) begin(body []byte) {
	d := &decoder{buf: body}
	newCodec[startMessage]().get(d, &c.start)
	m := &c.start
	reg := frozen()
	if d.err != nil || m.Print != reg.print {
		fmt.Fprintln(os.Stderr, "process: this program registers other functions than its parent: they must not depend on the environment")
		c.code <- exitLost
		return
	}
	self.up.send(kindHello)
	self.info = Info{Name: m.Name, PID: os.Getpid(), Daemon: m.Daemon}
	self.parent = m.Parent
	self.identity = m.Identity
	for _, n := range c.numbers[2 : 2+m.Files] {
		keepToOurselves(n)
		d.files = append(d.files, n)
	}
	if m.Arena >= 0 {
		setArenaFile(inheritedAsIs(c.numbers[m.Arena], "arena"))
	}
	if m.Procs > 0 {
		runtime.GOMAXPROCS(m.Procs)
	}
	if m.Memory > 0 {
		// The collector gets its chance before the limit ends it all. It does
		// not count what the runtime maps at its start, which the limit does.
		if debug.SetMemoryLimit(-1) == math.MaxInt64 {
			debug.SetMemoryLimit(max(m.Memory-runtimeMemory, m.Memory/2) / 10 * 9)
		}
		if err := limitMemory(m.Memory); err != nil {
			fmt.Fprintln(os.Stderr, "process: memory limit:", err)
		}
	}
	// The body is the reader's.
	d.buf = append([]byte(nil), d.buf...)
	var fn callee
	if m.HasFn {
		fn = reg.at(m.Fn)
	}
	if m.Worker {
		go func() { c.code <- c.worker.serve(fn, d) }()
	} else {
		go func() { c.code <- serveProcess(c.worker.base, fn, d) }()
	}
}

// runtimeMemory is about what a Go program has mapped when it begins, most of
// it never touched.
const runtimeMemory = 40 << 20

// serveProcess runs the function of a Process and gives the exit code.
func serveProcess(ctx context.Context, fn callee, d *decoder) int {
	done := make(chan error)
	go func() {
		err := errGoexit
		defer func() { done <- err }()
		var e encoder
		fn.call(ctx, d, &e)
		err = outcome(&decoder{buf: e.buf})
	}()
	err := <-done
	if err == errGoexit {
		err = nil // as for a thread: a silent end
	}
	Shutdown(context.Background())
	if err == nil {
		return 0
	}
	// Its own write, before anything else can go wrong.
	var e encoder
	e.error(err)
	self.up.send(kindExit, e.buf)
	var r *RemoteError
	if errors.As(err, &r) && r.Panic {
		fmt.Fprintf(os.Stderr, "Process %s: %s\n\n%s", self.info.Name, r.Message, r.Stack)
		return exitPanic
	}
	fmt.Fprintf(os.Stderr, "Process %s: %v\n", self.info.Name, err)
	return exitError
}

// outcome tells the error in what callee.call appended, whatever the type of
// the result.
func outcome(d *decoder) error {
	switch d.byte() {
	case statusOK:
		return nil
	case statusEncode:
		return &EncodeError{Type: d.string(), Err: errors.New(d.string())}
	default:
		if err := d.error(); d.err == nil {
			return err
		}
		return d.err
	}
}
