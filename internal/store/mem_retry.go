package store

import (
	"context"
	"slices"
	"time"

	"github.com/trawl-go/trawl"
)

// Retry implements [Store].
func (m *Mem) Retry(ctx context.Context, now time.Time, want func(Failure) bool) (int, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	n := 0
	for key, f := range m.failures {
		if want != nil && !want(f) {
			continue
		}
		n++
		delete(m.failures, key)
		m.againLocked(m.requests[key], now)
	}
	return n, nil
}

// Redo implements [Store].
func (m *Mem) Redo(ctx context.Context, now time.Time, files []trawl.Key) (int, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	n := 0
	for _, key := range files {
		if _, ok := m.forgetLocked(key); ok {
			n++
			delete(m.failures, key) // it may have failed in an update
			m.requests[key].again = false
			m.againLocked(m.requests[key], now)
		}
	}
	return n, nil
}

// forgetLocked removes the record of a file.
func (m *Mem) forgetLocked(key trawl.Key) (f File, ok bool) {
	if f, ok = m.files[key]; !ok {
		return f, false
	}
	delete(m.files, key)
	m.done = slices.DeleteFunc(m.done, func(k trawl.Key) bool { return k == key })
	m.stats.Bytes -= f.Size
	if f.DuplicateOf != "" {
		m.stats.Duplicates--
	} else if f.SHA256 != [32]byte{} {
		m.succeedLocked(f)
	}
	return f, true
}

// succeedLocked puts the next file with the content of f in its place.
func (m *Mem) succeedLocked(f File) {
	delete(m.first, f.SHA256)
	for _, key := range m.done {
		g := m.files[key]
		if g.SHA256 != f.SHA256 {
			continue
		}
		if first, ok := m.first[f.SHA256]; ok {
			g.DuplicateOf = first.Path
		} else {
			g.DuplicateOf = ""
			m.first[f.SHA256] = g
			m.stats.Duplicates--
		}
		m.files[key] = g
	}
}

func (m *Mem) againLocked(r *memRequest, now time.Time) {
	m.moveLocked(r, Failed) // it may wait already, in another place
	r.tries, r.due = 0, Nanos(now)
	m.moveLocked(r, Waiting)
}
