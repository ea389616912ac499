package store

import (
	"bytes"
	"context"
)

// Robots implements [Store].
func (m *Mem) Robots(ctx context.Context, origin string) (Robots, error) {
	if err := m.lock(ctx); err != nil {
		return Robots{}, err
	}
	defer m.mu.Unlock()
	r := m.robots[origin]
	r.Body = bytes.Clone(r.Body)
	return r, nil
}

// KeepRobots implements [Store].
func (m *Mem) KeepRobots(ctx context.Context, r Robots) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r.At, r.Body = Time(Nanos(r.At)), bytes.Clone(r.Body)
	m.robots[r.Origin] = r
	return nil
}
