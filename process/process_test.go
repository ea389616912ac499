//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"weak"

	"github.com/trawl-go/trawl/process"
)

var errTest = errors.New("test: it went wrong")

// ways are how a function can end.
var ways = process.Register("ways", func(ctx context.Context, how string) (none, error) {
	fmt.Println("out", how)
	switch how {
	case "error":
		return none{}, fmt.Errorf("wrapped: %w", errTest)
	case "exit 7":
		os.Exit(7)
	case "exit 0":
		os.Exit(0)
	case "panic":
		panic("at the disco")
	case "goexit":
		runtime.Goexit()
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "fatal":
		debug.SetMaxStack(1 << 16)
		spun = overflow(1) // which cannot be recovered
	}
	return none{}, nil
})

func overflow(n int) int {
	if n < 0 {
		return 0
	}
	return overflow(n+1) + n
}

// busy never ends, and never looks up.
func busy() {
	for i := 0; ; i++ {
		spun = i
	}
}

var spun int

// gate is what a process needs to say that it has come somewhere, and to wait
// there.
type gate struct {
	Come *process.Event
	Go   *process.Event
}

func newGate(t *testing.T) gate {
	return gate{must(process.NewEvent()), must(process.NewEvent())}
}

func (g gate) pass(ctx context.Context) error {
	g.Come.Set()
	return g.Go.Wait(ctx)
}

var waits = process.Register("waits", func(ctx context.Context, g gate) (none, error) {
	return none{}, g.pass(ctx)
})

// arrived waits until a process has come to the gate.
func (g gate) arrived(t *testing.T) {
	t.Helper()
	if err := g.Come.Wait(soon(t)); err != nil {
		t.Fatalf("process did not come to its gate: %v", err)
	}
}

func TestItem152_Life(t *testing.T) {
	g := newGate(t)
	p := waits.New(g, nil)
	_, ok := p.ExitCode()
	want(t, "ExitCode before the start", ok, false)
	want(t, "PID before the start", p.PID(), 0)
	want(t, "Alive before the start", p.Alive(), false)
	wantErr(t, "Start()", p.Start(t.Context()), nil)
	g.arrived(t)
	want(t, "Alive", p.Alive(), true)
	want(t, "PID is one", p.PID() > 0 && p.PID() != os.Getpid(), true)
	want(t, "listed", slices.Contains(process.ActiveChildren(), p), true)
	_, ok = p.ExitCode()
	want(t, "ExitCode of a running one", ok, false)
	g.Go.Set()
	want(t, "exit code", join(t, p), 0)
	wantErr(t, "Err()", p.Err(), nil)
	want(t, "Alive at the end", p.Alive(), false)
	want(t, "listed at the end", slices.Contains(process.ActiveChildren(), p), false)
	want(t, "PID stays", p.PID() > 0, true)
}

func TestItem153_Misuse(t *testing.T) {
	p := answer.New(1, nil)
	wantErr(t, "Join() before the start", p.Join(t.Context()), process.ErrNotStarted)
	wantErr(t, "Start()", p.Start(t.Context()), nil)
	wantErr(t, "Start() again", p.Start(t.Context()), process.ErrStarted)
	join(t, p)
	wantErr(t, "Start() after the end", p.Start(t.Context()), process.ErrStarted)
	wantErr(t, "Join() again", p.Join(ended(t.Context())), nil)

	p = answer.New(1, nil)
	wantErr(t, "Start() with an ended context", p.Start(ended(t.Context())), context.Canceled)
	wantErr(t, "Join() of one that failed to start", p.Join(t.Context()), nil)
	wantErr(t, "Err()", p.Err(), context.Canceled)
	want(t, "listed", len(process.ActiveChildren()), 0)
}

func TestItem154_ExitCodes(t *testing.T) {
	for _, x := range []struct {
		how    string
		code   int
		stderr string
		err    string
	}{
		{"return", 0, "", ""},
		{"error", 1, "Process p: wrapped: test: it went wrong\n", "wrapped: test: it went wrong"},
		{"exit 7", 7, "", "exit code 7"},
		{"exit 0", 0, "", ""},
		{"goexit", 0, "", ""},
		{"panic", 2, "Process p: panic: at the disco\n\ngoroutine ", "panic: at the disco"},
		{"fatal", 2, "stack overflow", "fatal error: stack overflow"},
		{"killed", -9, "", "signal: killed"},
	} {
		t.Run(x.how, func(t *testing.T) {
			var out, errs text
			p := start(t, ways, x.how, &process.Options{Name: "p", Stdout: &out, Stderr: &errs})
			want(t, "exit code", join(t, p), x.code)
			want(t, "standard output", out.String(), "out "+x.how+"\n")
			wantText(t, "standard error", errs.String(), x.stderr)
			if x.stderr == "" {
				want(t, "standard error", errs.String(), "")
			}
			switch err := p.Err(); {
			case x.err == "":
				wantErr(t, "Err()", err, nil)
			case err == nil:
				t.Errorf("Err() = nil, want %q", x.err)
			default:
				wantText(t, "Err()", err.Error(), x.err)
			}
		})
	}
}

