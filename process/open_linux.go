//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package process

import (
	"errors"
	"unsafe"
)

// newShared makes a tool in the arena and returns its offset; or false, if
// there is no arena, or no room in it.
func newShared(kind byte, n int, bounded bool) (off uint64, ok bool) {
	a, err := getArena()
	if err != nil {
		return 0, false
	}
	switch kind {
	case kindLock:
		off, err = a.allocZero(uint64(unsafe.Sizeof(lockBlock{})))
	case kindSemaphore:
		off, err = newArenaSemaphore(a, n, bounded)
	case kindEvent:
		off, err = a.allocZero(uint64(unsafe.Sizeof(eventBlock{})))
	case kindQueue:
		off, err = newArenaQueue(a, n)
	case kindMemory:
		off, err = a.allocZero(uint64(n))
	default:
		return 0, false
	}
	return off, err == nil
}

// openShared returns what works on the tool at off; size is that of memory.
func openShared(kind byte, off, size uint64) (any, error) {
	a, err := getArena()
	if err != nil {
		return nil, err
	}
	if off < arenaStart || off >= arenaSize || size > arenaSize-off || off%8 != 0 {
		return nil, errNoObject
	}
	switch kind {
	case kindLock:
		return newArenaLock(a, off), nil
	case kindSemaphore:
		return openArenaSemaphore(a, off), nil
	case kindEvent:
		return arenaEvent{a, (*eventBlock)(unsafe.Add(a.base, off))}, nil
	case kindQueue:
		return openArenaQueue(a, off), nil
	case kindMemory:
		return arenaMemory{a.bytes(off, size)}, nil
	}
	return nil, errors.ErrUnsupported
}
