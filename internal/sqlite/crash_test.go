//go:build unix

package sqlite_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

// histories returns what a store holds after each number of steps of the
// script, by the model.
func histories(t *testing.T) []string {
	t.Helper()
	ctx := context.Background()
	m := store.NewMem()
	ls, err := m.Acquire(ctx, "w", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var hs []string
	for i := 0; ; i++ {
		h, err := storetest.Dump(ctx, m, ls[0])
		if err != nil {
			t.Fatal(err)
		}
		if len(hs) > 0 && h == hs[len(hs)-1] {
			t.Fatalf("step %d of the script changes nothing", i-1)
		}
		hs = append(hs, h)
		if i == len(storetest.Script()) {
			return hs
		}
		if err := storetest.Script()[i](ctx, m, ls[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// dump opens a job and returns what it holds.
func dump(t *testing.T, dir string) string {
	t.Helper()
	ctx := context.Background()
	s, err := sqlite.Open(ctx, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ls, err := s.Acquire(ctx, "w", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := storetest.Dump(ctx, s, ls[0])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCrash kills a process at every step of every transaction of the script.
// What it has seen done must be there, and what was under way must be there
// as a whole or not at all.
func TestCrash(t *testing.T) {
	hs := histories(t)
	// The first transaction acquires the lease.
	for n := 3; n < 3*len(hs); n++ {
		if sampled && n%5 != 0 {
			continue
		}
		t.Run(fmt.Sprintf("transaction %d step %d", n/3, n%3), func(t *testing.T) {
			dir := t.TempDir()
			task := "script"
			if n/3%2 == 0 {
				task = "folds"
			}
			acked := crash(t, task, n, dir)
			if acked != n/3-1 {
				t.Fatalf("the child has seen %d steps done, want %d", acked, n/3-1)
			}
			want := acked
			if n%3 == sqlite.StepCommitted {
				want++ // done, but nobody was told
			}
			if d := gocmp.Diff(hs[want], dump(t, dir)); d != "" {
				t.Errorf("after %d steps and a crash (-want +got):\n%s", want, d)
			}
		})
	}
}

// crash runs the script in a child that dies, and returns how many steps the
// child has seen done.
func crash(t *testing.T, task string, n int, dir string) int {
	t.Helper()
	cmd, out, _ := child(t, task, n, dir)
	acked := 0
	for {
		l, err := out.ReadString('\n')
		if err != nil {
			break
		}
		if l != "done\n" {
			t.Fatalf("the child says %q", l)
		}
		acked++
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v, want it killed", err)
	}
	return acked
}

// TestTornLog damages the end of the log that a killed process left. The job
// must be as after some number of whole steps, the fewer the more is missing.
func TestTornLog(t *testing.T) {
	hs := histories(t)
	origin := t.TempDir()
	if acked := crash(t, "script", 1<<20, origin); acked != len(hs)-1 {
		t.Fatalf("the child has done %d steps, want %d", acked, len(hs)-1)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(origin, ".trawl", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	db, log := read("job.db"), read("job.db-wal")

	const header, frame = 32, 24 + 4096
	frames := (len(log) - header) / frame
	if frames < 30 {
		t.Fatalf("the log has %d frames: too few to tear", frames)
	}
	type damage struct {
		name string
		log  []byte
	}
	var damages []damage
	for i := 0; i <= 12; i++ {
		end := header + (frames-i*i)*frame
		for _, off := range []int{0, -1, 13, 2000} {
			if end+off > len(log) || end+off < header {
				continue
			}
			if sampled && (i%4 != 0 || off == 2000) {
				continue
			}
			damages = append(damages, damage{fmt.Sprintf("%d bytes of %d", end+off, len(log)), log[:end+off]})
		}
	}
	slices.SortFunc(damages, func(a, b damage) int { return cmp.Compare(len(b.log), len(a.log)) })
	flipped := append([]byte(nil), log...)
	flipped[len(flipped)-100] ^= 1
	zeros := append(append([]byte(nil), log[:header+(frames-3)*frame]...), make([]byte, 3*frame)...)
	damages = append(damages, damage{"a bit flipped near the end", flipped}, damage{"zeros at the end", zeros}, damage{"half a header", log[:20]}, damage{"no log", nil})

	last := len(hs) - 1
	for _, d := range damages {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, ".trawl"), 0o777); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"job.db": db, "job.db-wal": d.log} {
			if err := os.WriteFile(filepath.Join(dir, ".trawl", name), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		got := dump(t, dir)
		steps := -1
		for i, h := range hs {
			if h == got {
				steps = i
			}
		}
		if steps < 0 {
			t.Errorf("%s: the job is as after no number of steps:\n%s", d.name, got)
			continue
		}
		if strings.Contains(d.name, "bytes of") {
			if steps > last {
				t.Errorf("%s: %d steps are there, but %d with more of the log", d.name, steps, last)
			}
			last = steps
		}
	}
	if last == len(hs)-1 {
		t.Error("no damage has undone a step")
	}
}
