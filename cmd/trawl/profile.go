package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profile begins to write what the program spends its time and memory on to
// cpu.pprof and allocs.pprof in dir, which is made if need be. The function
// that it returns ends it. With "" as dir both do nothing.
func profile(dir string, stderr io.Writer) (stop func()) {
	if dir == "" {
		return func() {}
	}
	complain := func(err error) {
		if err != nil {
			fmt.Fprintf(stderr, "trawl: TRAWL_PROFILE: %v\n", err)
		}
	}
	cpu, err := startProfile(dir)
	if err != nil {
		complain(err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		complain(cpu.Close())
		complain(writeAllocs(filepath.Join(dir, "allocs.pprof")))
	}
}

func startProfile(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func writeAllocs(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	runtime.GC() // so that what is still in use is known
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
