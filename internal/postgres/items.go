package postgres

import (
	"bytes"
	"maps"
	"slices"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// revision is what the pages of a commit that were done before lose.
type revision struct {
	pages   []trawl.Key
	items   int64
	outputs map[string]int64 // in how many pages each loses items
}

// readPages finds out which items of the pages that are done are kept: all,
// but of a page that was done before none if they are those that it had.
func (c *commit) readPages() error {
	was := map[trawl.Key][]store.Item{}
	if c.again(trawl.KindPage) {
		var before []trawl.Key
		for _, o := range c.pages {
			if c.requests[requestKey{o.Host, o.Key}].again {
				before = append(before, o.Key)
			}
		}
		c.query("SELECT key, output, body FROM item WHERE key = ANY($1::uuid[]) ORDER BY seq",
			[]any{keys(before, func(k *trawl.Key) trawl.Key { return *k })}, func(scan func(...any) error) error {
				var k trawl.Key
				var output, body string
				err := scan(uuid(&k), &output, &body)
				was[k] = append(was[k], store.Item{Output: unescape(output), Body: []byte(unescape(body))})
				return err
			})
		if err := c.flush(); err != nil {
			return err
		}
	}
	c.lost.outputs = map[string]int64{}
	var valid, invalid []*store.Outcome
	for _, o := range c.pages {
		again := c.requests[requestKey{o.Host, o.Key}].again
		switch {
		case o.ETag != "" || o.Modified != "":
			valid = append(valid, o)
		case again:
			invalid = append(invalid, o)
		}
		if again {
			if slices.EqualFunc(was[o.Key], o.Items, sameItem) {
				continue
			}
			c.lose(o.Key, was[o.Key])
		}
		for i := range o.Items {
			c.items = append(c.items, &o.Items[i])
			c.itemsOf = append(c.itemsOf, o.Key)
		}
	}
	c.totals[colItems] += int64(len(c.items)) - c.lost.items
	c.validate(valid, invalid)
	return nil
}

func sameItem(a, b store.Item) bool { return a.Output == b.Output && bytes.Equal(a.Body, b.Body) }

// lose notes that a page loses the items that it had.
func (c *commit) lose(page trawl.Key, was []store.Item) {
	if len(was) == 0 {
		return
	}
	c.lost.pages = append(c.lost.pages, page)
	c.lost.items += int64(len(was))
	outputs := map[string]bool{}
	for _, it := range was {
		outputs[it.Output] = true
	}
	for o := range outputs {
		c.lost.outputs[o]++
	}
}

// validate queues the writing of the validators of pages.
func (c *commit) validate(valid, invalid []*store.Outcome) {
	hosts := func(os []*store.Outcome) []int64 {
		return ids(os, func(o **store.Outcome) store.HostID { return (*o).Host })
	}
	pages := func(os []*store.Outcome) []string {
		return keys(os, func(o **store.Outcome) trawl.Key { return (*o).Key })
	}
	if len(valid) > 0 {
		c.queue(`INSERT INTO validator(host, key, etag, modified) SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[])
			ON CONFLICT (host, key) DO UPDATE SET etag = excluded.etag, modified = excluded.modified`,
			hosts(valid), pages(valid),
			column(valid, func(o **store.Outcome) string { return escape((*o).ETag) }),
			column(valid, func(o **store.Outcome) string { return escape((*o).Modified) }))
	}
	if len(invalid) > 0 {
		c.queue(`DELETE FROM validator AS v USING unnest($1::bigint[], $2::uuid[]) AS p(host, key)
			WHERE v.host = p.host AND v.key = p.key`, hosts(invalid), pages(invalid))
	}
}

// keepItems queues the records, as the last thing: from when they get their
// numbers nobody else can number his until the transaction has ended. So
// whoever has read up to a number misses none that comes later with a smaller
// one.
func (c *commit) keepItems() {
	if len(c.items) == 0 && len(c.lost.pages) == 0 {
		return
	}
	c.lock(lockItems)
	if len(c.lost.pages) > 0 {
		c.receipt.Revised = slices.Sorted(maps.Keys(c.lost.outputs))
		c.queue("DELETE FROM item WHERE key = ANY($1::uuid[])", keys(c.lost.pages, func(k *trawl.Key) trawl.Key { return *k }))
		c.queue(`UPDATE output AS o SET revision = o.revision + n.n FROM unnest($1::text[], $2::bigint[]) AS n(name, n) WHERE o.name = n.name`,
			column(c.receipt.Revised, func(o *string) string { return escape(*o) }),
			column(c.receipt.Revised, func(o *string) int64 { return c.lost.outputs[*o] }))
	}
	if len(c.items) == 0 {
		return
	}
	outputs := map[string]bool{}
	for _, it := range c.items {
		outputs[escape(it.Output)] = true
	}
	c.queue("INSERT INTO output(name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", slices.Sorted(maps.Keys(outputs)))
	c.query(`INSERT INTO item(output, key, body)
		SELECT output, key, body FROM unnest($1::text[], $2::uuid[], $3::text[]) WITH ORDINALITY AS i(output, key, body, n) ORDER BY n
		RETURNING seq`,
		[]any{
			column(c.items, func(it **store.Item) string { return escape((*it).Output) }),
			keys(c.itemsOf, func(k *trawl.Key) trawl.Key { return *k }),
			column(c.items, func(it **store.Item) string { return escape(string((*it).Body)) }),
		},
		func(scan func(...any) error) error {
			var seq int64
			err := scan(&seq)
			c.seqs = append(c.seqs, seq)
			return err
		})
}
