// Package process compares package process with what a Go or Python program
// would use instead, in one run: CPython's multiprocessing and
// concurrent.futures, and hashicorp/go-plugin over net/rpc.
//
//	go test -run Targets ./process -targets
//
// The pairs are measured in turns, so that a noisy machine slows both sides,
// and what is printed are medians and the ratios beside those that package
// process promises; with -only Pipe, of the rows that begin so. Python's side
// needs a python3; without one that half is left out.
package process
