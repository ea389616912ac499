// Package thread compares the packages thread and future with what a Go or
// Python program would use instead, in one run:
//
//	go test -run '^$' -bench . ./thread
//	go test -run Targets ./thread -targets
//
// The second form measures pairs in turns, so that a noisy machine slows both
// sides, and prints the ratios that thread promises beside those it has.
// Python's side needs a python3 in the PATH.
package thread
