package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/replica"
)

// smallDisk names the directory of the small disk in the process that has one.
const smallDisk = "TRAWL_TEST_SMALL_DISK"

// onDisksOfItsOwn runs the test again, in a process in a mount namespace of its
// own that finds smallDisk set, and ends as it ends there.
func onDisksOfItsOwn(t *testing.T, disk string, namespace *syscall.SysProcAttr) {
	t.Helper()
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+disk)
	cmd.SysProcAttr = namespace
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
	t.Logf("%s", out)
}

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
		onDisksOfItsOwn(t, t.TempDir(), &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		})
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

// TestSharedFullDisk fills the disk of the database, then that of the files, of
// a job in a database: it ends with a clear message and status 3, and with more
// room the same command goes on, with nothing lost.
//
// The disks are of a mount namespace of their own, in which the test runs
// itself again; this takes root, as no server runs for the root of a namespace
// that is anybody else's.
func TestSharedFullDisk(t *testing.T) {
	pgtest.Need(t)
	if os.Getuid() != 0 {
		t.Skip("to mount a small disk for a server of another user takes root")
	}
	if os.Getenv(smallDisk) == "" {
		onDisksOfItsOwn(t, "here", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS})
		return
	}

	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Skipf("no mounts of its own: %v", err)
	}
	db := pgtest.New(t, nil)
	f := newFaultTest(t, buildTrawl(t), db, "full")
	f.web.pages = 60
	var owner syscall.Stat_t
	if err := syscall.Stat(filepath.Dir(db.Socket()), &owner); err != nil {
		t.Fatal(err)
	}
	mount := func(dir string, flags uintptr, size string) {
		t.Helper()
		options := fmt.Sprintf("size=%s,uid=%d,gid=%d,mode=700", size, owner.Uid, owner.Gid)
		if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
			t.Skipf("no small disk on this system: mount: %v", err)
		}
	}
	tables := filepath.Join(filepath.Dir(db.Socket()), "small")
	for _, dir := range []string{tables, f.dir} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	mount(tables, 0, "1m")
	defer syscall.Unmount(tables, syscall.MNT_DETACH)
	mount(f.dir, 0, "50m")
	defer syscall.Unmount(f.dir, syscall.MNT_DETACH)
	conn, err := pgx.Connect(t.Context(), db.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{"CREATE TABLESPACE small LOCATION '" + tables + "'", "ALTER DATABASE postgres SET default_tablespace = small"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}

	full := func() {
		t.Helper()
		p := f.start("")
		p.wait(3)
		if !strings.Contains(strings.ToLower(p.out.String()), "no space left") {
			t.Errorf("the message does not say what is wrong:\n%s", &p.out)
		}
	}
	full()
	if n := len(f.web.log()); n == 0 || n >= f.web.hosts*f.web.pages {
		t.Errorf("%d requests until the database was full; its disk is not of the size that was meant", n)
	}
	mount(tables, syscall.MS_REMOUNT, "100m")
	var disk syscall.Statfs_t
	if err := syscall.Statfs(f.dir, &disk); err != nil {
		t.Fatal(err)
	}
	mount(f.dir, syscall.MS_REMOUNT, fmt.Sprint((disk.Blocks-disk.Bfree)*uint64(disk.Bsize)+100_000))
	full()
	mount(f.dir, syscall.MS_REMOUNT, "50m")
	f.start("").wait(0)
	f.check(2 * faultCost)
}
