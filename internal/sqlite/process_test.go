//go:build unix

package sqlite_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/trawl-go/trawl/internal/sqlite"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	cmd, out, _ := child(t, "hold", 7, dir)
	line(t, out, "done")
	wantLocked(t, dir, cmd.Process.Pid)

	r := open(t, dir, &sqlite.Options{ReadOnly: true})
	if n := waitingPages(t, r); n != 7 {
		t.Errorf("a reader sees %d pages while the owner lives, want 7", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if n := waitingPages(t, r); n != 7 {
		t.Errorf("that reader sees %d pages after the owner was killed, want 7", n)
	}
	r2 := open(t, dir, &sqlite.Options{ReadOnly: true})
	if n := waitingPages(t, r2); n != 7 {
		t.Errorf("a new reader sees %d pages after the owner was killed, want 7", n)
	}
	if err := r2.Close(); err != nil {
		t.Fatal(err)
	}

	s := open(t, dir, nil)
	if n := waitingPages(t, s); n != 7 {
		t.Errorf("the next owner sees %d pages, want 7", n)
	}
	wantLocked(t, dir, os.Getpid())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil) // and once more, after an orderly end
}

// TestWriteError makes the operating system refuse a write.
func TestWriteError(t *testing.T) {
	dir := t.TempDir()
	cmd, out, _ := child(t, "full", 200_000, dir)
	n, err := strconv.ParseInt(line(t, out, "done "), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := waitingPages(t, open(t, dir, nil)); got != n {
		t.Errorf("%d pages are there, want %d", got, n)
	}
}
