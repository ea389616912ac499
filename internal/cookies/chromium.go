package cookies

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// epoch1601 is the start of Chromium's clock, in seconds before 1970.
const epoch1601 = 11644473600

// readChromium reads the table cookies of Chromium and its kin on Linux.
func readChromium(ctx context.Context, db *sql.DB, s *Set, now time.Time) error {
	var text string
	if err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'version'`).Scan(&text); err != nil {
		return fmt.Errorf("version: %w", err)
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("version: %w", err)
	}
	// Columns came and went.
	column := func(names ...string) string {
		for _, n := range names {
			var found int
			err := db.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info('cookies') WHERE name = ?`, n).Scan(&found)
			if err == nil && found > 0 {
				return n
			}
		}
		return "''"
	}
	keys, err := sealKeys()
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf(`SELECT coalesce(host_key, ''), coalesce(path, ''), coalesce(name, ''),
		CAST(value AS BLOB), CAST(encrypted_value AS BLOB), coalesce(expires_utc, 0), %s, %s, coalesce(%s, '') FROM cookies ORDER BY creation_utc`,
		column("is_secure", "secure"), column("is_httponly", "httponly"), column("top_frame_site_key")))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			c             Cookie
			value, sealed []byte
			expires       int64 // in microseconds
			secure, http  any
			apart         string
		)
		if err := rows.Scan(&c.Host, &c.Path, &c.Name, &value, &sealed, &expires, &secure, &http, &apart); err != nil {
			return err
		}
		if apart != "" {
			s.Apart++
			continue
		}
		if len(sealed) > 0 {
			var ok bool
			if value, ok = unseal(sealed, keys, c.Host, version); !ok {
				s.Sealed++
				continue
			}
		}
		c.Value = string(value)
		c.Secure, c.HTTPOnly = secure == int64(1), http == int64(1)
		if expires != 0 {
			c.Expires = expiry(max(float64(expires)/1e6-epoch1601, 1))
		}
		s.add(0, c, now)
	}
	return rows.Err()
}

// sealKeys returns the keys with which Chromium on Linux encrypts without a
// keyring: from a password that is in its source, and, for a keyring that was
// there but gave none, from an empty one.
func sealKeys() ([][]byte, error) {
	var keys [][]byte
	for _, password := range []string{"peanuts", ""} {
		k, err := pbkdf2.Key(sha1.New, password, []byte("saltysalt"), 1, 16)
		if err != nil {
			return nil, err // a Go that allows FIPS 140 algorithms only
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// unseal decrypts the value of a cookie: "v10", or "v11" for a key of the
// keyring, and then AES-128 in CBC mode. Since version 24 of the database the
// hash of the host comes before the value, so that values cannot be moved
// from host to host.
func unseal(sealed []byte, keys [][]byte, host string, version int) ([]byte, bool) {
	if !bytes.HasPrefix(sealed, []byte("v10")) && !bytes.HasPrefix(sealed, []byte("v11")) {
		return nil, false
	}
	body := sealed[3:]
	if len(body) == 0 || len(body)%aes.BlockSize != 0 {
		return nil, false
	}
	for _, key := range keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, false
		}
		p := make([]byte, len(body))
		cipher.NewCBCDecrypter(block, []byte(strings.Repeat(" ", aes.BlockSize))).CryptBlocks(p, body)
		n := int(p[len(p)-1])
		if n < 1 || n > aes.BlockSize || !bytes.Equal(p[len(p)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
			continue
		}
		p = p[:len(p)-n]
		if version >= 24 {
			sum := sha256.Sum256([]byte(host))
			var ok bool
			if p, ok = bytes.CutPrefix(p, sum[:]); !ok {
				continue
			}
		}
		// With another key one in 256 ends as if it were right.
		if !utf8.Valid(p) || bytes.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			continue
		}
		return p, true
	}
	return nil, false
}
