//go:build unix

package process

import (
	"os"
	"strings"
	"syscall"
)

// spawn executes this program with the files, whose numbers the environment
// tells.
func spawn(name string, env []string, stdio [3]*os.File, files []*os.File) (*os.Process, error) {
	exe, err := executable()
	if err != nil {
		return nil, err
	}
	numbers := make([]uintptr, len(files))
	for i := range files {
		numbers[i] = uintptr(3 + i)
	}
	return os.StartProcess(exe, []string{os.Args[0], strings.ReplaceAll(name, "\x00", "")}, &os.ProcAttr{
		Env:   environ(env, numbers),
		Files: append(stdio[:], files...),
		Sys:   sysProcAttr(),
	})
}

// keepToOurselves keeps commands that this process runs from inheriting fd.
func keepToOurselves(fd uintptr) { syscall.CloseOnExec(int(fd)) }

// inherited makes a file of a number that spawn told.
func inherited(fd uintptr, name string) *os.File {
	keepToOurselves(fd)
	// Before NewFile: only then does the file use the runtime's poller, and
	// only then can reading it be interrupted.
	syscall.SetNonblock(int(fd), true)
	return os.NewFile(fd, name)
}

// inheritedBlocking makes a file whose reads and writes block the thread. For
// a goroutine that does nothing else that is twice as fast as the poller.
func inheritedBlocking(fd uintptr, name string) *os.File {
	keepToOurselves(fd)
	syscall.SetNonblock(int(fd), false)
	return os.NewFile(fd, name)
}

// inheritedAsIs is inherited for a file that others share, whose mode is
// theirs too.
func inheritedAsIs(fd uintptr, name string) *os.File {
	keepToOurselves(fd)
	return os.NewFile(fd, name)
}

// die ends this process and all that it started outside of this package.
func die() {
	syscall.Kill(0, syscall.SIGKILL) // its own process group, see sysProcAttr
	os.Exit(1)
}

func signalOf(s *os.ProcessState) os.Signal {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return w.Signal()
	}
	return nil
}

func signalNumber(s os.Signal) int {
	n, _ := s.(syscall.Signal)
	return int(n)
}

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
