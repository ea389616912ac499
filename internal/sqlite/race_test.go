//go:build race

package sqlite_test

// sampled leaves out most cases where there are many: the race detector makes
// starting processes and opening databases slow, and has nothing to find in
// them.
const sampled = true
