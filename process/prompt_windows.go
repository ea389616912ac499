package process

import "os"

// A prompt would read or write a file without waiting, which is not possible
// here.
type prompt struct{ f *os.File }

func newPromptReader(f *os.File) *prompt { return &prompt{f} }
func newPromptWriter(f *os.File) *prompt { return &prompt{f} }

// read waits, lest TryRecv never finds anything.
func (p *prompt) read(b []byte) (int, error) { return p.f.Read(b) }

// write leaves it to a write that waits.
func (p *prompt) write([]byte) int { return 0 }

func newReadable(*os.File) (wait func()) { return func() {} }