func TestItem154_ErrorsKeepTheirIdentity(t *testing.T) {
	p := start(t, ways, "error", &process.Options{Stderr: io.Discard})
	join(t, p)
	wantErr(t, "Err()", p.Err(), errTest)
	if errors.Is(p.Err(), io.EOF) {
		t.Errorf("Err() is io.EOF too")
	}
	var r *process.RemoteError
	want(t, "is a RemoteError", errors.As(p.Err(), &r), true)
	want(t, "type", r.Type, "*fmt.wrapError")
}

func TestItem155_Signals(t *testing.T) {
	for _, x := range []struct {
		name string
		send func(*process.Process) error
		code int
	}{
		{"interrupt", (*process.Process).Interrupt, -2},
		{"terminate", (*process.Process).Terminate, -15},
		{"kill", (*process.Process).Kill, -9},
	} {
		t.Run(x.name, func(t *testing.T) {
			g := newGate(t)
			p := waits.New(g, nil)
			wantErr(t, "before the start", x.send(p), process.ErrNotStarted)
			wantErr(t, "Start()", p.Start(t.Context()), nil)
			g.arrived(t)
			wantErr(t, x.name, x.send(p), nil)
			want(t, "exit code", join(t, p), x.code)
			var crash *process.CrashError
			want(t, "Err is a CrashError", errors.As(p.Err(), &crash), true)
			want(t, "its exit code", crash.ExitCode, x.code)
			wantErr(t, "after the end", x.send(p), process.ErrEnded)
		})
	}
}

func TestItem156_JoinDoesNotWait(t *testing.T) {
	g := newGate(t)
	p := start(t, waits, g, nil)
	wantErr(t, "Join() of a running one", p.Join(ended(t.Context())), context.Canceled)
	g.Go.Set()
	join(t, p)
}

func TestItem157_Done(t *testing.T) {
	p := answer.New(1, nil)
	select {
	case <-p.Done():
		t.Error("done before the start")
	default:
	}
	wantErr(t, "Start()", p.Start(t.Context()), nil)
	<-p.Done()
	want(t, "Alive", p.Alive(), false)
}

var cancels = process.Register("cancels", func(ctx context.Context, g gate) (string, error) {
	g.Come.Set()
	<-ctx.Done()
	return "", ctx.Err()
})

// 158 is about closing a Process, which holds nothing that has to be closed.
func TestItem158_ContextEndsInTheChild(t *testing.T) {
	g := newGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := cancels.Start(ctx, g, &process.Options{Stderr: io.Discard})
	wantErr(t, "Start()", err, nil)
	g.arrived(t)
	cancel()
	want(t, "exit code", join(t, p), 1)
	wantErr(t, "Err()", p.Err(), context.Canceled)
}

// told is what a process tells about itself and those it started.
type told struct {
	Self, Parent process.Info
	HasParent    bool
	Env          string
	Child        bool
}

type tellArg struct {
	Q     *process.Queue[told]
	Depth int
}

// A function that starts itself is registered in init: a package-level
// variable cannot refer to itself.
var tells *process.Func[tellArg, none]

func init() {
	tells = process.Register("tells", func(ctx context.Context, a tellArg) (none, error) {
		x := told{Self: process.Current(), Env: os.Getenv("TELL"), Child: process.IsChild()}
		x.Parent, x.HasParent = process.Parent()
		if err := a.Q.Put(ctx, x); err != nil || a.Depth == 0 {
			return none{}, err
		}
		// It is waited for when this one returns.
		_, err := tells.Start(ctx, tellArg{a.Q, a.Depth - 1}, nil)
		return none{}, err
	})
}

// 159, 161, 162, 165 and 169: names, parents, children of children, that one
// waits for one's children, and that the environment is inherited.
func TestItem159_NamesAndParents(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[told](0))
		p := start(t, tells, tellArg{q, 2}, &process.Options{Env: []string{"TELL=me"}})
		wantText(t, "default name", p.Name(), "Process-")
		want(t, "exit code", join(t, p), 0)
		want(t, "processes", q.Len(), 3)
		parent := process.Current()
		name := p.Name()
		want(t, "first process", parent.Name, "MainProcess")
		for range 3 {
			x := must(q.Get(t.Context()))
			want(t, "name", x.Self.Name, name)
			want(t, "parent", x.Parent, parent)
			want(t, "has a parent", x.HasParent, true)
			want(t, "is a child", x.Child, true)
			want(t, "environment", x.Env, "me")
			parent, name = x.Self, x.Self.Name+":1"
		}
		_, ok := process.Parent()
		want(t, "the first process has a parent", ok, false)
		want(t, "the first process is a child", process.IsChild(), false)
	})
}

