//go:build unix

package process

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A prompt reads or writes a file without waiting. It is for one goroutine at
// a time.
type prompt struct {
	raw syscall.RawConn
	do  func(fd uintptr) bool
	b   []byte
	n   int
	err error
}

func newPrompt(f *os.File, op func(fd int, b []byte) (int, error)) *prompt {
	raw, _ := f.SyscallConn() // which fails for a nil file only
	p := &prompt{raw: raw}
	p.do = func(fd uintptr) bool {
		for {
			if p.n, p.err = op(int(fd), p.b); p.err != syscall.EINTR {
				return true
			}
		}
	}
	return p
}

func newPromptReader(f *os.File) *prompt { return newPrompt(f, syscall.Read) }
func newPromptWriter(f *os.File) *prompt { return newPrompt(f, syscall.Write) }

// read reads what is there, and returns ErrEmpty if nothing is.
func (p *prompt) read(b []byte) (int, error) {
	p.b = b
	err := p.raw.Read(p.do)
	p.b = nil
	switch {
	case err != nil:
		return 0, os.ErrClosed
	case p.err == syscall.EAGAIN:
		return 0, ErrEmpty
	case p.err != nil:
		return 0, p.err
	case p.n == 0:
		return 0, io.EOF
	}
	return p.n, nil
}

// write writes as much of b as there is room for. Errors are left to a write
// that waits.
func (p *prompt) write(b []byte) int {
	p.b = b
	p.n = 0
	p.raw.Write(p.do)
	p.b = nil
	return max(p.n, 0)
}

// newReadable returns a function that waits, in the poller, until there is
// something to read from f, whose own reads block the thread.
func newReadable(f *os.File) (wait func()) {
	var fd int
	raw, _ := f.SyscallConn()
	raw.Control(func(n uintptr) { fd = int(n) })
	syscall.ForkLock.RLock()
	dup, err := syscall.Dup(fd)
	if err == nil {
		syscall.CloseOnExec(dup)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return func() {}
	}
	// NewFile asks for the mode, and uses the poller only if it is this one.
	// The mode is common to both numbers.
	syscall.SetNonblock(dup, true)
	twin := os.NewFile(uintptr(dup), f.Name())
	syscall.SetNonblock(dup, false)
	p := []unix.PollFd{{Fd: int32(dup), Events: unix.POLLIN}}
	raw, _ = twin.SyscallConn()
	ready := func(uintptr) bool {
		n, err := unix.Poll(p, 0)
		return n != 0 || err != nil && err != unix.EINTR
	}
	return func() { raw.Read(ready) }
}
