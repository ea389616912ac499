// Package archive keeps a list of files that were downloaded once and need
// not be again, for several jobs and programs together: gallery-dl's download
// archive, a SQLite file with one table of entries.
//
// Start with [Open]. An entry is what gallery-dl's generic extractor makes of
// a file: "generic" and the file's URL. Entries of its extractor for direct
// links are recognized, too, where they say all that the URL does; those of
// its other extractors are made of a site's own numbers, which are not known
// here, and are left alone.
//
// The file keeps the journal mode that it has. Whoever finds it locked waits.
package archive

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// busyTimeout, in milliseconds, is how long to wait while another program
// writes; gallery-dl waits as long.
const busyTimeout = 60_000

// An Error is an archive that cannot be read or written.
type Error struct {
	Path string
	Err  error
}

// Error returns "download archive PATH: what happened".
func (e *Error) Error() string { return "download archive " + e.Path + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// An Archive is an open archive. It is safe for concurrent use, also by
// several processes.
type Archive struct {
	db   *sql.DB
	name string
}

// Open opens the archive in a file, which it makes if it is not there.
// Errors of all methods are an [*Error], or ctx.Err().
func Open(ctx context.Context, file string) (*Archive, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, &Error{file, err}
	}
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/dir
	}
	u := url.URL{Scheme: "file", Path: p, RawQuery: fmt.Sprintf("_pragma=busy_timeout(%d)&_txlock=immediate", busyTimeout)}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, &Error{file, err}
	}
	a := &Archive{db, abs}
	db.SetMaxOpenConns(4)
	// A look first: to make a table that is there would wait for a writer.
	if _, err := a.Has(ctx, "http://example.com/"); err != nil {
		_, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS archive (entry TEXT PRIMARY KEY) WITHOUT ROWID")
		if err != nil {
			db.Close()
			return nil, a.fail(ctx, err)
		}
	}
	return a, nil
}

// Name is the absolute path of the file.
func (a *Archive) Name() string { return a.name }

// Close closes the archive. It may be called twice.
func (a *Archive) Close() error {
	if err := a.db.Close(); err != nil {
		return &Error{a.name, err}
	}
	return nil
}

func (a *Archive) fail(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{a.name, err}
}

// Has reports whether the file at a URL is in the archive.
func (a *Archive) Has(ctx context.Context, rawURL string) (bool, error) {
	n := 0
	err := a.db.QueryRowContext(ctx, "SELECT count(*) FROM archive WHERE entry IN (?, ?)", entry(rawURL), direct(rawURL)).Scan(&n)
	return n > 0, a.fail(ctx, err)
}

// Add adds files, all or none. It is durable when it returns.
func (a *Archive) Add(ctx context.Context, rawURLs []string) error {
	return a.each(ctx, "INSERT OR IGNORE INTO archive(entry) VALUES(?)", rawURLs)
}

// Drop removes files that were added.
func (a *Archive) Drop(ctx context.Context, rawURLs []string) error {
	return a.each(ctx, "DELETE FROM archive WHERE entry = ?", rawURLs)
}

func (a *Archive) each(ctx context.Context, q string, rawURLs []string) error {
	if len(rawURLs) == 0 {
		return nil
	}
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return a.fail(ctx, err)
	}
	defer tx.Rollback() // does nothing after Commit
	st, err := tx.PrepareContext(ctx, q)
	if err != nil {
		return a.fail(ctx, err)
	}
	defer st.Close()
	for _, u := range rawURLs {
		if _, err := st.ExecContext(ctx, entry(u)); err != nil {
			return a.fail(ctx, err)
		}
	}
	return a.fail(ctx, tx.Commit())
}

// entry is that of a file on some page.
func entry(rawURL string) string { return "generic" + rawURL }

// direct is the entry of a file whose URL was given to gallery-dl; "" if it
// has none. A URL with a query has none: the entry is the same whatever the
// query says, and so may be that of another file.
func direct(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.RawQuery != "" || u.Host == "" {
		return ""
	}
	ext := path.Ext(u.Path)
	switch strings.ToLower(ext) {
	case ".jpg", ".jpeg", ".jpe", ".png", ".gif", ".webm", ".webp", ".mp4", ".mkv", ".ogg", ".ogm", ".ogv", ".opus":
	default:
		return ""
	}
	dir, name := path.Split(strings.TrimPrefix(u.Path, "/"))
	return "directlink" + u.Host + "/" + strings.TrimSuffix(dir, "/") + "/" + strings.TrimSuffix(name, ext) + strings.ToLower(ext)
}
