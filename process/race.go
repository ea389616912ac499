//go:build race

package process

// underRace: the race detector maps more memory than any limit would allow.
const underRace = true
