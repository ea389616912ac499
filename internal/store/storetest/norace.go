//go:build !race

package storetest

const (
	manyChildren = 100_000
	randomSteps  = 600
	hammerRounds = 20
)
