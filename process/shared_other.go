//go:build !(linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x))

package process

import (
	"errors"
	"os"
)

// There is no shared memory here: the hub does everything, and pipes are the
// system's.

type arenaOnce struct{}

func arenaFile() *os.File { return nil }

func setArenaFile(*os.File) {}

func sweepArena() {}

func newShared(kind byte, n int, bounded bool) (id uint64, ok bool) { return 0, false }

func openShared(kind byte, id, size uint64) (any, error) { return nil, errors.ErrUnsupported }

func newRing() (inlet, outlet, bool) { return nil, nil, false }

func takeRing(*decoder) (mem, bell *os.File, err error) { return nil, nil, errors.ErrUnsupported }

func newRingInlet(mem, bell *os.File) inlet { return nil }

func newRingOutlet(mem, bell *os.File) outlet { return nil }
