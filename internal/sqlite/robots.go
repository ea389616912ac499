package sqlite

import (
	"bytes"
	"context"

	"github.com/trawl-go/trawl/internal/store"
)

// Robots implements [store.Store].
func (s *Store) Robots(ctx context.Context, origin string) (r store.Robots, err error) {
	err = s.read(ctx, "robots", func(c *conn) error {
		row, err := c.first(ctx, "SELECT at, body FROM robots WHERE origin = ?", origin)
		if row != nil {
			r = store.Robots{Origin: origin, At: store.Time(row.int(0)), Body: bytes.Clone(row.blob(1))}
		}
		return err
	})
	return r, err
}

// KeepRobots implements [store.Store].
func (s *Store) KeepRobots(ctx context.Context, r store.Robots) error {
	body := r.Body
	if body == nil {
		body = []byte{} // nil is NULL
	}
	return s.write(ctx, "keep robots", false, func(t *tx) error {
		_, err := t.exec("INSERT OR REPLACE INTO robots(origin, at, body) VALUES(?, ?, ?)", r.Origin, store.Nanos(r.At), body)
		return err
	})
}
