//go:build race

package storetest

// The race detector makes everything slower: it gets less to chew on.
const (
	manyChildren = 10_000
	randomSteps  = 100
	hammerRounds = 6
)
