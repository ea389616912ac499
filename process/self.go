package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// Info tells about a process of the family: the first one, which made the
// others, or one of its descendants.
type Info struct {
	Name   string // "MainProcess" for the first one
	PID    int
	Daemon bool
}

// self is this process: what the operating system keeps once per process, we
// have to keep in a variable.
var self = this{children: make(map[*Process]bool)}

type this struct {
	inited   atomic.Bool
	portable atomic.Bool // tests: make no tools in shared memory

	// Set by serve before any other code of the program can ask.
	info     Info
	parent   Info
	isChild  bool
	identity string // "1:2" is the second process of the first
	up       *link  // to the parent
	server   *server

	count atomic.Int64 // of processes started, for their names

	mu       sync.Mutex // guards what follows
	children map[*Process]bool

	root  rooted
	asks  asks
	arena arenaOnce
}

// environment variable that tells a process that it is a child, and which
// files connect it to its parent.
const envKey = "TRAWL_PROCESS"

// Init makes this program able to run as a worker of itself. Call it as the
// first statement of main, and of TestMain in packages whose tests start
// processes:
//
//	func TestMain(m *testing.M) {
//		process.Init()
//		os.Exit(m.Run())
//	}
//
// In a worker Init does the worker's job and does not return. Elsewhere it
// returns at once; without it Func.Start and all pools fail with ErrNoInit, as
// the program could not be its own worker.
func Init() {
	if self.inited.Swap(true) {
		return
	}
	if v := os.Getenv(envKey); v != "" {
		os.Unsetenv(envKey)
		os.Exit(serve(v))
	}
}

// IsChild tells whether this process was started by this package. It can be
// used before Init, in package-level variables and init functions, to leave
// out what a worker does not need.
func IsChild() bool { return self.isChild || os.Getenv(envKey) != "" }

// Current tells about this process.
func Current() Info {
	if self.isChild {
		return self.info
	}
	return Info{Name: "MainProcess", PID: os.Getpid()}
}

// Parent tells about the process that started this one. It returns false in
// the first process.
//
// There is no need to watch the parent: this process ends when it does.
func Parent() (Info, bool) { return self.parent, self.isChild }

// ActiveChildren returns the processes that this one started with Func.Start
// or Process.Start and that have not ended, in no particular order. Workers of
// pools are not among them.
func ActiveChildren() []*Process {
	self.mu.Lock()
	defer self.mu.Unlock()
	var out []*Process
	for p := range self.children {
		out = append(out, p)
	}
	return out
}

// Shutdown terminates the daemons among this process's children and joins the
// others. Use it at the end of main: children still running when main returns
// are killed.
//
//	defer process.Shutdown(ctx)
//
// In a process started by this package the same happens by itself when its
// function returns. If ctx ends first Shutdown returns ctx.Err().
func Shutdown(ctx context.Context) error {
	for {
		var wait *Process
		for _, p := range ActiveChildren() {
			if p.daemon {
				p.Terminate()
			} else {
				wait = p
			}
		}
		if wait == nil {
			return nil
		}
		if err := wait.Join(ctx); err != nil {
			return err
		}
	}
}

// nextIdentity gives the next child its number and its default name.
func nextIdentity(prefix string) (identity, name string) {
	identity = strconv.FormatInt(self.count.Add(1), 10)
	if self.identity != "" {
		identity = self.identity + ":" + identity
	}
	return identity, fmt.Sprintf("%s-%s", prefix, identity)
}

// newSession gives a number by which the first process tells processes apart.
func newSession() uint64 { return rand.Uint64() | 1 }
