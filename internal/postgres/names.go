package postgres

import (
	"context"
	"path"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Reserve implements [store.Store]. One process gives names at a time.
//
// What it gives is on the server's disk when it returns: unlike the process,
// the server may crash between this and the commit that relies on the names.
func (s *Store) Reserve(ctx context.Context, names []store.Name, taken func(path string) bool) ([]string, error) {
	// Most that is asked for by somebody who is about to save a file is there
	// already, and needs no lock.
	ps, err := s.reserved(ctx, names)
	if err != nil || ps != nil {
		return ps, err
	}
	err = s.write(ctx, "reserve names", writing, func(t *tx) error {
		ps = make([]string, len(names))
		t.lock(lockNames)
		ns := newNames(t)
		have := ns.of(keys(names, func(n *store.Name) trawl.Key { return n.Key }))
		if err := t.flush(); err != nil {
			return err
		}
		var fresh []store.Name
		for _, n := range names {
			if _, ok := have[n.Key]; !ok {
				fresh = append(fresh, n)
			}
		}
		if err := ns.foresee(fresh); err != nil {
			return err
		}
		for i, n := range names {
			p, ok := have[n.Key]
			if !ok {
				var err error
				if p, err = ns.reserve(n, taken); err != nil {
					return err
				}
				have[n.Key] = p
			}
			ps[i] = p
		}
		ns.save()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ps, nil
}

// reserved returns the paths that files have; nil if one of them has none.
func (s *Store) reserved(ctx context.Context, names []store.Name) ([]string, error) {
	var have map[trawl.Key]string
	err := s.read(ctx, "reserve names", func(t *tx) error {
		have = newNames(t).of(keys(names, func(n *store.Name) trawl.Key { return n.Key }))
		return nil
	})
	if err != nil {
		return nil, err
	}
	ps := make([]string, len(names))
	for i, n := range names {
		p, ok := have[n.Key]
		if !ok {
			return nil, nil
		}
		ps[i] = p
	}
	return ps, nil
}

// Rename implements [store.Store].
func (s *Store) Rename(ctx context.Context, n store.Name, taken func(path string) bool) (p string, err error) {
	err = s.write(ctx, "rename a file", writing, func(t *tx) error {
		p = ""
		done := false
		t.lock(lockNames)
		t.first("SELECT true, path FROM file WHERE key = $1", []any{n.Key.String()}, &done, &p)
		if err := t.flush(); err != nil || done {
			p = unescape(p)
			return err
		}
		t.queue("DELETE FROM name WHERE key = $1", n.Key.String())
		ns := newNames(t)
		if err := ns.foresee([]store.Name{n}); err != nil {
			return err
		}
		if p, err = ns.reserve(n, taken); err != nil {
			return err
		}
		ns.save()
		return nil
	})
	if err != nil {
		return "", err
	}
	return p, nil
}

// names are the paths of the job, as far as they were looked at or given in
// this transaction, which holds lockNames.
type names struct {
	t       *tx
	holders map[string]*trawl.Key // by folded path; nil: nobody
	dirs    map[string]bool
	given   []given
}

type given struct {
	folded, path string
	key          trawl.Key
}

func newNames(t *tx) *names {
	return &names{t: t, holders: map[string]*trawl.Key{}, dirs: map[string]bool{}}
}

// of queues the reading of the paths that keys have; the map is filled by the
// flush.
func (ns *names) of(keys []string) map[trawl.Key]string {
	have := make(map[trawl.Key]string, len(keys))
	ns.t.query("SELECT key, path FROM name WHERE key = ANY($1::uuid[])", []any{keys}, func(scan func(...any) error) error {
		var k trawl.Key
		var p string
		err := scan(uuid(&k), &p)
		have[k] = unescape(p)
		return err
	})
	return have
}

// foresee looks at all that the rules of names will probably ask for, in one
// exchange with the server: the paths asked for, and their directories.
func (ns *names) foresee(want []store.Name) error {
	var held, dirs []string
	for _, n := range want {
		f := store.Fold(n.Path)
		dirs = append(dirs, f)
		for ; f != "." && f != "/"; f = path.Dir(f) {
			held = append(held, f)
		}
	}
	return ns.look(held, dirs)
}

// look reads who holds paths, and which of dirs are directories.
func (ns *names) look(held, dirs []string) error {
	for _, f := range held {
		if _, ok := ns.holders[f]; !ok {
			ns.holders[f] = nil
		}
	}
	esc := func(s *string) string { return escape(*s) }
	if len(held) > 0 {
		ns.t.query("SELECT folded, key FROM name WHERE folded = ANY($1)", []any{column(held, esc)}, func(scan func(...any) error) error {
			var f string
			var k trawl.Key
			err := scan(&f, uuid(&k))
			ns.holders[unescape(f)] = &k
			return err
		})
	}
	if len(dirs) > 0 {
		// '0' is the character after '/'.
		ns.t.query(`SELECT d.n, EXISTS (SELECT FROM name WHERE folded > d.dir || '/' AND folded < d.dir || '0')
			FROM unnest($1::text[]) WITH ORDINALITY AS d(dir, n)`, []any{column(dirs, esc)}, func(scan func(...any) error) error {
			var n int
			var is bool
			err := scan(&n, &is)
			if err == nil {
				ns.dirs[dirs[n-1]] = ns.dirs[dirs[n-1]] || is
			}
			return err
		})
	}
	return ns.t.flush()
}

// Holder implements [store.Paths].
func (ns *names) Holder(folded string) (key trawl.Key, ok bool, err error) {
	k, known := ns.holders[folded]
	if !known {
		if err := ns.look([]string{folded}, nil); err != nil {
			return key, false, err
		}
		k = ns.holders[folded]
	}
	if k == nil {
		return key, false, nil
	}
	return *k, true, nil
}

// IsDir implements [store.Paths].
func (ns *names) IsDir(folded string) (bool, error) {
	is, known := ns.dirs[folded]
	if !known {
		if err := ns.look(nil, []string{folded}); err != nil {
			return false, err
		}
		is = ns.dirs[folded]
	}
	return is, nil
}

// reserve gives a path to a file that has none.
func (ns *names) reserve(n store.Name, taken func(path string) bool) (string, error) {
	p, err := store.ChoosePath(n, ns, taken)
	if err != nil {
		return "", err
	}
	f := store.Fold(p)
	ns.holders[f] = &n.Key
	for d := path.Dir(f); d != "."; d = path.Dir(d) {
		ns.dirs[d] = true
	}
	ns.given = append(ns.given, given{f, p, n.Key})
	return p, nil
}

// save queues the writing of what was given.
func (ns *names) save() {
	if len(ns.given) == 0 {
		return
	}
	ns.t.queue("INSERT INTO name(folded, key, path) SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[])",
		column(ns.given, func(g *given) string { return escape(g.folded) }),
		keys(ns.given, func(g *given) trawl.Key { return g.key }),
		column(ns.given, func(g *given) string { return escape(g.path) }))
}
