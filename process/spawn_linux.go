package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// executable is this very program, even if its file was replaced since.
func executable() (string, error) { return "/proc/self/exe", nil }

// sysProcAttr gives the child a process group of its own, so that it can be
// ended together with the commands it runs, and so that an interrupt typed at
// the terminal is for the first process to act on. Pdeathsig is for a child
// that has not come to Init yet; after that the end of the link is noticed.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// waitExit waits for the end of a child and ends what is left of its group.
// The child is not reaped before, so that its number cannot mean another one.
func waitExit(p *os.Process) {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	syscall.Kill(-p.Pid, syscall.SIGKILL)
}

// MemoryLimited tells whether PoolOptions.Memory and Options.Memory work on
// this system. Where they do not they are ignored. In programs built with the
// race detector they do not.
const MemoryLimited = !underRace

// limitMemory limits the data of this process. RLIMIT_AS would count the
// address space that the Go runtime reserves, and never start.
func limitMemory(bytes int64) error {
	l := uint64(bytes)
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: l, Max: l})
}
