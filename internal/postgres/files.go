package postgres

import (
	"bytes"
	"slices"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A newFile is a file that a commit records.
type newFile struct {
	store.File
	request *ending
}

// A content is what files of one host have in common.
type content struct {
	host   store.HostID
	sha256 [32]byte
}

func (f *newFile) content() content { return content{f.request.host, f.SHA256} }

// known reports whether the content is known: of one that is not, nothing is
// a duplicate.
func (c content) known() bool { return c.sha256 != [32]byte{} }

// A verdict is what is known of a content and the files that have it.
type verdict struct {
	suspect, accepted bool
	files             int // recorded so far, at least, as far as Commit.Hold
}

// verdicts are those of the contents of a commit's files.
type verdicts struct {
	of   map[content]*verdict
	held map[trawl.Key]bool // files that are held
}

// askVerdicts queues the reading of what is known of the contents that the
// commit brings.
func (c *commit) askVerdicts() {
	c.verdicts = verdicts{map[content]*verdict{}, map[trawl.Key]bool{}}
	var os []*store.Outcome
	for i := range c.Outcomes {
		if c.Outcomes[i].File != nil {
			os = append(os, &c.Outcomes[i])
		}
	}
	if len(os) == 0 {
		return
	}
	c.query(`SELECT f.n, s.sha256 IS NOT NULL, coalesce(s.accepted, false), EXISTS (SELECT FROM held WHERE key = f.key),
			(SELECT count(*) FROM (SELECT FROM file WHERE sha256 = f.sha256 AND host = f.host LIMIT $4) AS x)
		FROM unnest($1::bigint[], $2::uuid[], $3::bytea[]) WITH ORDINALITY AS f(host, key, sha256, n)
		LEFT JOIN suspect AS s ON s.sha256 = f.sha256 AND s.host = f.host`,
		[]any{
			ids(os, func(o **store.Outcome) store.HostID { return (*o).Host }),
			keys(os, func(o **store.Outcome) trawl.Key { return (*o).Key }),
			column(os, func(o **store.Outcome) []byte { return (*o).File.SHA256[:] }),
			max(c.Hold, 0),
		},
		func(scan func(...any) error) error {
			var n int
			var known, held bool
			var v verdict
			err := scan(&n, &known, &v.accepted, &held, &v.files)
			if err != nil {
				return err
			}
			v.suspect = known && !v.accepted
			o := os[n-1]
			c.verdicts.of[content{o.Host, o.File.SHA256}] = &v
			c.verdicts.held[o.Key] = held
			return nil
		})
}

// keepFiles records files. Where nothing is to be judged all of them go
// together. Files of a content that is, or becomes, suspect go one by one, as
// each may change what the next one is.
//
// The caller calls it after each outcome if a file may have been done before:
// what one of them loses others gain, and they end each other's requests.
func (c *commit) keepFiles() error {
	files := c.files
	c.files = nil
	if len(files) == 0 {
		return nil
	}
	more := map[content]int{}
	for _, f := range files {
		more[f.content()]++
	}
	single := map[[32]byte]bool{}
	for _, f := range files {
		v := c.verdicts.of[f.content()]
		if f.request.again || c.verdicts.held[f.Key] || c.Hold > 0 && f.content().known() && !v.accepted && (v.suspect || v.files+more[f.content()] >= c.Hold) {
			single[f.SHA256] = true
		}
	}
	var plain []*newFile
	for _, f := range files {
		if !single[f.SHA256] {
			plain = append(plain, f)
		}
	}
	if err := c.record(plain); err != nil {
		return err
	}
	for _, f := range files {
		if !single[f.SHA256] {
			continue
		}
		if f.request.again {
			if _, err := c.forget([]trawl.Key{f.Key}); err != nil {
				return err
			}
		}
		if err := c.record([]*newFile{f}); err != nil {
			return err
		}
		if err := c.judge(f); err != nil {
			return err
		}
	}
	for _, f := range files {
		c.verdicts.of[f.content()].files++ // for the next call
		if f.DuplicateOf != "" {
			c.receipt.Duplicates = append(c.receipt.Duplicates, f.File)
		}
	}
	return nil
}

// record writes the records of files, and fills in what they are duplicates
// of. The first file with its content is the one that gets into the index of
// firsts: two transactions that bring the same content wait for each other
// there.
func (t *tx) record(fs []*newFile) error {
	if len(fs) == 0 {
		return nil
	}
	// By content, so that nobody waits in a circle; among equals the one that
	// was done first comes first.
	fs = slices.Clone(fs)
	slices.SortStableFunc(fs, func(a, b *newFile) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	byKey := make(map[trawl.Key]*newFile, len(fs))
	for _, f := range fs {
		byKey[f.Key] = f
		t.totals[colBytes] += f.Size
	}
	args := []any{
		keys(fs, func(f **newFile) trawl.Key { return (*f).Key }),
		ids(fs, func(f **newFile) store.HostID { return (*f).request.host }),
		column(fs, func(f **newFile) string { return escape((*f).URL) }),
		column(fs, func(f **newFile) string { return escape((*f).Path) }),
		column(fs, func(f **newFile) int64 { return (*f).Size }),
		column(fs, func(f **newFile) []byte {
			if !(*f).content().known() {
				return nil
			}
			return (*f).SHA256[:]
		}),
		column(fs, func(f **newFile) string { return escape((*f).Type) }),
		column(fs, func(f **newFile) string { return escape((*f).ETag) }),
		column(fs, func(f **newFile) string { return escape((*f).Modified) }),
	}
	const rows = `unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::text[], $8::text[], $9::text[])
		WITH ORDINALITY AS f(key, host, url, path, size, sha256, type, etag, modified, n)`
	recorded := 0
	t.query(`INSERT INTO file(key, host, url, path, size, sha256, type, etag, modified)
		SELECT key, host, url, path, size, sha256, type, etag, modified FROM `+rows+` ORDER BY n
		ON CONFLICT (sha256) WHERE duplicate_of IS NULL DO NOTHING RETURNING key`, args, func(func(...any) error) error {
		recorded++
		return nil
	})
	t.query(`INSERT INTO file(key, host, url, path, size, sha256, type, etag, modified, duplicate_of)
		SELECT f.key, f.host, f.url, f.path, f.size, f.sha256, f.type, f.etag, f.modified, first.path
		FROM `+rows+` JOIN file AS first ON first.sha256 = f.sha256 AND first.duplicate_of IS NULL AND first.key <> f.key
		ORDER BY f.n RETURNING key, duplicate_of`, args, func(scan func(...any) error) error {
		var k trawl.Key
		var path string
		err := scan(uuid(&k), &path)
		byKey[k].DuplicateOf = unescape(path)
		t.totals[colDuplicates]++
		recorded++
		return err
	})
	if err := t.flush(); err != nil {
		return err
	}
	if recorded != len(fs) {
		// The first file of a content was forgotten between the two.
		return errMoved
	}
	return nil
}
