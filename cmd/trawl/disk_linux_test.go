package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trawl-go/trawl/internal/replica"
)

// smallDisk names the directory of the small disk in the process that has one.
const smallDisk = "TRAWL_TEST_SMALL_DISK"

// TestFullDisk fills a disk of 3 MB: the job ends with a clear message and
// status 3, what it has recorded is whole, and with more room the same command
// goes on.
//
// The disk is a tmpfs in a mount namespace of its own, in which the test runs
// itself again. Where the system does not let it have one, only the failing
// disks of the tests of packages save and sqlite tell what happens.
func TestFullDisk(t *testing.T) {
	dir := os.Getenv(smallDisk)
	if dir == "" {
		t.Parallel()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		var ee *exec.ExitError
		switch {
		case err != nil && !errors.As(err, &ee):
			t.Skipf("no mount namespace on this system: %v", err)
		case strings.Contains(string(out), "--- SKIP"):
			t.Skipf("%s", out)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}

	mount := func(flags uintptr, size string) error {
		return syscall.Mount("tmpfs", dir, "tmpfs", flags, "size="+size)
	}
	if err := mount(0, "3m"); err != nil {
		t.Skipf("no small disk on this system: mount: %v", err)
	}
	s := startSite(t, &replica.Options{PictureBytes: 60_000})
	out := filepath.Join(dir, "out")
	args := append([]string{"run", "doutula", "-a", "pages=1", "-d", out}, connect(s)...)
	c := startTrawl(t, args...)
	c.exits(3)
	for _, want := range []string{"no space left", "doutula: stopped short in "} {
		if !strings.Contains(c.stderr.String(), want) {
			t.Errorf("the message lacks %q:\n%s", want, &c.stderr)
		}
	}
	files, err := recorded(out)
	if err != nil {
		t.Fatalf("the job can no longer be read: %v", err)
	}
	if len(files) == 0 || len(files) >= 68 {
		t.Errorf("%d files are recorded; the disk is not of the size that was meant", len(files))
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(out, f.Path))
		if want, _, _ := s.Picture(f.URL); err != nil || string(got) != string(want) {
			t.Errorf("%s is recorded and not whole (%v)", f.Path, err)
		}
	}

	if err := mount(syscall.MS_REMOUNT, "30m"); err != nil {
		t.Fatal(err)
	}
	c = startTrawl(t, args...)
	c.exits(0)
	if files, err = recorded(out); err == nil {
		err = checkDir(s, out, files, nil)
	}
	if err != nil || len(files) != 68 {
		t.Errorf("%d files at the end, want 68; %v", len(files), err)
	}
}
