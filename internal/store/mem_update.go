package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/trawl-go/trawl"
)

// memItem is an Item as it is kept.
type memItem struct {
	Item
	page trawl.Key
}

// pageLocked keeps the items and the validators of a page that is done.
func (m *Mem) pageLocked(r *memRequest, o *Outcome, receipt *Receipt) {
	delete(m.valid, r.key)
	if o.ETag != "" || o.Modified != "" {
		m.valid[r.key] = File{Key: r.key, ETag: o.ETag, Modified: o.Modified}
	}
	if r.again && !m.revisedLocked(r.key, o.Items, receipt) {
		return
	}
	for i := range o.Items {
		m.stats.Items++
		o.Items[i].Seq = m.lastSeqLocked() + 1
		it := o.Items[i]
		it.Body = bytes.Clone(it.Body)
		m.items[it.Output] = append(m.items[it.Output], memItem{it, r.key})
	}
}

func (m *Mem) lastSeqLocked() int64 {
	last := int64(0)
	for _, its := range m.items {
		if len(its) > 0 {
			last = max(last, its[len(its)-1].Seq)
		}
	}
	return last
}

// revisedLocked removes the items of a page if they are not those that it has
// now, and reports whether they are not.
func (m *Mem) revisedLocked(page trawl.Key, now []Item, receipt *Receipt) bool {
	var was []Item
	for _, its := range m.items {
		for _, it := range its {
			if it.page == page {
				was = append(was, it.Item)
			}
		}
	}
	slices.SortFunc(was, func(a, b Item) int { return cmp.Compare(a.Seq, b.Seq) })
	if slices.EqualFunc(was, now, func(a, b Item) bool { return a.Output == b.Output && bytes.Equal(a.Body, b.Body) }) {
		return false
	}
	var outputs []string
	for _, it := range was {
		m.stats.Items--
		m.items[it.Output] = slices.DeleteFunc(m.items[it.Output], func(x memItem) bool { return x.Seq == it.Seq })
		if !slices.Contains(outputs, it.Output) {
			outputs = append(outputs, it.Output)
			m.revised[it.Output]++
		}
	}
	receipt.Revised = append(receipt.Revised, outputs...)
	return true
}

// Revision implements [Store].
func (m *Mem) Revision(ctx context.Context, output string) (int64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	return m.revised[output], nil
}

// Update implements [Store].
func (m *Mem) Update(ctx context.Context, files bool) (int64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if m.values[Updating] != "" {
		return 0, nil
	}
	m.values[Updating] = "1"
	n := int64(0)
	for _, r := range m.requests {
		if r.kind == trawl.KindFile && !files || r.state != Done && !(r.state == Failed && r.again) {
			continue
		}
		n++
		delete(m.failures, r.key)
		r.tries, r.again = 0, true
		m.moveLocked(r, Waiting)
	}
	return n, nil
}

// Settle implements [Store].
func (m *Mem) Settle(ctx context.Context) (int64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	delete(m.values, Updating)
	n := int64(0)
	for _, r := range m.requests {
		if r.state == Waiting && r.again {
			n++
			m.moveLocked(r, Done)
		}
	}
	return n, nil
}

// Before implements [Store].
func (m *Mem) Before(ctx context.Context, e Entry) (File, error) {
	if err := m.lock(ctx); err != nil {
		return File{}, err
	}
	defer m.mu.Unlock()
	if e.Request.Kind == trawl.KindPage {
		return m.valid[e.Key], nil
	}
	return m.files[e.Key], nil
}
