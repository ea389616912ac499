package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attackSite serves a page under every address, and returns the flags that
// lead there.
func attackSite(t *testing.T) []string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!DOCTYPE html><title>页面</title>")
	}))
	t.Cleanup(site.Close)
	return []string{"--connect-to", "site.test=" + site.Listener.Addr().String()}
}

// TestHostileSpiders runs spiders that would use up the machine: each such
// page fails, for the right reason, and all others are collected.
func TestHostileSpiders(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 15 seconds")
	}
	t.Parallel()
	program, connect := buildTrawl(t), attackSite(t)

	t.Run("pages", func(t *testing.T) {
		t.Parallel()
		// What may end them: a limit of the interpreter ("spider"), of memory,
		// of time. Which one comes first may depend on the machine.
		attacks := map[string]string{
			"loop": "spider", "loop_of_work": "spider deadline", "doubling": "memory deadline", "zeros": "memory deadline", "join": "memory deadline",
			"dicts": "memory deadline spider", "bomb": "memory deadline", "nesting": "memory deadline spider", "sort": "deadline", "hashing": "deadline",
		}
		dir := filepath.Join(t.TempDir(), "out")
		var stdout, stderr bytes.Buffer
		c := exec.CommandContext(t.Context(), program, append([]string{"run", "testdata/attacks.star", "-d", dir, "--json", "--workers", "processes(3)"}, connect...)...)
		c.Stdout, c.Stderr = &stdout, &stderr
		_ = c.Run() // the status says it
		if got := c.ProcessState.ExitCode(); got != 1 {
			t.Fatalf("exit status %d, want 1\n%s", got, &stderr)
		}
		failed := make(map[string]string)
		for line := range strings.Lines(stdout.String()) {
			var ev struct{ Event, URL, Reason, Message string }
			if err := json.Unmarshal([]byte(line), &ev); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if ev.Event != "failed" {
				continue
			}
			name := ev.URL[strings.LastIndex(ev.URL, "/")+1:]
			failed[name] = ev.Reason
			if !slices.Contains(strings.Fields(attacks[name]), ev.Reason) {
				t.Errorf("%s failed for %s, want %q: %s", name, ev.Reason, attacks[name], ev.Message)
			}
			if ev.Reason == "deadline" && !strings.Contains(ev.Message, "takes longer than 5s; the worker process was ended") {
				t.Errorf("%s: %s", name, ev.Message)
			}
		}
		if len(failed) != len(attacks) {
			t.Errorf("%d pages failed, want %d: %v", len(failed), len(attacks), failed)
		}
		items, err := os.ReadFile(filepath.Join(dir, "attacks.jsonl"))
		if n := bytes.Count(items, []byte("\n")); n != 20 || err != nil {
			t.Errorf("%d records, want 20; %v", n, err)
		}
		// The largest of all processes, in kB: no worker is over its limit,
		// and nothing of it reaches the program.
		if most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; most > 600_000 {
			t.Errorf("a process used %d MB", most/1000)
		}
	})

	// At the top of a spider it is an error, and nothing is fetched.
	for name, want := range map[string]string{
		"loop":    `attacks\.star:\d+:\d+: loading the spider takes more than 1000000 steps`,
		"zeros":   `attacks\.star: loading the spider needs more than 512 MB of memory; the worker process was ended`,
		"hashing": `attacks\.star: loading the spider takes longer than 5s; the worker process was ended`,
	} {
		t.Run("top "+name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "out")
			c := exec.CommandContext(t.Context(), program, append([]string{"run", "testdata/attacks.star", "-a", "top=" + name, "-d", dir}, connect...)...)
			out, _ := c.CombinedOutput() // the status says it
			if got := c.ProcessState.ExitCode(); got != 2 || !regexp.MustCompile(want).Match(out) {
				t.Errorf("exit status %d, want 2, with %s:\n%s", got, want, out)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("a directory was made")
			}
		})
	}
}

// TestWorkersEnd ends the program in several ways while its workers are busy:
// none of them is left.
func TestWorkersEnd(t *testing.T) {
	t.Parallel()
	connect := attackSite(t)
	for name, end := range map[string]func(c *child){
		"killed":      func(c *child) { c.signal(os.Kill); c.exits(-1) },
		"interrupted": func(c *child) { c.signal(os.Interrupt); c.exits(130) },
		"interrupted twice": func(c *child) {
			c.signal(os.Interrupt)
			c.stderr.waitFor(c.T, "stopping: ")
			c.signal(os.Interrupt)
			c.exits(130)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			spider := filepath.Join(dir, "busy.star")
			// 2^60 steps of one operation, which nothing but a kill ends.
			text := "start = ['https://site.test/%d' % n for n in range(8)]\n" +
				"def parse(page):\n    print('busy')\n    t = ()\n    for i in range(60): t = (t, t)\n    return {t: 1}\n"
			if err := os.WriteFile(spider, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			c := startTrawl(t, append([]string{"run", spider, "-d", filepath.Join(dir, "out")}, connect...)...)
			c.stderr.waitFor(t, "busy.star:3: busy")
			workers := watchChildren(t, c.cmd.Process.Pid)
			if len(workers) == 0 {
				t.Fatal("there are no workers")
			}
			end(c)
			for _, w := range workers {
				w.ends(t)
			}
			if strings.Contains(c.stderr.String(), "crash") {
				t.Errorf("the end of the program is told as a crash:\n%s", &c.stderr)
			}
		})
	}
}

// A watched process is known by a file, which stays right when the number of
// the process is used again.
type watched struct {
	pid int
	fd  int
}

// watchChildren returns the children that a process has.
func watchChildren(t *testing.T, parent int) (list []watched) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it is gone
		}
		// "PID (NAME) STATE PPID …", where NAME may hold anything.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(f) < 2 || f[1] != strconv.Itoa(parent) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		t.Cleanup(func() { unix.Close(fd) })
		list = append(list, watched{pid, fd})
	}
	return list
}

// ends waits until the process has ended.
func (w watched) ends(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(time.Until(deadline).Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil:
			t.Fatal(err)
		case n == 0:
			t.Fatalf("worker %d is still there", w.pid)
		default:
			return
		}
	}
}
