//go:build !linux

package process

import "errors"

// MemoryLimited tells whether PoolOptions.Memory and Options.Memory work on
// this system. Where they do not they are ignored. In programs built with the
// race detector they do not.
const MemoryLimited = false

func limitMemory(int64) error { return errors.ErrUnsupported }