func TestItem159_GivenName(t *testing.T) {
	p := answer.New(1, &process.Options{Name: "进程一"})
	want(t, "name", p.Name(), "进程一")
	wantErr(t, "Start()", p.Start(t.Context()), nil)
	want(t, "exit code", join(t, p), 0)
}

type daemonArg struct {
	Daemons *process.Queue[bool]
	Gate    gate
}

var startsDaemon = process.Register("startsDaemon", func(ctx context.Context, a daemonArg) (none, error) {
	a.Daemons.Put(ctx, process.Current().Daemon)
	// A daemon of a process that is none, and one that inherits it.
	p, err := waits.Start(ctx, a.Gate, &process.Options{Daemon: true})
	if err == nil {
		a.Daemons.Put(ctx, p.Daemon())
		err = a.Gate.Come.Wait(ctx)
	}
	return none{}, err
})

// Δ: a daemon may have children here, as none of ours outlives its parent.
func TestItem160_Daemons(t *testing.T) {
	for _, daemon := range []bool{false, true} {
		q := must(process.NewQueue[bool](0))
		p := start(t, startsDaemon, daemonArg{q, newGate(t)}, &process.Options{Daemon: daemon})
		want(t, "exit code of one that has only daemons", join(t, p), 0)
		want(t, "is a daemon", must(q.Get(t.Context())), daemon)
		want(t, "its child is a daemon", must(q.Get(t.Context())), true)
	}

	// Shutdown ends daemons and waits for the others.
	g, h := newGate(t), newGate(t)
	d := start(t, waits, g, &process.Options{Daemon: true})
	p := start(t, waits, h, nil)
	g.arrived(t)
	h.arrived(t)
	wantErr(t, "Shutdown()", process.Shutdown(ended(t.Context())), context.Canceled)
	want(t, "exit code of the daemon", join(t, d), -15)
	want(t, "the other is alive", p.Alive(), true)
	h.Go.Set()
	wantErr(t, "Shutdown()", process.Shutdown(soon(t)), nil)
	want(t, "the other is alive", p.Alive(), false)
}

func TestItem163_ManyAtOnce(t *testing.T) {
	g := newGate(t)
	var ps []*process.Process
	for range 30 {
		p, err := waits.Start(t.Context(), g, nil)
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	for _, p := range ps {
		p.Terminate()
	}
	for _, p := range ps {
		want(t, "exit code", join(t, p), -15)
	}
	want(t, "active children", len(process.ActiveChildren()), 0)
}

var files = process.Register("files", func(_ context.Context, q *process.Queue[[]string]) (none, error) {
	es, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return none{}, err
	}
	var names []string
	for _, e := range es {
		s, _ := os.Readlink("/proc/self/fd/" + e.Name())
		names = append(names, s)
	}
	return none{}, q.Put(context.Background(), names)
})

