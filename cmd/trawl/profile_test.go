package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProfile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	profile(dir, io.Discard)()
	for _, name := range []string{"cpu.pprof", "allocs.pprof"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Size() == 0 {
			t.Errorf("%s: %v, %v, want a profile", name, fi, err)
		}
	}
	file := filepath.Join(dir, "cpu.pprof")
	var said strings.Builder
	profile(file, &said)()
	if !strings.Contains(said.String(), "TRAWL_PROFILE") {
		t.Errorf("with a file in place of a directory it says %q, want what is wrong", said.String())
	}
}
