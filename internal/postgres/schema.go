package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
)

// schema1 is the first version of a job's tables.
//
// It follows that of package sqlite: times are nanoseconds since 1970, 0 for
// none; a request is found by its host and key, so that the links of a page
// land on few pages of the index. Text that PostgreSQL cannot hold is escaped,
// see [escape]. Text is compared byte by byte.
//
// What changes often has room on its pages for the next version of a row, and
// no index on what changes, so that vacuum has little to do. It has to come
// soon all the same: a queue is slow as long as the rows are there that were
// taken out of it.
const schema1 = `
CREATE TABLE part(
  id       integer PRIMARY KEY,
  epoch    bigint NOT NULL DEFAULT 0,
  owner    text NOT NULL DEFAULT '', -- '' if it was given back
  worker   text NOT NULL DEFAULT '', -- the owner's name, for people
  until    timestamptz NOT NULL DEFAULT '-infinity',
  takeover timestamptz NOT NULL DEFAULT '-infinity' -- when another may have it
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE host(
  id      bigint PRIMARY KEY,
  part    integer NOT NULL,
  name    text NOT NULL,
  next_at bigint NOT NULL DEFAULT 0,
  delay   bigint NOT NULL DEFAULT 0,      -- nanoseconds
  backoff integer NOT NULL DEFAULT 0,
  pending bigint NOT NULL DEFAULT 0,      -- waiting requests to this host
  waiting boolean NOT NULL DEFAULT false, -- pending > 0; apart, as it seldom changes
  files   bigint NOT NULL DEFAULT 0       -- waiting files found on its pages
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX host_waiting ON host(part, id) WHERE waiting;

CREATE TABLE request(
  host   bigint NOT NULL,
  key    uuid NOT NULL,
  due    bigint NOT NULL,
  origin bigint NOT NULL,   -- host of the page on which a file was found; 0 for none
  kind   smallint NOT NULL, -- 0 page, 1 file
  state  smallint NOT NULL, -- 0 waiting, 1 done, 2 failed
  again  boolean NOT NULL DEFAULT false, -- was done before
  tries  integer NOT NULL,
  spider text NOT NULL,
  url    text NOT NULL,
  rest   text NOT NULL,     -- JSON
  PRIMARY KEY(host, key)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX request_queue ON request(host, kind, due, key) WHERE state = 0;

CREATE TABLE name(
  folded text COLLATE "C" PRIMARY KEY, -- the path as it is compared
  key    uuid NOT NULL UNIQUE,
  path   text NOT NULL
);

CREATE TABLE file(
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- among those of one content, in the order in which they were done
  key          uuid NOT NULL UNIQUE,
  host         bigint NOT NULL,
  url          text NOT NULL,
  path         text COLLATE "C" NOT NULL,
  size         bigint NOT NULL,
  sha256       bytea,
  type         text NOT NULL,
  etag         text NOT NULL,
  modified     text NOT NULL,
  duplicate_of text
);
CREATE INDEX file_path ON file(path, key);
CREATE INDEX file_sha256 ON file(sha256, host, id);
CREATE UNIQUE INDEX file_first ON file(sha256) WHERE duplicate_of IS NULL;

CREATE TABLE output(
  name     text COLLATE "C" PRIMARY KEY,
  revision bigint NOT NULL DEFAULT 0
);

-- The items of a page get an index of their own when they are first looked
-- for; see [Store.Update].
CREATE TABLE item(
  seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  output text COLLATE "C" NOT NULL,
  key    uuid NOT NULL, -- the page it is from
  body   text NOT NULL  -- JSON
);
CREATE INDEX item_output ON item(output, seq);

CREATE TABLE failure(
  key     uuid PRIMARY KEY,
  host    bigint NOT NULL,
  kind    smallint NOT NULL,
  final   boolean NOT NULL, -- false: the request waits to be tried again
  url     text NOT NULL,
  reason  text NOT NULL,
  status  integer NOT NULL,
  message text NOT NULL,
  tries   integer NOT NULL,
  at      bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX failure_at ON failure(at, key) WHERE final;

CREATE TABLE held(
  key      uuid PRIMARY KEY,
  host     bigint NOT NULL,
  url      text NOT NULL,
  path     text NOT NULL,
  size     bigint NOT NULL,
  sha256   bytea NOT NULL,
  type     text NOT NULL,
  etag     text NOT NULL,
  modified text NOT NULL
);

CREATE TABLE suspect(
  sha256   bytea NOT NULL,
  host     bigint NOT NULL,
  accepted boolean NOT NULL, -- the user says that it is right
  PRIMARY KEY(sha256, host)
);

CREATE TABLE validator( -- of pages
  host     bigint NOT NULL,
  key      uuid NOT NULL,
  etag     text NOT NULL,
  modified text NOT NULL,
  PRIMARY KEY(host, key)
);

CREATE TABLE cursor(
  name text PRIMARY KEY,
  pos  bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE value(
  name  text PRIMARY KEY,
  value text NOT NULL
);

CREATE TABLE worker(
  id   text PRIMARY KEY,
  name text NOT NULL,
  idle boolean NOT NULL,
  seen timestamptz NOT NULL -- it counts until then
) WITH (fillfactor = 20);

-- The totals are the sums of these rows: one of each partition, for what its
-- owner commits, and some with negative numbers for the rest.
CREATE TABLE total(
  slot  integer PRIMARY KEY,
  token bigint NOT NULL, -- of the last transaction that changed it
  pages_waiting bigint NOT NULL, pages_done bigint NOT NULL, pages_failed bigint NOT NULL,
  files_waiting bigint NOT NULL, files_done bigint NOT NULL, files_failed bigint NOT NULL,
  items bigint NOT NULL, bytes bigint NOT NULL, duplicates bigint NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- The views are for people.

CREATE VIEW requests AS
SELECT url, CASE kind WHEN 0 THEN 'page' ELSE 'file' END AS kind,
       CASE state WHEN 0 THEN 'waiting' WHEN 1 THEN 'done' ELSE 'failed' END AS state,
       tries, to_timestamp(due / 1e9) AS due, spider, rest, key
FROM request;

CREATE VIEW files AS
SELECT path, url, size, type, encode(sha256, 'hex') AS sha256, duplicate_of, etag, modified, key FROM file;

CREATE VIEW failures AS
SELECT url, CASE kind WHEN 0 THEN 'page' ELSE 'file' END AS kind, reason, status, message, tries,
       to_timestamp(at / 1e9) AS at, CASE WHEN final THEN 'failed' ELSE 'waiting' END AS state, key
FROM failure;
`

