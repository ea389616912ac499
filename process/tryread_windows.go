package process

import "os"

// tryRead waits: a pipe cannot be asked here.
func tryRead(f *os.File, b []byte) (int, error) { return f.Read(b) }
