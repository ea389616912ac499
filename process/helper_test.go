package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/process"
)

// Tests named TestItemN pin what CPython's tests pin, or what its
// multiprocessing gets wrong, by number. Some numbers have no test of their own:
// 174, 175 and 185 are about buffers of the caller's, 181 is select with Done
// and Poll, 219 and 223 are about scopes and finalizers, which a Pool has not;
// 222 is in 246, 225 in the codec's tests, 227 to 236 in 226, 239 and 240 in 247,
// 245 in 241.

func TestMain(m *testing.M) {
	if os.Getenv("FORGOT_INIT") != "" {
		forgotInit()
		return
	}
	process.Init()
	if raceEnabled {
		// A program with the race detector sleeps for a second before it
		// exits, to catch what happens meanwhile.
		os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	}
	os.Exit(m.Run())
}

var answer = process.Register("answer", func(_ context.Context, n int) (int, error) { return 42 * n, nil })

// none is the result of functions that have none.
type none struct{}

// within returns a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// soon is the context of calls that must return, however slow the machine is.
func soon(t *testing.T) context.Context {
	t.Helper()
	return within(t, time.Minute)
}

// ended returns a context that has ended.
func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// want checks a value.
func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// wantErr checks err with errors.Is; nil wants nil.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

// wantAs checks err with errors.As.
func wantAs(t *testing.T, what string, err error, target any) {
	t.Helper()
	if !errors.As(err, target) {
		t.Errorf("%s = %v, want an error of type %T", what, err, target)
	}
}

// must returns v if there is no error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// text is a writer for several goroutines.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s = %q, want it to contain %q", what, got, want)
	}
}

// start starts a process that is killed at the end of the test.
func start[A, R any](t *testing.T, f *process.Func[A, R], arg A, opts *process.Options) *process.Process {
	t.Helper()
	p, err := f.Start(context.Background(), arg, opts)
	if err != nil {
		t.Fatalf("Start(%s) = %v", f.Name(), err)
	}
	t.Cleanup(func() {
		p.Kill()
		p.Join(context.Background())
	})
	return p
}

// join waits for the end of a process and returns its exit code.
func join(t *testing.T, p *process.Process) int {
	t.Helper()
	if err := p.Join(soon(t)); err != nil {
		t.Fatalf("Join(%s) = %v", p.Name(), err)
	}
	code, ok := p.ExitCode()
	if !ok {
		t.Fatalf("%s has no exit code after Join", p.Name())
	}
	return code
}

// newPool makes a pool that is terminated at the end of the test, and must not
// hang then.
func newPool(t *testing.T, opts *process.PoolOptions) *process.Pool {
	t.Helper()
	p := process.NewPool(opts)
	t.Cleanup(func() {
		p.Terminate()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Join(ctx); err != nil {
			t.Errorf("Join() at the end = %v; %+v", err, p.Stats())
		}
	})
	return p
}

// eventually waits for what nothing tells about.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	ctx := soon(t)
	for !f() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not after a minute: %s", what)
		}
	}
}

// forgotInit is a main that calls everything but Init.
func forgotInit() {
	_, err := answer.Start(context.Background(), 1, nil)
	fmt.Println("Start:", err)
	_, err = answer.Apply(context.Background(), process.NewPool(nil), 1)
	fmt.Println("Apply:", err)
}
