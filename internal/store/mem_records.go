package store

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
)

// Outputs implements [Store].
func (m *Mem) Outputs(ctx context.Context) ([]string, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.items)), nil
}

// Items implements [Store].
func (m *Mem) Items(ctx context.Context, output string, after int64) iter.Seq2[Item, error] {
	return memSeq(ctx, m, func() []Item {
		var its []Item
		for _, it := range m.items[output] {
			if it.Seq > after {
				it.Body = bytes.Clone(it.Body)
				its = append(its, it.Item)
			}
		}
		return its
	})
}

// Files implements [Store].
func (m *Mem) Files(ctx context.Context) iter.Seq2[File, error] {
	return memSeq(ctx, m, func() []File {
		return slices.SortedFunc(maps.Values(m.files), func(a, b File) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), bytes.Compare(a.Key[:], b.Key[:]))
		})
	})
}

// Failures implements [Store].
func (m *Mem) Failures(ctx context.Context) iter.Seq2[Failure, error] {
	return memSeq(ctx, m, func() []Failure {
		return slices.SortedFunc(maps.Values(m.failures), func(a, b Failure) int {
			return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.Key[:], b.Key[:]))
		})
	})
}

// memSeq yields what snapshot returns with the store locked.
func memSeq[T any](ctx context.Context, m *Mem, snapshot func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := m.lock(ctx); err != nil {
			yield(zero, err)
			return
		}
		vs := snapshot()
		m.mu.Unlock()
		for _, v := range vs {
			if err := ctx.Err(); err != nil {
				yield(zero, err)
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}
