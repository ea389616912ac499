package main

import (
	"bytes"
	"fmt"
	"testing"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var wanted, without, with int
	if _, err := fmt.Sscanf(out.String(), "wanted %d\nwithout lock %d\nwith a lock %d", &wanted, &without, &with); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if wanted != 80_000 || with != wanted || without >= wanted {
		t.Errorf("run wrote %q, want updates lost without the lock and none with it", out.String())
	}
}
