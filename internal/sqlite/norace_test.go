//go:build !race

package sqlite_test

const sampled = false
