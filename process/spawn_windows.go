package process

import (
	"os"
	"syscall"
)

// spawn executes this program with the files, whose handles the environment
// tells.
func spawn(name string, env []string, stdio [3]*os.File, files []*os.File) (*os.Process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return nil, err
	}
	numbers := make([]uintptr, len(files))
	handles := make([]syscall.Handle, len(files))
	for i, f := range files {
		// A duplicate, as the original must not be inheritable: another
		// child that is started meanwhile would keep it open.
		if err := syscall.DuplicateHandle(self, syscall.Handle(f.Fd()), self, &handles[i], 0, true, syscall.DUPLICATE_SAME_ACCESS); err != nil {
			return nil, err
		}
		defer syscall.CloseHandle(handles[i])
		numbers[i] = uintptr(handles[i])
	}
	return os.StartProcess(exe, []string{os.Args[0], name}, &os.ProcAttr{
		Env:   environ(env, numbers),
		Files: stdio[:],
		Sys: &syscall.SysProcAttr{
			CreationFlags:              syscall.CREATE_NEW_PROCESS_GROUP,
			AdditionalInheritedHandles: handles,
		},
	})
}

func keepToOurselves(handle uintptr) {
	syscall.SetHandleInformation(syscall.Handle(handle), syscall.HANDLE_FLAG_INHERIT, 0)
}

func inherited(handle uintptr, name string) *os.File { return os.NewFile(handle, name) }
func inheritedBlocking(handle uintptr, name string) *os.File {
	return os.NewFile(handle, name)
}

func inheritedAsIs(handle uintptr, name string) *os.File { return os.NewFile(handle, name) }

func waitExit(*os.Process) {}

func die() { os.Exit(1) }

func signalOf(*os.ProcessState) os.Signal { return nil }

func signalNumber(os.Signal) int { return 0 }

func terminate(p *os.Process) error { return p.Kill() }
