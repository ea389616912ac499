//go:build unix

package main

import (
	"syscall"
	"testing"

	"github.com/trawl-go/trawl/internal/postgres/pgtest"
)

// A process is frozen for longer than its lease. Another one takes its hosts
// over and finishes the job; when the first wakes, what it brings is refused,
// and it ends well.
func TestSharedFrozen(t *testing.T) {
	pgtest.Need(t)
	s := newSharedTest(t, buildTrawl(t), "doutula")
	frozen, fout := s.startRun()
	s.requests(20)
	if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	heir, out := s.startWorker()
	s.wait(heir, out)
	if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.wait(frozen, fout)
	s.check(inFlight + commitGroup)
}
