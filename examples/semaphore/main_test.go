package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
)

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		inside, most, outs := 0, 0, 0
		for line := range strings.Lines(out.String()) {
			switch {
			case strings.HasSuffix(line, " is in\n"):
				inside++
				most = max(most, inside)
			case strings.HasSuffix(line, " is out\n"):
				inside--
				outs++
			default:
				t.Errorf("mixed up line %q", line)
			}
		}
		// A permit is given back after "out" is written, so the count is exact.
		if most != 3 || outs != 10 {
			t.Errorf("%d at a time and %d in all, want 3 and 10", most, outs)
		}
	})
}
