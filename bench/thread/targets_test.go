package thread

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/trawl-go/trawl/thread"
)

var targets = flag.Bool("targets", false, "measure the ratios that package thread promises")

// target is a promise: ours takes at most (or, where atLeast is set, the other
// takes at least) limit times the time.
type target struct {
	what    string
	ours    work
	other   work    // nil: Python's figure of that name is taken
	python  string  // a name of baseline.py
	n       int     // turns of one measurement
	limit   float64 // of ours/other, or of other/ours if atLeast
	atLeast bool
}

func allTargets() []target {
	oursLock, mutex := times(locks["thread.Lock"]()), times(locks["sync.Mutex"]())
	oursPool, oursThread := pools["thread.Submit+Result"], times(threads["thread.Go+Join"])
	queue := func(producers int) work { return overThread(thread.NewQueue[int](128), producers) }
	channel := func(producers int) work { return overChan(make(chan int, 128), producers) }
	return []target{
		{what: "Lock / sync.Mutex, uncontended", ours: oursLock, other: mutex, n: 5_000_000, limit: 1.2},
		{what: "Queue / channel of 128, 1 to 1", ours: queue(1), other: channel(1), n: 500_000, limit: 1.3},
		{what: "Queue / channel of 128, 4 to 4", ours: queue(4), other: channel(4), n: 500_000, limit: 1.3},
		{what: "Submit+Result / ants Submit alone", ours: oursPool, other: pools["ants.Submit"], n: 200_000, limit: 1},
		{what: "pond result pool / Submit+Result", ours: oursPool, other: pools["pond.ResultPool"], n: 200_000, limit: 2, atLeast: true},
		{what: "Go+Join / go and a channel", ours: oursThread, other: times(threads["go+chan"]), n: 200_000, limit: 1.3},
		{what: "CPython / Lock", ours: oursLock, python: "lock", n: 5_000_000, limit: 5, atLeast: true},
		{what: "CPython / Queue, 1 to 1", ours: queue(1), python: "queue1", n: 500_000, limit: 10, atLeast: true},
		{what: "CPython / Queue, 4 to 4", ours: queue(4), python: "queue4", n: 500_000, limit: 10, atLeast: true},
		{what: "CPython / Pool", ours: oursPool, python: "pool", n: 200_000, limit: 30, atLeast: true},
		{what: "CPython / Thread start+join", ours: oursThread, python: "thread", n: 200_000, limit: 50, atLeast: true},
	}
}

// TestTargets measures every promise in seven rounds, both sides in each, and
// prints the median of the ratios. It reports misses and does not fail: a
// machine that is busy with something else misses without anyone's fault.
func TestTargets(t *testing.T) {
	if !*targets {
		t.Skip("give -targets to measure; it takes about ten seconds")
	}
	python := baseline(t)
	var out bytes.Buffer
	tw := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "ours, ns\tother, ns\tratio\ttarget\t\tcomparison\t")
	for _, g := range allTargets() {
		if g.other == nil && python == nil {
			continue
		}
		var ours, others, ratios []float64
		for range 7 {
			a, b := perOp(g.ours, g.n), python[g.python]
			if g.other != nil {
				b = perOp(g.other, g.n)
			}
			ratio := a / b
			if g.atLeast {
				ratio = b / a
			}
			ours, others, ratios = append(ours, a), append(others, b), append(ratios, ratio)
		}
		ratio, sign, verdict := median(ratios), "<=", "ok"
		if g.atLeast {
			sign = ">="
		}
		if ratio > g.limit != g.atLeast {
			verdict = "MISSED"
		}
		fmt.Fprintf(tw, "%.1f\t%.1f\t%.2f\t%s %.1f\t%s\t%s\t\n", median(ours), median(others), ratio, sign, g.limit, verdict, g.what)
	}
	tw.Flush()
	t.Logf("\n%s", out.String())
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// baseline runs baseline.py. It returns nil if there is no Python.
func baseline(t *testing.T) map[string]float64 {
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Log("no python3 in the PATH: comparisons with CPython are left out")
		return nil
	}
	text, err := exec.Command(path, "baseline.py").Output()
	if err != nil {
		t.Fatalf("baseline.py: %v", err)
	}
	figures := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var name string
		var ns float64
		if _, err := fmt.Sscan(lines.Text(), &name, &ns); err != nil {
			t.Fatalf("baseline.py wrote %q: %v", lines.Text(), err)
		}
		figures[name] = ns
	}
	return figures
}

// TestFairness shares a lock among four goroutines for a while and prints how
// unevenly they got it, and the longest wait, beside sync.Mutex.
func TestFairness(t *testing.T) {
	if !*targets {
		t.Skip("give -targets to measure")
	}
	var l thread.Lock
	var m sync.Mutex
	for _, side := range []struct {
		name string
		sync.Locker
	}{{"thread.Lock", &l}, {"sync.Mutex", &m}} {
		const goroutines = 4
		var turns [goroutines]int
		var longest [goroutines]time.Duration
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for end := time.Now().Add(time.Second); ; turns[g]++ {
					start := time.Now()
					side.Lock()
					now := time.Now()
					longest[g] = max(longest[g], now.Sub(start))
					for until := now.Add(10 * time.Microsecond); time.Now().Before(until); {
					}
					side.Unlock()
					if now.After(end) {
						return
					}
				}
			})
		}
		wg.Wait()
		t.Logf("%-11s held for 10 µs by 4: turns %v, longest wait %v", side.name, turns, slices.Max(longest[:]))
	}
}
