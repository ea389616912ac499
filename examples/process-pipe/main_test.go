package main

import (
	"os"
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
	const want = "received 0\nreceived 1\nreceived 2\n小明，你好\n小红，你好\n"
	if got := output(t); got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
}
