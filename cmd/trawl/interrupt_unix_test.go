//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/replica"
)

// album has 8 pictures on img.example.test.
const album = "https://photos.example.test/album/plain/"

// A child is the program at work.
type child struct {
	*testing.T
	cmd    *exec.Cmd
	stdout syncBuffer
	stderr syncBuffer
}

// syncBuffer can be read while it is written.
type syncBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{} // may be nil
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Write(p)
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// waitFor waits until the program has written a text.
func (b *syncBuffer) waitFor(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(b.String(), text) {
		select {
		case <-b.changed:
		case <-t.Context().Done():
			t.Fatalf("%q was not written", text)
		}
	}
}

func startTrawl(t *testing.T, args ...string) *child {
	t.Helper()
	c := &child{T: t, cmd: exec.CommandContext(t.Context(), "trawl", args...)}
	c.stdout.changed, c.stderr.changed = make(chan struct{}, 1), make(chan struct{}, 1)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *child) signal(s os.Signal) {
	c.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.Fatal(err)
	}
}

// exits waits for the end and checks the status.
func (c *child) exits(status int) {
	c.Helper()
	_ = c.cmd.Wait() // the status says it
	if got := c.cmd.ProcessState.ExitCode(); got != status {
		c.Fatalf("exit status %d, want %d\n%s", got, status, &c.stderr)
	}
}

// startSite starts a replica.
func startSite(t *testing.T, o *replica.Options) *replica.Server {
	t.Helper()
	s := replica.New(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func connect(s *replica.Server) []string {
	var args []string
	for _, c := range s.ConnectTo() {
		args = append(args, "--connect-to", c)
	}
	return args
}

// stuck starts a job of 8 files, two of which hang, and returns when the other
// six are saved.
func stuck(t *testing.T) (c *child, s *replica.Server, args []string) {
	s = startSite(t, nil)
	s.Change("img.example.test", func(r *replica.Rules) {
		r.Faults = []replica.Fault{{Kind: replica.Hang, Prefix: "/full/plain/01"}, {Kind: replica.Hang, Prefix: "/full/plain/02"}}
	})
	args = append([]string{"get", album, "-d", filepath.Join(t.TempDir(), "out")}, connect(s)...)
	c = startTrawl(t, args...)
	for i := 3; i <= 8; i++ {
		c.stdout.waitFor(t, "0"+string(rune('0'+i))+".")
	}
	if err := s.Log().Until(t.Context(), func() bool { return s.Log().Active() == 2 }); err != nil {
		t.Fatal(err)
	}
	return c, s, args
}

// resume runs the command again and checks that it asks for the two that hung
// and has all eight at the end.
func resume(t *testing.T, s *replica.Server, args []string) {
	t.Helper()
	s.Change("*", func(r *replica.Rules) { *r = replica.Rules{} })
	if err := s.Log().Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := s.Log().Len()
	c := startTrawl(t, args...)
	c.exits(0)
	if got := len(c.pictures(s, n)); got != 2 {
		t.Errorf("the second run asked for %d pictures, want the 2 that were left", got)
	}
	files, err := recorded(args[3])
	if err == nil {
		err = checkDir(s, args[3], files, nil)
	}
	if err != nil || len(files) != 8 {
		t.Errorf("%d files at the end, want 8; %v", len(files), err)
	}
}

// pictures returns the requests for pictures after the first n.
func (c *child) pictures(s *replica.Server, n int) []replica.Request {
	var out []replica.Request
	for _, r := range s.Log().Since(n) {
		if r.Host == "img.example.test" && r.Path != "/robots.txt" {
			out = append(out, r)
		}
	}
	return out
}

// TestInterrupt interrupts a job that hangs: it ends after its 5 seconds, and
// the same command goes on.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	c, s, args := stuck(t)
	began := time.Now()
	c.signal(os.Interrupt)
	c.stderr.waitFor(t, "stopping: what is under way gets 5 seconds; interrupt again to stop now\n")
	c.exits(130)
	// The request would have hung for 30 seconds.
	if d := time.Since(began); d < 4*time.Second || d > 20*time.Second {
		t.Errorf("it took %v to end, want about 5s", d)
	}
	for _, want := range []string{`get: interrupted in `, `  files       6 saved, 2 left, `, `  next        2 requests left; the same command goes on\n`} {
		if ok, err := regexp.MatchString(want, c.stderr.String()); !ok || err != nil {
			t.Errorf("the summary lacks %q:\n%s", want, &c.stderr)
		}
	}
	resume(t, s, args)
}

// TestTerminate is the same with SIGTERM, and a job in which nothing hangs:
// then it does not take 5 seconds.
func TestTerminate(t *testing.T) {
	t.Parallel()
	s := startSite(t, &replica.Options{Latency: 50 * time.Millisecond})
	args := append([]string{"run", "doutula", "-a", "pages=2", "-d", filepath.Join(t.TempDir(), "out")}, connect(s)...)
	c := startTrawl(t, args...)
	c.stdout.waitFor(t, "imgs/")
	began := time.Now()
	c.signal(syscall.SIGTERM)
	c.exits(130)
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("it took %v to end with nothing that hangs", d)
	}
	if strings.Contains(c.stderr.String(), "failed") {
		t.Errorf("an interruption is no failure:\n%s", &c.stderr)
	}
	c = startTrawl(t, args...)
	c.exits(0)
	files, err := recorded(args[5])
	if err == nil {
		err = checkDir(s, args[5], files, nil)
	}
	if err != nil || len(files) != 136 {
		t.Errorf("%d files at the end, want 136; %v", len(files), err)
	}
}

// TestInterruptTwice stops at once.
func TestInterruptTwice(t *testing.T) {
	t.Parallel()
	c, s, args := stuck(t)
	began := time.Now()
	c.signal(os.Interrupt)
	c.stderr.waitFor(t, "stopping: ")
	c.signal(os.Interrupt)
	c.exits(130)
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("it took %v to stop", d)
	}
	resume(t, s, args)
}

// TestDemoServe collects from the sites that the demo serves, with the line
// that it prints.
func TestDemoServe(t *testing.T) {
	t.Parallel()
	c := startTrawl(t, "demo", "--serve")
	c.stdout.waitFor(t, "Interrupt to end.")
	var flags []string
	for line := range strings.Lines(c.stdout.String()) {
		if strings.HasPrefix(line, "--connect-to ") {
			flags = strings.Fields(line)
		}
	}
	dir := filepath.Join(t.TempDir(), "out")
	startTrawl(t, append([]string{"run", "doutula", "-a", "pages=1", "-d", dir}, flags...)...).exits(0)
	if files, err := recorded(dir); len(files) != 68 || err != nil {
		t.Errorf("%d files, want 68; %v", len(files), err)
	}
	c.signal(os.Interrupt)
	c.exits(0)
}
