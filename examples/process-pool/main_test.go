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
	const want = `process 0 is done
process 1 is done
process 2 crashed: exit code 9
process 3 is done
[1 4 9 16 25]
`
	if got := output(t); got != want {
		t.Errorf("output = %q, want %q", got, want)
	}
}
