package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/trawl-go/trawl/internal/store"
)

// schema1 is the first version of the tables.
//
// Times are nanoseconds since 1970, 0 for none. A request is clustered by
// host, so that the links of a page land on few pages of the file: that makes
// loading four times as fast as a random key. Its URL is kept without what
// the host's name tells, see [shorten], and rarely used fields are together
// in rest, see [store.PackRest]: a URL of 80 bytes takes about 150 bytes.
const schema1 = `
CREATE TABLE part(
  id    INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL
);
INSERT INTO part VALUES(0, 0);

CREATE TABLE spider(
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE host(
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL,
  next_at INTEGER NOT NULL DEFAULT 0,
  delay   INTEGER NOT NULL DEFAULT 0, -- nanoseconds
  backoff INTEGER NOT NULL DEFAULT 0,
  pending INTEGER NOT NULL DEFAULT 0, -- waiting requests to this host
  files   INTEGER NOT NULL DEFAULT 0  -- waiting files found on its pages
);
CREATE INDEX host_pending ON host(id) WHERE pending > 0;

CREATE TABLE request(
  host   INTEGER NOT NULL,
  key    BLOB NOT NULL,
  kind   INTEGER NOT NULL, -- 0 page, 1 file
  state  INTEGER NOT NULL, -- 0 waiting, 1 done, 2 failed
  tries  INTEGER NOT NULL,
  due    INTEGER NOT NULL,
  spider INTEGER NOT NULL,
  url    TEXT NOT NULL,
  origin INTEGER,          -- host of the page on which a file was found
  rest   TEXT,             -- JSON
  PRIMARY KEY(host, key)
) WITHOUT ROWID;
CREATE INDEX request_queue ON request(host, kind, due, key) WHERE state = 0;

CREATE TABLE name(
  folded TEXT PRIMARY KEY, -- the path as it is compared
  key    BLOB NOT NULL UNIQUE,
  path   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE file(
  id           INTEGER PRIMARY KEY, -- in the order in which they were done
  key          BLOB NOT NULL UNIQUE,
  host         INTEGER NOT NULL,
  url          TEXT NOT NULL,
  path         TEXT NOT NULL,
  size         INTEGER NOT NULL,
  sha256       BLOB,
  type         TEXT NOT NULL,
  etag         TEXT NOT NULL,
  modified     TEXT NOT NULL,
  duplicate_of TEXT
);
CREATE INDEX file_path ON file(path, key);
CREATE INDEX file_sha256 ON file(sha256);

CREATE TABLE output(
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE item(
  seq    INTEGER PRIMARY KEY,
  output INTEGER NOT NULL,
  key    BLOB NOT NULL, -- the page it is from
  body   TEXT NOT NULL  -- JSON
);
CREATE INDEX item_output ON item(output, seq);

CREATE TABLE failure(
  key     BLOB PRIMARY KEY,
  host    INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  final   INTEGER NOT NULL, -- 0: the request waits to be tried again
  url     TEXT NOT NULL,
  reason  TEXT NOT NULL,
  status  INTEGER NOT NULL,
  message TEXT NOT NULL,
  tries   INTEGER NOT NULL,
  at      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX failure_at ON failure(at, key) WHERE final = 1;

CREATE TABLE cursor(
  name TEXT PRIMARY KEY,
  pos  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE value(
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE total(
  pages_waiting INTEGER NOT NULL, pages_done INTEGER NOT NULL, pages_failed INTEGER NOT NULL,
  files_waiting INTEGER NOT NULL, files_done INTEGER NOT NULL, files_failed INTEGER NOT NULL,
  items INTEGER NOT NULL, bytes INTEGER NOT NULL, duplicates INTEGER NOT NULL
);
INSERT INTO total VALUES(0, 0, 0, 0, 0, 0, 0, 0, 0);

-- The views are for people.

CREATE VIEW requests AS
SELECT CASE substr(r.url, 1, 1)
         WHEN '/' THEN 'https://' || h.name || r.url
         WHEN ':' THEN 'http://' || h.name || substr(r.url, 2)
         WHEN '=' THEN substr(r.url, 2)
         ELSE r.url END AS url,
       CASE r.kind WHEN 0 THEN 'page' ELSE 'file' END AS kind,
       CASE r.state WHEN 0 THEN 'waiting' WHEN 1 THEN 'done' ELSE 'failed' END AS state,
       r.tries, datetime(r.due / 1000000000, 'unixepoch') AS due, s.name AS spider,
       r.rest, lower(hex(r.key)) AS key
FROM request AS r JOIN host AS h ON h.id = r.host JOIN spider AS s ON s.id = r.spider;

CREATE VIEW items AS
SELECT i.seq, o.name AS output, i.body, lower(hex(i.key)) AS page_key
FROM item AS i JOIN output AS o ON o.id = i.output;

CREATE VIEW files AS
SELECT path, url, size, type, lower(hex(sha256)) AS sha256, duplicate_of, etag, modified, lower(hex(key)) AS key
FROM file;

CREATE VIEW failures AS
SELECT url, CASE kind WHEN 0 THEN 'page' ELSE 'file' END AS kind, reason, status, message, tries,
       datetime(at / 1000000000, 'unixepoch') AS at, CASE final WHEN 1 THEN 'failed' ELSE 'waiting' END AS state,
       lower(hex(key)) AS key
FROM failure;
`

