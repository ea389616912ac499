package postgres

import (
	"context"
	"net/netip"
	"slices"
)

// schema4 adds at which addresses the processes have hosts. It is written anew
// by all of them all the time, so it need not survive a crash.
const schema4 = `
CREATE UNLOGGED TABLE address(
  ip     text NOT NULL,
  worker text NOT NULL,
  PRIMARY KEY(ip, worker)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX address_worker ON address(worker);
`

// Addresses implements [store.Shared].
func (s *Store) Addresses(ctx context.Context, at []netip.Addr) (map[netip.Addr]int, error) {
	ips := column(at, func(a *netip.Addr) string { return a.String() })
	slices.Sort(ips)
	var users map[netip.Addr]int
	err := s.write(ctx, "addresses", lazily, func(t *tx) error {
		users = make(map[netip.Addr]int, len(at))
		t.queue("DELETE FROM address WHERE worker = $1 AND ip <> ALL($2::text[])", s.id, ips)
		t.queue("DELETE FROM address AS a WHERE a.worker <> $1 AND NOT EXISTS (SELECT FROM worker AS w WHERE w.id = a.worker)", s.id)
		t.queue("INSERT INTO address(ip, worker) SELECT ip, $1 FROM unnest($2::text[]) AS a(ip) ON CONFLICT DO NOTHING", s.id, ips)
		t.query(`SELECT a.ip, count(*) FROM unnest($2::text[]) AS mine(ip) JOIN address AS a ON a.ip = mine.ip
			WHERE a.worker = $1 OR EXISTS (SELECT FROM worker AS w WHERE w.id = a.worker AND w.seen > clock_timestamp()) GROUP BY a.ip`,
			[]any{s.id, ips}, func(scan func(...any) error) error {
				var ip string
				var n int
				if err := scan(&ip, &n); err != nil {
					return err
				}
				a, err := netip.ParseAddr(ip)
				users[a] = n
				return err
			})
		return nil
	})
	return users, err
}
