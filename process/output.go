package process

import (
	"bytes"
	"io"
	"os"
	"sync"
	"time"
)

// An output is where a child's lines go. Children that share one share the
// lock too.
type output struct {
	mu   *sync.Mutex
	w    io.Writer
	file *os.File // if set the child has it itself, and w is not used
}

// newOutputs gives the outputs for what the user chose; nil is our own.
func newOutputs(stdout, stderr io.Writer) (output, output) {
	mu := new(sync.Mutex)
	file, _ := stdout.(*os.File)
	if stdout == nil {
		stdout = os.Stdout
	}
	if stderr == nil {
		stderr = os.Stderr
	}
	return output{mu, stdout, file}, output{mu, stderr, nil}
}

// A forwarder passes on what a child writes, whole lines at a time.
type forwarder struct {
	r    *os.File
	to   output
	keep int // how many bytes of the end to remember

	last  []byte
	fatal string // the line with which a Go program says why it dies
	done  chan struct{}
}

func (f *forwarder) start() {
	f.done = make(chan struct{})
	go f.copy()
}

// maxLine is how long a line may be before it is passed on in parts.
const maxLine = 64 << 10

func (f *forwarder) copy() {
	defer close(f.done)
	var buf []byte
	chunk := make([]byte, 4<<10)
	for {
		n, err := f.r.Read(chunk)
		f.remember(chunk[:n])
		buf = append(buf, chunk[:n]...)
		whole := bytes.LastIndexByte(buf, '\n') + 1
		if err != nil || len(buf)-whole > maxLine {
			whole = len(buf)
		}
		if whole > 0 {
			// If it cannot be written the child still must not block.
			f.to.mu.Lock()
			f.to.w.Write(buf[:whole])
			f.to.mu.Unlock()
			f.look(buf[:whole])
			buf = append(buf[:0], buf[whole:]...)
		}
		if err != nil {
			return
		}
	}
}

// look looks for the line with which a Go program says why it dies. It may be
// far from the end of all that follows.
func (f *forwarder) look(b []byte) {
	if f.keep == 0 || f.fatal != "" {
		return
	}
	for line := range bytes.Lines(b) {
		if bytes.HasPrefix(line, []byte("panic: ")) || bytes.HasPrefix(line, []byte("fatal error: ")) {
			f.fatal = string(bytes.TrimSpace(line))
			return
		}
	}
}

func (f *forwarder) remember(b []byte) {
	if f.keep == 0 {
		return
	}
	f.last = append(f.last, b...)
	if over := len(f.last) - f.keep; over > f.keep {
		f.last = append(f.last[:0], f.last[over:]...)
	}
}

// drain is called when the child has ended. What it wrote is in the pipe, and
// others that it started, who may still hold it, are not waited for.
func (f *forwarder) drain() { f.r.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) }

// end waits until everything is passed on.
func (f *forwarder) end() {
	<-f.done
	f.r.Close()
}

func (f *forwarder) tail() []byte {
	if over := len(f.last) - f.keep; over > 0 {
		return f.last[over:]
	}
	return f.last
}
