package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/process"
)

func TestMain(m *testing.M) {
	process.Init()
	os.Exit(m.Run())
}

// output runs the example and returns what it wrote.
func output(t *testing.T) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := run(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRun(t *testing.T) {
	seen := make(map[int]bool)
	for line := range strings.Lines(output(t)) {
		var n, with int
		if _, err := fmt.Sscanf(line, "process %d is in, with %d\n", &n, &with); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if with < 1 || with > 3 {
			t.Errorf("%d are in at a time", with)
		}
		seen[n] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d processes were in, want 10", len(seen))
	}
}
