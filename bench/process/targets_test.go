package process

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/process"
)

func TestMain(m *testing.M) {
	process.Init()
	os.Exit(m.Run())
}

var (
	targets = flag.Bool("targets", false, "measure beside the peers")
	only    = flag.String("only", "", "measure only what begins with this")
)

// rounds is how often each pair is measured.
const rounds = 5

// rows are what is compared: what we do n times a round, and what the peer
// does m times.
var rows = []struct {
	what   string
	ours   string
	n      int
	peer   string // of Python, or "go-plugin"
	m      int
	target float64 // how many times faster we promise to be; 0: told for honesty
}{
	{"apply round trip / Pool.apply", "apply", 5_000, "apply", 2_000, 6},
	{"apply 64 B round trip / go-plugin", "apply 64 B", 5_000, "go-plugin", 3_000, 2.5},
	{"submit + result / Pool.apply_async", "submit", 100_000, "apply_async", 10_000, 5},
	{"submit + result / ProcessPoolExecutor", "submit", 100_000, "ppe_submit", 4_000, 12},
	{"imap_unordered / Pool.imap_unordered", "imap_unordered", 100_000, "imap_unordered", 15_000, 5},
	{"map in chunks of 1000 / Pool.map", "map_chunks", 1_000_000, "map_chunks", 500_000, 0},
	{"start of 4 workers / spawn", "start4", 5, "start4_spawn", 1, 10},
	{"start of 4 workers / fork", "start4", 5, "start4_fork", 3, 0},
	{"Queue 64 B / Queue", "queue", 200_000, "queue", 30_000, 4},
	{"Pipe 64 B / Pipe.send_bytes", "pipe", 200_000, "pipe", 60_000, 3},
	{"Pipe 64 B round trip / Pipe", "pipe echo", 10_000, "pipe_echo", 10_000, 0},
	{"Lock uncontended / Lock", "lock", 1_000_000, "lock", 500_000, 3},
	{"Semaphore hand-off round trip / Semaphore", "handoff", 10_000, "handoff", 10_000, 0},
}

func TestTargets(t *testing.T) {
	if !*targets {
		t.Skip("it takes a while; ask for it with -targets")
	}
	pool := process.NewPool(&process.PoolOptions{Workers: workers})
	defer func() {
		pool.Terminate()
		pool.Join(bg)
	}()
	must(double.Map(bg, pool, make([]int, 100), 0))
	we := ours(pool)
	exe := filepath.Join(t.TempDir(), "goplugin")
	if out, err := exec.Command("go", "build", "-o", exe, "./goplugin").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	peers := map[string]*peer{"go-plugin": startPeer(t, exe)}
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if peers["python"] = startPeer(t, python, "peer.py"); peers["python"] != nil {
			break
		}
	}

	fmt.Printf("%-44s %12s %12s %7s %7s\n", "", "ours", "peer", "ratio", "target")
	for _, r := range rows {
		if !strings.HasPrefix(r.what, *only) {
			continue
		}
		they := peers["python"]
		if r.peer == "go-plugin" {
			they = peers[r.peer]
		}
		if they == nil {
			continue
		}
		var a, b []float64
		for range rounds {
			a = append(a, we[r.ours](r.n).Seconds()/float64(r.n))
			b = append(b, they.do(r.peer, r.m).Seconds()/float64(r.m))
		}
		x, y := median(a), median(b)
		target := "-"
		if r.target > 0 {
			target = fmt.Sprintf("%.1fx", r.target)
			if y/x < r.target {
				target += " missed"
			}
		}
		fmt.Printf("%-44s %12s %12s %6.1fx %7s\n", r.what, span(x), span(y), y/x, target)
	}
	if *only != "" {
		return
	}
	worst := killed(200)
	slices.Sort(worst)
	fmt.Printf("%-44s %12s at the median, %s at the 99th percentile, promised < 10ms; lost for ever in Python\n", "holder of a Lock killed, to the next owner",
		span(worst[len(worst)/2]), span(worst[len(worst)*99/100]))
}

func span(seconds float64) string {
	return fmt.Sprint(time.Duration(seconds * 1e9).Round(time.Nanosecond))
}

func median(s []float64) float64 {
	slices.Sort(s)
	return s[len(s)/2]
}

// killed kills holders of a lock and tells how long the next owner waits.
func killed(n int) (seconds []float64) {
	h := holding{must(process.NewLock()), must(process.NewEvent())}
	for range n {
		h.Held.Clear()
		p := must(hold.Start(bg, h, nil))
		check(h.Held.Wait(bg))
		got := make(chan time.Time)
		go func() {
			if err := h.L.Acquire(bg); err != process.ErrOwnerDied {
				panic(fmt.Sprint("Acquire() = ", err))
			}
			got <- time.Now()
		}()
		start := time.Now()
		syscall.Kill(p.PID(), syscall.SIGKILL)
		seconds = append(seconds, (<-got).Sub(start).Seconds())
		check(h.L.Release())
		check(p.Join(bg))
	}
	return seconds
}

// A peer is a program that does things n times and tells how long it took.
type peer struct {
	in  *bufio.Writer
	out *bufio.Scanner
}

// startPeer returns nil if there is no such program.
func startPeer(t *testing.T, exe string, args ...string) *peer {
	cmd := exec.Command(exe, args...)
	cmd.Stderr = os.Stderr
	in, out := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return nil
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	p := &peer{bufio.NewWriter(in), bufio.NewScanner(out)}
	if !p.out.Scan() {
		return nil
	}
	fmt.Println(p.out.Text())
	return p
}

func (p *peer) do(what string, n int) time.Duration {
	fmt.Fprintln(p.in, what, n)
	check(p.in.Flush())
	if !p.out.Scan() {
		panic("the peer has gone")
	}
	return time.Duration(must(strconv.ParseFloat(p.out.Text(), 64)) * 1e9)
}
