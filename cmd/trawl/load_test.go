package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestNoteLimits(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{err: &stderr}
	a.noteLimits(true)
	if stderr.Len() > 0 {
		t.Errorf("a limit of memory that is there is noted: %q", &stderr)
	}
	for range 3 {
		a.noteLimits(false)
	}
	if n := strings.Count(stderr.String(), "have no memory limit"); n != 1 {
		t.Errorf("it was noted %d times, want once: %q", n, &stderr)
	}
}