func TestItem164_NoForeignFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	f, err := os.CreateTemp(t.TempDir(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	q := must(process.NewQueue[[]string](0))
	run := func() []string {
		p := start(t, files, q, nil)
		want(t, "exit code", join(t, p), 0)
		return must(q.Get(t.Context()))
	}
	alone := run()
	var gates []gate
	for range 8 {
		g := newGate(t)
		start(t, waits, g, nil)
		gates = append(gates, g)
	}
	for _, g := range gates {
		g.arrived(t)
	}
	with := run()
	want(t, "number of files with siblings", len(with), len(alone))
	for _, name := range with {
		if strings.Contains(name, "secret") {
			t.Errorf("child has %s", name)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errTest }

func TestItem166_BrokenOutput(t *testing.T) {
	p := start(t, ways, "return", &process.Options{Stdout: broken{}, Stderr: broken{}})
	want(t, "exit code", join(t, p), 0)
}

// Δ 167: Go has no exit handlers; deferred calls have run when a function
// returned.

func TestItem168_ForgottenInit(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FORGOT_INIT=1")
	out, err := cmd.CombinedOutput()
	wantErr(t, "run", err, nil)
	msg := process.ErrNoInit.Error()
	want(t, "output", string(out), "Start: "+msg+"\nApply: "+msg+"\n")
	wantText(t, "message", msg, "main")
	wantText(t, "message", msg, "TestMain")
}

var stdin = process.Register("stdin", func(_ context.Context, q *process.Queue[int]) (none, error) {
	b, err := io.ReadAll(os.Stdin)
	q.Put(context.Background(), len(b))
	return none{}, err
})

func TestItem170_StandardInputIsEmpty(t *testing.T) {
	q := must(process.NewQueue[int](0))
	p := start(t, stdin, q, nil)
	want(t, "exit code", join(t, p), 0)
	want(t, "bytes", must(q.Get(t.Context())), 0)
}

type big struct{ B [1 << 16]byte }

var takesBig = process.Register("takesBig", func(_ context.Context, b *big) (none, error) { return none{}, nil })

func TestItem171_ArgumentIsReleased(t *testing.T) {
	arg := new(big)
	w := weak.Make(arg)
	p := start(t, takesBig, arg, nil)
	arg = nil
	runtime.GC()
	want(t, "argument is gone", w.Value() == nil, true)
	want(t, "exit code", join(t, p), 0)
}

var lines = process.Register("lines", func(_ context.Context, n int) (none, error) {
	for i := range n {
		// In pieces, as programs do.
		fmt.Fprintf(os.Stdout, "%d ", process.Current().PID)
		fmt.Fprintf(os.Stdout, "line %d ", i)
		fmt.Fprintf(os.Stdout, "中文\n")
	}
	fmt.Fprint(os.Stderr, "no newline")
	return none{}, nil
})

// once is a writer that notes each Write.
type writes struct {
	text
	parts []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts = append(w.parts, string(p))
	return len(p), nil
}

func TestOutputComesInWholeLines(t *testing.T) {
	var out writes
	var errs text
	var ps []*process.Process
	for range 3 {
		ps = append(ps, start(t, lines, 300, &process.Options{Stdout: &out, Stderr: &errs}))
	}
	for _, p := range ps {
		want(t, "exit code", join(t, p), 0)
	}
	n := 0
	for _, part := range out.parts {
		if !strings.HasSuffix(part, "中文\n") {
			t.Fatalf("a Write of %q", part)
		}
		for line := range strings.Lines(part) {
			var pid, i int
			if _, err := fmt.Sscanf(line, "%d line %d 中文\n", &pid, &i); err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			n++
		}
	}
	want(t, "lines", n, 900)
	want(t, "standard error", errs.String(), strings.Repeat("no newline", 3))
}

var says = process.Register("says", func(ctx context.Context, l *process.Lock) (none, error) {
	for range 20 {
		if err := l.Acquire(ctx); err != nil {
			return none{}, err
		}
		for i := range 4 {
			fmt.Printf("%d of %d\n", i, os.Getpid())
		}
		l.Release()
	}
	return none{}, nil
})

// Processes that take turns at one file keep the order.
func TestOutputInTurns(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	wantErr(t, "CreateTemp()", err, nil)
	defer f.Close()
	l := must(process.NewLock())
	var ps []*process.Process
	for range 3 {
		ps = append(ps, start(t, says, l, &process.Options{Stdout: f}))
	}
	for _, p := range ps {
		want(t, "exit code", join(t, p), 0)
	}
	b, err := os.ReadFile(f.Name())
	wantErr(t, "ReadFile()", err, nil)
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	want(t, "lines", len(all), 3*20*4)
	for i, line := range all {
		var n, pid, first, with int
		fmt.Sscanf(line, "%d of %d", &n, &pid)
		fmt.Sscanf(all[i/4*4], "%d of %d", &first, &with)
		if n != i%4 || pid != with {
			t.Fatalf("line %d is %q, within those of %d", i, line, with)
		}
	}
}

var orphan = process.Register("orphan", func(ctx context.Context, a holdArg) (none, error) {
	// Its child is busy, in a loop that never looks up.
	if _, err := holdsBusy.Start(ctx, a, nil); err != nil {
		return none{}, err
	}
	select {}
})

// holdArg is a lock to hold, and an event to tell that it is held.
type holdArg struct {
	L    *process.Lock
	Held *process.Event
}

var holdsBusy = process.Register("holdsBusy", func(ctx context.Context, a holdArg) (none, error) {
	if err := a.L.Acquire(ctx); err != nil {
		return none{}, err
	}
	a.Held.Set()
	busy()
	return none{}, nil
})

func TestItem253_ChildrenDieWithTheirParent(t *testing.T) {
	both(t, func(t *testing.T) {
		l, held := must(process.NewLock()), must(process.NewEvent())
		p := start(t, orphan, holdArg{l, held}, nil)
		wantErr(t, "Wait()", held.Wait(soon(t)), nil)
		p.Kill()
		// The grandchild takes its lock to the grave.
		wantErr(t, "Acquire()", l.Acquire(soon(t)), process.ErrOwnerDied)
	})
}
