package cookies

import (
	"context"
	"database/sql"
	"time"
)

// readFirefox reads moz_cookies. Firefox does not encrypt it.
func readFirefox(ctx context.Context, db *sql.DB, s *Set, now time.Time) error {
	rows, err := db.QueryContext(ctx, `SELECT coalesce(host, ''), coalesce(path, ''), coalesce(name, ''), coalesce(value, ''),
		coalesce(expiry, 0), coalesce(isSecure, 0), coalesce(isHttpOnly, 0), coalesce(originAttributes, '')
		FROM moz_cookies ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			c       Cookie
			expires float64 // in seconds, or milliseconds since version 142
			apart   string
		)
		if err := rows.Scan(&c.Host, &c.Path, &c.Name, &c.Value, &expires, &c.Secure, &c.HTTPOnly, &apart); err != nil {
			return err
		}
		if apart != "" { // of a container, a private window, a site within a site
			s.Apart++
			continue
		}
		c.Expires = expiry(expires)
		s.add(0, c, now)
	}
	return rows.Err()
}
