package store

import (
	"context"
	"path"

	"github.com/trawl-go/trawl"
)

// memNames are the paths of Mem's files.
type memNames struct {
	paths   map[trawl.Key]string
	holders map[string]trawl.Key // by folded path
	below   map[string]int       // the number of files below a folded directory
}

func newMemNames() memNames {
	return memNames{map[trawl.Key]string{}, map[string]trawl.Key{}, map[string]int{}}
}

// Holder implements [Paths].
func (n *memNames) Holder(folded string) (trawl.Key, bool, error) {
	key, ok := n.holders[folded]
	return key, ok, nil
}

// IsDir implements [Paths].
func (n *memNames) IsDir(folded string) (bool, error) {
	return n.below[folded] > 0, nil
}

func (n *memNames) set(key trawl.Key, p string) {
	n.paths[key] = p
	f := Fold(p)
	n.holders[f] = key
	for d := path.Dir(f); d != "."; d = path.Dir(d) {
		n.below[d]++
	}
}

func (n *memNames) free(key trawl.Key) {
	f := Fold(n.paths[key])
	delete(n.paths, key)
	delete(n.holders, f)
	for d := path.Dir(f); d != "."; d = path.Dir(d) {
		n.below[d]--
	}
}

// Reserve implements [Store].
func (m *Mem) Reserve(ctx context.Context, names []Name, taken func(path string) bool) ([]string, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	ps := make([]string, len(names))
	var reserved []trawl.Key
	for i, n := range names {
		p, ok := m.names.paths[n.Key]
		if !ok {
			var err error
			if p, err = ChoosePath(n, &m.names, taken); err != nil {
				for _, key := range reserved {
					m.names.free(key)
				}
				return nil, err
			}
			m.names.set(n.Key, p)
			reserved = append(reserved, n.Key)
		}
		ps[i] = p
	}
	return ps, nil
}

// Rename implements [Store].
func (m *Mem) Rename(ctx context.Context, n Name, taken func(path string) bool) (string, error) {
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	was, ok := m.names.paths[n.Key]
	if f, done := m.files[n.Key]; done {
		return f.Path, nil
	}
	if ok {
		m.names.free(n.Key)
	}
	p, err := ChoosePath(n, &m.names, taken)
	if err != nil {
		if ok {
			m.names.set(n.Key, was)
		}
		return "", err
	}
	m.names.set(n.Key, p)
	return p, nil
}
