package extract

import (
	"sync"
	"sync/atomic"
)

// A Cache keeps what was compiled from a text: a selector, a regular
// expression. Reading takes no lock. It holds a bounded number of entries and
// forgets all of them when it is full, which a program with a fixed set of
// expressions never sees, and one that makes expressions up survives.
//
// It is safe for concurrent use.
type Cache[V any] struct {
	max     int64
	n       atomic.Int64
	entries sync.Map // string → V
}

// NewCache returns an empty cache of at most max entries; zero means 1000.
func NewCache[V any](max int) *Cache[V] {
	if max <= 0 {
		max = 1000
	}
	return &Cache[V]{max: int64(max)}
}

// Get returns the value for text and calls compile if there is none yet.
// Goroutines that ask at the same time may both compile. Errors are returned
// and not kept.
func (c *Cache[V]) Get(text string, compile func(string) (V, error)) (V, error) {
	if v, ok := c.entries.Load(text); ok {
		return v.(V), nil
	}
	v, err := compile(text)
	if err != nil {
		return v, err
	}
	if c.n.Add(1) > c.max {
		c.entries.Clear()
		c.n.Store(1)
	}
	c.entries.Store(text, v)
	return v, nil
}

// Len returns the number of entries, at most the bound plus the number of
// goroutines inside Get.
func (c *Cache[V]) Len() int {
	n := 0
	c.entries.Range(func(any, any) bool { n++; return true })
	return n
}
