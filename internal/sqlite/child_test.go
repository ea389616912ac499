//go:build unix

package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

// childVar, if set, makes the test binary work as a child: it holds the task,
// its number and the job's directory, parted by spaces.
const childVar = "TRAWL_SQLITE_CHILD"

func TestMain(m *testing.M) {
	if v := os.Getenv(childVar); v != "" {
		task, rest, _ := strings.Cut(v, " ")
		n, dir, _ := strings.Cut(rest, " ")
		number, err := strconv.Atoi(n)
		if err == nil {
			err = children[task](dir, number)
		}
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// children are what a child can do. Each prints a line when it has reached
// something that the parent waits for.
var children = map[string]func(dir string, n int) error{
	"script": runScript,
	"folds":  runFoldingScript,
	"crawl":  crawl,
	"hold":   holdJob,
	"full":   fillFile,
}

// runScript does the script and dies at step n%3 of the n/3-th transaction,
// or after all of it. Every step that has returned is a line "done".
func runScript(dir string, n int) error { return runScriptWith(dir, n, 0) }

// runFoldingScript is runScript with hardly a backlog.
func runFoldingScript(dir string, n int) error { return runScriptWith(dir, n, 2) }

func runScriptWith(dir string, n, backlog int) error {
	at := 0
	opts := sqlite.WithBacklog(backlog)
	opts.SetHook(func(step int) {
		if at == n {
			die()
		}
		at++
	})
	s, err := sqlite.Open(context.Background(), dir, opts)
	if err != nil {
		return err
	}
	ls, err := s.Acquire(context.Background(), "child", 0, 0)
	if err != nil {
		return err
	}
	for i, step := range storetest.Script() {
		if err := step(context.Background(), s, ls[0]); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		fmt.Println("done")
	}
	die()
	return nil
}

// die ends the process as kill -9 does.
func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// holdJob opens the job, adds n pages, and keeps it open until stdin ends.
func holdJob(dir string, n int) error {
	s, err := sqlite.Open(context.Background(), dir, nil)
	if err != nil {
		return err
	}
	if _, err := s.Add(context.Background(), someEntries(n), nil); err != nil {
		return err
	}
	fmt.Println("done")
	io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

// fillFile adds pages until no file may grow beyond n bytes, which is what a
// full quota looks like, checks that this is an error of the kind that it
// should be, and goes on after the limit is gone.
func fillFile(dir string, n int) error {
	ctx := context.Background()
	signal.Ignore(syscall.SIGXFSZ)
	s, err := sqlite.Open(ctx, dir, nil)
	if err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(n), Max: old.Max}); err != nil {
		return err
	}
	es := someEntries(5_000)
	added := 0
	for err == nil && added < len(es) {
		if _, err = s.Add(ctx, es[added:added+100], nil); err == nil {
			added += 100
		}
	}
	if !errors.Is(err, store.ErrIO) && !errors.Is(err, store.ErrFull) {
		return fmt.Errorf("Add = %v, want ErrIO or ErrFull", err)
	}
	if st, err := s.Stats(ctx); err != nil || st.Pages.Waiting != int64(added) {
		return fmt.Errorf("after the error Stats = %v, %v; want %d pages", st, err, added)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if _, err := s.Add(ctx, es[added:added+100], nil); err != nil {
		return fmt.Errorf("with space again: %w", err)
	}
	fmt.Println("done", added+100)
	return s.Close()
}

// child starts the test binary as a child. Its stdin is closed by the end of
// the test at the latest.
func child(t *testing.T, task string, n int, dir string) (*exec.Cmd, *bufio.Reader, io.Closer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", childVar, task, n, dir))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewReader(out), in
}

// line reads a line that a child prints, and fails unless it begins so.
func line(t *testing.T, r *bufio.Reader, begin string) string {
	t.Helper()
	l, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(l, begin) {
		t.Fatalf("the child says %q (%v), want %q", l, err, begin)
	}
	return strings.TrimSpace(strings.TrimPrefix(l, begin))
}