// schema2 adds the files that are held, and the contents that are suspect.
const schema2 = `
CREATE TABLE held(
  key      BLOB PRIMARY KEY,
  host     INTEGER NOT NULL,
  url      TEXT NOT NULL,
  path     TEXT NOT NULL,
  size     INTEGER NOT NULL,
  sha256   BLOB NOT NULL,
  type     TEXT NOT NULL,
  etag     TEXT NOT NULL,
  modified TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE suspect(
  sha256   BLOB NOT NULL,
  host     INTEGER NOT NULL,
  accepted INTEGER NOT NULL, -- 1: the user says that it is right
  PRIMARY KEY(sha256, host)
) WITHOUT ROWID;
`

// schema3 adds what it takes to ask again for what is done. The items of a page
// get an index of their own when they are first looked for; see [Store.Update].
const schema3 = `
ALTER TABLE request ADD COLUMN again INTEGER; -- 1: was done before
ALTER TABLE output ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

CREATE TABLE validator( -- of pages
  host     INTEGER NOT NULL,
  key      BLOB NOT NULL,
  etag     TEXT NOT NULL,
  modified TEXT NOT NULL,
  PRIMARY KEY(host, key)
) WITHOUT ROWID;
`

// schema4 adds what the robots.txt of origins said.
const schema4 = `
CREATE TABLE robots(
  origin TEXT PRIMARY KEY, -- "https://example.com"
  at     INTEGER NOT NULL, -- when it was fetched
  body   BLOB NOT NULL
) WITHOUT ROWID;
`

// schema5 adds the changes to requests that are not in their table yet; see
// [backlog]. Of a request the last one counts, and of a host those after the
// one up to which it is folded. Those that have a URL found their request.
const schema5 = `
ALTER TABLE host ADD COLUMN folded INTEGER NOT NULL DEFAULT 0; -- changes up to here are in table request

CREATE TABLE change(
  id     INTEGER PRIMARY KEY,
  host   INTEGER NOT NULL,
  key    BLOB NOT NULL,
  kind   INTEGER NOT NULL,
  state  INTEGER NOT NULL,
  tries  INTEGER NOT NULL,
  origin INTEGER,
  due    INTEGER,
  spider INTEGER,
  url    TEXT,
  rest   TEXT
);

DROP VIEW requests;
CREATE VIEW requests AS
WITH news AS (
  SELECT c.*, max(c.id) FROM change AS c CROSS JOIN host AS h ON h.id = c.host
  WHERE c.id > h.folded GROUP BY c.host, c.key
), latest AS (
  SELECT r.host, r.key, r.kind, coalesce(n.state, r.state) AS state, coalesce(n.tries, r.tries) AS tries,
         r.due, r.spider, r.url, r.rest
  FROM request AS r LEFT JOIN news AS n ON n.host = r.host AND n.key = r.key
  UNION ALL
  SELECT c.host, c.key, c.kind, n.state, n.tries, c.due, c.spider, c.url, c.rest
  FROM change AS c CROSS JOIN news AS n ON n.host = c.host AND n.key = c.key
  WHERE c.url IS NOT NULL AND c.id > (SELECT folded FROM host WHERE id = c.host)
)
SELECT CASE substr(r.url, 1, 1)
         WHEN '/' THEN 'https://' || h.name || r.url
         WHEN ':' THEN 'http://' || h.name || substr(r.url, 2)
         WHEN '=' THEN substr(r.url, 2)
         ELSE r.url END AS url,
       CASE r.kind WHEN 0 THEN 'page' ELSE 'file' END AS kind,
       CASE r.state WHEN 0 THEN 'waiting' WHEN 1 THEN 'done' ELSE 'failed' END AS state,
       r.tries, datetime(r.due / 1000000000, 'unixepoch') AS due, s.name AS spider,
       r.rest, lower(hex(r.key)) AS key
FROM latest AS r JOIN host AS h ON h.id = r.host JOIN spider AS s ON s.id = r.spider;
`

// migrations lead from each version of the tables to the next; the first is
// to 1. Add to the end, and never change what was released.
var migrations = []string{schema1, schema2, schema3, schema4, schema5}

// applicationID marks a database as a job: "traw".
const applicationID = 0x74726177

// errNewer is returned for a job of a later release.
var errNewer = errors.New("the job was made by a newer version of trawl")

// migrate brings the tables to the current version, in one transaction.
func migrate(ctx context.Context, c *conn) error {
	v, err := version(ctx, c)
	if err != nil || v == len(migrations) {
		return err
	}
	if err := c.run(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, m := range migrations[v:] {
		if err := c.run(ctx, m); err != nil {
			return errors.Join(err, c.run(context.Background(), "ROLLBACK"))
		}
	}
	return c.run(ctx, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", applicationID, len(migrations)))
}

// checkVersion reports why a database cannot be read as it is.
func checkVersion(ctx context.Context, c *conn) error {
	switch v, err := version(ctx, c); {
	case err != nil:
		return err
	case v == 0:
		return fmt.Errorf("no job yet: %w", fs.ErrNotExist)
	case v < len(migrations):
		return fmt.Errorf("the job was made by an older version of trawl (tables %d, current %d); open it for writing once", v, len(migrations))
	}
	return nil
}

// version returns the version of the tables, 0 for an empty database.
func version(ctx context.Context, c *conn) (int, error) {
	r, err := c.first(ctx, `SELECT u.user_version, a.application_id, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_user_version AS u, pragma_application_id AS a`)
	if err != nil {
		return 0, err
	}
	v, app, tables := int(r.int(0)), r.int(1), r.int(2)
	switch {
	case app != applicationID && tables > 0:
		return 0, fmt.Errorf("%w: the database is not that of a job", store.ErrCorrupt)
	case v > len(migrations):
		return 0, fmt.Errorf("%w (tables %d, this one knows %d)", errNewer, v, len(migrations))
	}
	return v, nil
}
