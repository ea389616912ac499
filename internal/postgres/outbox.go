package postgres

import (
	"context"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// schema3 adds the outbox: requests found on pages of this database whose hosts
// belong to another one, until they are there. See package shards.
const schema3 = `
CREATE TABLE outbox(
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host   bigint NOT NULL,
  name   text NOT NULL, -- of the host
  key    uuid NOT NULL,
  due    bigint NOT NULL,
  origin bigint NOT NULL,
  kind   smallint NOT NULL,
  tries  integer NOT NULL,
  spider text NOT NULL,
  url    text NOT NULL,
  rest   text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
`

// A Parcel is a request in the outbox.
type Parcel struct {
	ID    int64
	Entry store.Entry
}

// post queues the writing of requests to the outbox.
func (t *tx) post(ps []store.Packed) {
	if len(ps) == 0 {
		return
	}
	t.queue(`INSERT INTO outbox(host, key, due, origin, kind, tries, spider, url, rest, name)
		SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::smallint[], $6::integer[], $7::text[], $8::text[], $9::text[], $10::text[])`,
		append(t.columns(ps), column(ps, func(p *store.Packed) string { return escape(p.HostName) }))...)
}

// Outbox returns up to limit parcels with an ID greater than after, in the
// order of their IDs.
func (s *Store) Outbox(ctx context.Context, after int64, limit int) ([]Parcel, error) {
	var out []Parcel
	err := s.read(ctx, "outbox", func(t *tx) error {
		out = nil
		t.query(`SELECT id, host, name, key, due, origin, kind, tries, spider, url, rest FROM outbox WHERE id > $1 ORDER BY id LIMIT $2`,
			[]any{after, limit}, func(scan func(...any) error) error {
				var (
					p    Parcel
					due  int64
					kind int16
					rest string
				)
				e := &p.Entry
				err := scan(&p.ID, &e.Host, &e.HostName, uuid(&e.Key), &due, &e.Origin, &kind, &e.Tries, &e.Request.Spider, &e.Request.URL, &rest)
				if err != nil {
					return err
				}
				e.Due, e.Request.Kind = s.clock.time(due), trawl.Kind(kind)
				for _, text := range []*string{&e.HostName, &e.Request.Spider, &e.Request.URL} {
					*text = unescape(*text)
				}
				err = store.UnpackRest(unescape(rest), &e.Request)
				out = append(out, p)
				return err
			})
		return nil
	})
	return out, err
}

// Delivered removes parcels that have arrived. Those that are gone are passed
// over.
func (s *Store) Delivered(ctx context.Context, parcels []int64) error {
	return s.write(ctx, "delivered", lazily, func(t *tx) error {
		t.queue("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)", parcels)
		return nil
	})
}

// FilesOf returns, for those hosts on whose pages files were found that wait in
// this database, how many.
func (s *Store) FilesOf(ctx context.Context, hosts []store.HostID) (map[store.HostID]int, error) {
	var files map[store.HostID]int
	err := s.read(ctx, "files of hosts", func(t *tx) error {
		files = make(map[store.HostID]int)
		t.query("SELECT id, files FROM host WHERE id = ANY($1::bigint[]) AND files <> 0",
			[]any{ids(hosts, func(h *store.HostID) store.HostID { return *h })}, func(scan func(...any) error) error {
				var id store.HostID
				var n int
				err := scan(&id, &n)
				files[id] = n
				return err
			})
		return nil
	})
	return files, err
}

// LastItem returns the highest Seq of the items of an output, 0 if it has none.
func (s *Store) LastItem(ctx context.Context, output string) (seq int64, err error) {
	err = s.read(ctx, "last item", func(t *tx) error {
		seq = 0
		t.first("SELECT seq FROM item WHERE output = $1 ORDER BY seq DESC LIMIT 1", []any{escape(output)}, &seq)
		return nil
	})
	return seq, err
}
