//go:build unix

package process

import (
	"io"
	"os"
	"syscall"
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
