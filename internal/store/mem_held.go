package store

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/trawl-go/trawl"
)

// content is what files of one host have in common.
type content struct {
	host   HostID
	sha256 [32]byte
}

// judgeLocked holds a file that is done, and those like it, if its content is
// suspect.
func (m *Mem) judgeLocked(r *memRequest, c *Commit, receipt *Receipt) {
	f := m.files[r.key]
	was, wasHeld := m.held[r.key]
	delete(m.held, r.key)
	what := content{r.host, f.SHA256}
	var like []trawl.Key
	if c.Hold > 0 && f.SHA256 != [32]byte{} {
		accepted, known := m.verdicts[what]
		if !known {
			for _, key := range m.done {
				if m.requests[key].host == r.host && m.files[key].SHA256 == f.SHA256 {
					like = append(like, key)
				}
			}
			if len(like) < c.Hold {
				like = nil
			}
		} else if !accepted {
			like = []trawl.Key{r.key}
		}
	}
	for _, key := range like {
		m.verdicts[what] = false
		f, _ := m.forgetLocked(key)
		r := m.requests[key]
		m.moveLocked(r, Failed)
		r.again = false
		h := NewHeldFile(f, r.url, r.tries, c.Hold, c.At)
		m.held[key] = h.File
		m.failures[key] = h.Failure
		receipt.Held = append(receipt.Held, h)
	}
	if wasHeld && like == nil {
		receipt.Freed = append(receipt.Freed, was)
	}
}

// Held implements [Store].
func (m *Mem) Held(ctx context.Context) iter.Seq2[File, error] {
	return memSeq(ctx, m, func() []File {
		return slices.SortedFunc(maps.Values(m.held), func(a, b File) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	})
}

// Accept implements [Store].
func (m *Mem) Accept(ctx context.Context, files []Name) (int, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	n := 0
	for _, name := range files {
		f, ok := m.held[name.Key]
		if !ok {
			continue
		}
		n++
		r := m.requests[name.Key]
		delete(m.held, name.Key)
		delete(m.failures, name.Key)
		m.verdicts[content{r.host, f.SHA256}] = true
		f.Path = name.Path
		m.fileLocked(f, f.Key, &Receipt{})
		m.moveLocked(r, Done)
	}
	return n, nil
}
