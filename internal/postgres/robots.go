package postgres

import (
	"context"

	"github.com/trawl-go/trawl/internal/store"
)

// Robots implements [store.Store].
func (s *Store) Robots(ctx context.Context, origin string) (r store.Robots, err error) {
	var at int64
	var body []byte
	err = s.read(ctx, "robots", func(t *tx) error {
		at, body = 0, nil
		t.first("SELECT at, body FROM robots WHERE origin = $1", []any{escape(origin)}, &at, &body)
		return nil
	})
	if err != nil || body == nil {
		return r, err
	}
	return store.Robots{Origin: origin, At: store.Time(at), Body: body}, nil
}

// KeepRobots implements [store.Store].
func (s *Store) KeepRobots(ctx context.Context, r store.Robots) error {
	body := r.Body
	if body == nil {
		body = []byte{} // nil is NULL
	}
	return s.write(ctx, "keep robots", writing, func(t *tx) error {
		t.queue("INSERT INTO robots(origin, at, body) VALUES ($1, $2, $3) ON CONFLICT (origin) DO UPDATE SET at = excluded.at, body = excluded.body",
			escape(r.Origin), store.Nanos(r.At), body)
		return nil
	})
}