// schema2 adds what the robots.txt of origins said.
const schema2 = `
CREATE TABLE robots(
  origin text PRIMARY KEY, -- "https://example.com"
  at     bigint NOT NULL,  -- when it was fetched
  body   bytea NOT NULL
);
`

// migrations lead from each version of the tables to the next; the first is
// to 1. Add to the end, and never change what was released.
var migrations = []string{schema1, schema2, schema3, schema4}

// errNewer is returned for a job of a later release.
var errNewer = errors.New("the job was made by a newer version of trawl")

// schema returns the name of the job's schema.
func (s *Store) schema() string { return schemaPrefix + s.job }

// A lock is one of the locks of a job that no row stands for. They end with
// the transaction.
type lock int32

const (
	lockSchema lock = 1 + iota // while the tables are made
	lockNames                  // while names are given
	lockItems                  // from when items get their numbers until they can be seen
)

// lock queues the taking of a lock.
func (t *tx) lock(l lock) {
	h := fnv.New32a()
	h.Write([]byte(t.s.schema()))
	t.queue("SELECT pg_advisory_xact_lock($1, $2)", int32(h.Sum32()), int32(l))
}

// migrate makes the job's tables if need be, brings them to the current
// version, and reads the number of partitions.
func (s *Store) migrate(ctx context.Context) error {
	v, parts, encoding := 0, 0, ""
	look := func(t *tx) error {
		exists := false
		t.first("SHOW server_encoding", nil, &encoding)
		t.first("SELECT to_regclass('trawl_job') IS NOT NULL", nil, &exists)
		if err := t.flush(); err != nil || !exists {
			return err
		}
		t.first("SELECT version, partitions FROM trawl_job", nil, &v, &parts)
		return t.flush()
	}
	if _, err := s.attempt(ctx, reading, mark{}, look); err != nil {
		return s.openError(ctx, err)
	}
	switch {
	case encoding != "UTF8":
		return fmt.Errorf("postgres: the database has the encoding %s; make one with createdb -T template0 -E UTF8", encoding)
	case v > len(migrations):
		return fmt.Errorf("postgres job %s: %w (tables %d, this one knows %d)", s.job, errNewer, v, len(migrations))
	case v == 0 && s.opts.Existing:
		return fmt.Errorf("postgres job %s: %w", s.job, ErrNoJob)
	case v == len(migrations):
		s.parts = int32(parts)
		return nil
	}
	_, err := s.attempt(ctx, slowly, mark{}, func(t *tx) error {
		t.lock(lockSchema)
		t.queue("CREATE SCHEMA IF NOT EXISTS " + pgx.Identifier{s.schema()}.Sanitize())
		t.queue("CREATE TABLE IF NOT EXISTS trawl_job(one boolean PRIMARY KEY CHECK (one), version integer NOT NULL, partitions integer NOT NULL)")
		t.queue("INSERT INTO trawl_job VALUES (true, 0, $1) ON CONFLICT DO NOTHING", s.opts.Partitions)
		t.first("SELECT version, partitions FROM trawl_job", nil, &v, &parts)
		if err := t.flush(); err != nil {
			return err
		}
		for i := v; i < len(migrations); i++ {
			// Several statements go only without parameters.
			if err := t.script(migrations[i]); err != nil {
				return err
			}
		}
		t.queue("INSERT INTO part(id) SELECT generate_series(0, $1 - 1) ON CONFLICT DO NOTHING", parts)
		t.queue("UPDATE trawl_job SET version = greatest(version, $1)", len(migrations))
		return nil
	})
	s.parts = int32(parts)
	return s.openError(ctx, err)
}

func (s *Store) openError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return s.fail("open", err)
}

// script executes several statements.
func (t *tx) script(sql string) error {
	if _, err := t.c.Conn().PgConn().Exec(t.ctx, sql).ReadAll(); err != nil {
		return serverError{err: err, lost: t.c.Conn().IsClosed()}
	}
	return nil
}
