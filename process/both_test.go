//go:build unix

package process_test

import (
	"testing"

	"github.com/trawl-go/trawl/process"
)

// both runs a test of tools between processes on both ways they work.
func both(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run("shared", func(t *testing.T) {
		if !process.Shared() {
			t.Skip("there is no shared memory on this system")
		}
		f(t)
	})
	t.Run("portable", func(t *testing.T) {
		process.SetPortable(true)
		defer process.SetPortable(false)
		f(t)
	})
}
