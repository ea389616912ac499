//go:build unix && !linux

package process

import (
	"os"
	"syscall"
)

func executable() (string, error) { return os.Executable() }

// sysProcAttr gives the child a process group of its own, so that it can be
// ended together with the commands it runs, and so that an interrupt typed at
// the terminal is for the first process to act on.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// waitExit has nothing to do here: there is no way to wait for a child and
// keep its number, so what it started is left to notice its end.
func waitExit(*os.Process) {}
