package main

import (
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
	before, after, ok := strings.Cut(output(t), "with a lock:\n")
	if !ok || strings.Count(before, "\n") != 1+3*5*4 {
		t.Fatalf("output before the lock: %q", before)
	}
	lines := strings.Split(strings.TrimSpace(after), "\n")
	if len(lines) != 3*5*4 {
		t.Fatalf("%d lines with a lock, want %d", len(lines), 3*5*4)
	}
	for i, line := range lines {
		name, verse, _ := strings.Cut(line, " ")
		first, _, _ := strings.Cut(lines[i/4*4], " ")
		if name != first || verse != []string{"床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"}[i%4] {
			t.Errorf("line %d = %q, within a verse of %s", i, line, first)
		}
	}
}
