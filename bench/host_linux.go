package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// watchRSS returns the most memory that a process and its children had
// resident, each by itself, in bytes, until done is closed. Of the children
// only what is their own counts, and not the program, which they share. The
// kernel's account of a child that has ended would be easier to have, but
// includes what its parent had before the child began.
func watchRSS(pid int, done <-chan struct{}) (sum int64) {
	peak := make(map[int]int64)
	look := func(pid int, field string) {
		kb := procField(fmt.Sprintf("/proc/%d/status", pid), field)
		peak[pid] = max(peak[pid], kb<<10)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		look(pid, "VmHWM:")
		if n%10 == 0 {
			for _, child := range childrenOf(pid) {
				look(child, "RssAnon:")
			}
		}
		select {
		case <-done:
			for _, p := range peak {
				sum += p
			}
			return sum
		case <-tick.C:
		}
	}
}

// childrenOf returns the processes that a process has started and that live.
func childrenOf(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // its pattern is well-formed
	for _, name := range lists {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for _, f := range bytes.Fields(data) {
			if p, err := strconv.Atoi(string(f)); err == nil {
				pids = append(pids, p)
			}
		}
	}
	return pids
}

// procField returns the number behind a name in a file of /proc, 0 if it
// cannot be read.
func procField(file, name string) int64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(data, []byte("\n"+name))
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64) // 0 if it is no number
	return n
}

// filesystem names the file system that dir is on.
func filesystem(dir string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return ""
	}
	names := map[int64]string{0xEF53: "ext4", 0x01021994: "tmpfs", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x794C7630: "overlay", 0xF2F52010: "f2fs", 0x2FC12FC1: "zfs"}
	if n, ok := names[int64(st.Type)]; ok {
		return n
	}
	return fmt.Sprintf("file system %#x", st.Type)
}

// hardware returns the processor's name and the memory in bytes.
func hardware() (cpu string, memory int64) {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		if _, rest, ok := bytes.Cut(data, []byte("model name")); ok {
			line, _, _ := bytes.Cut(rest, []byte("\n"))
			cpu = string(bytes.TrimLeft(line, "\t :"))
		}
	}
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		fields := bytes.Fields(data)
		if len(fields) > 1 {
			kb, _ := strconv.ParseInt(string(fields[1]), 10, 64) // 0 if it is no number
			memory = kb << 10
		}
	}
	return cpu, memory
}

// spread asks ext4 to put each directory made in dir where there is room, and
// not beside the others. Where many files were removed lately, creating one
// takes ten times as long. Other file systems do not know the request.
func spread(dir string) {
	const (
		getFlags = 0x80086601
		setFlags = 0x40086602
		topDir   = 0x00020000
	)
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close()
	var flags uint32
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), getFlags, uintptr(unsafe.Pointer(&flags))); e != 0 {
		return
	}
	flags |= topDir
	_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), setFlags, uintptr(unsafe.Pointer(&flags))) // best effort
}

// settle has the system write out what the last run left, so that the next
// one does not wait for it.
func settle() { syscall.Sync() }

// written returns what this process had written to the disk so far, in bytes.
func written() int64 { return procField("/proc/self/io", "write_bytes:") }
