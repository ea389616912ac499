package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// longest bounds one run of one program.
const longest = 15 * time.Minute

// A sample is what one run took.
type sample struct {
	Elapsed float64 `json:"elapsed_s"` // from start to end, in seconds
	CPU     float64 `json:"cpu_s"`     // user and system, in seconds
	RSS     int64   `json:"rss_bytes"` // most that was resident, in bytes
}

// measure runs a command to its end. Its output goes to a file beside its
// working directory, and to the error if it fails.
func measure(ctx context.Context, cmd *exec.Cmd, logFile string) (sample, error) {
	out, err := os.Create(logFile)
	if err != nil {
		return sample{}, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	done := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watchRSS(cmd.Process.Pid, done) }()
	err = cmd.Wait()
	s := sample{Elapsed: time.Since(began).Seconds()}
	close(done)
	s.RSS = <-peak
	if s.RSS == 0 {
		s.RSS = maxRSS(cmd.ProcessState)
	}
	s.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		said, _ := os.ReadFile(logFile) // best effort: the error stands without it
		said = said[max(0, len(said)-2000):]
		return s, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(said))
	}
	return s, nil
}

// median returns the middle value of f over the samples.
func median(ss []sample, f func(sample) float64) float64 {
	vs := make([]float64, len(ss))
	for i, s := range ss {
		vs[i] = f(s)
	}
	return middle(vs)
}

// middle returns the median of figures, which it sorts.
func middle(vs []float64) float64 {
	slices.Sort(vs)
	n := len(vs)
	if n == 0 {
		return 0
	}
	return (vs[(n-1)/2] + vs[n/2]) / 2
}

// countFiles returns how many files of exactly size bytes there are below dir.
func countFiles(dir string, size int64) (n int, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() == size {
			n++
		}
		return err
	})
	return n, err
}

// countLines returns how many lines a file has.
func countLines(name string) (n int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		k, err := f.Read(buf)
		n += bytes.Count(buf[:k], []byte("\n"))
		if k == 0 || err != nil {
			break // at the end; if it is another error, the count is too small and says so
		}
	}
	return n, nil
}
