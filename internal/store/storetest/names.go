package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// key returns the key of the n-th file: 32 digits that begin with n twice.
func key(n byte) trawl.Key { return trawl.Key{n, n, 0xa0} }

func (e *env) reserve(n byte, path string) string {
	e.Helper()
	ps, err := e.s.Reserve(bg, []store.Name{{Key: key(n), Path: path}}, nil)
	e.must(err)
	return ps[0]
}

func (e *env) rename(n byte, path string) string {
	e.Helper()
	p, err := e.s.Rename(bg, store.Name{Key: key(n), Path: path}, nil)
	e.must(err)
	return p
}

// wants is a path that files 1, 2, … ask for, one after the other, and what
// they get.
type wants struct {
	name string
	asks []string
	gets []string
}

var collisions = []wants{
	{"the same", []string{"思考中.jpg", "思考中.jpg"}, []string{"思考中.jpg", "思考中~0202a0.jpg"}},
	{"case", []string{"a/B.jpg", "A/b.JPG"}, []string{"a/B.jpg", "A/b~0202a0.JPG"}},
	{"folding beyond ASCII", []string{"STRASSE", "straße", "ΣΑΣ.png", "σας.png"}, []string{"STRASSE", "straße~0202a0", "ΣΑΣ.png", "σας~0404a0.png"}},
	{"composition", []string{"caf\u00e9.jpg", "cafe\u0301.jpg"}, []string{"caf\u00e9.jpg", "cafe\u0301~0202a0.jpg"}},
	{"composition of a directory", []string{"caf\u00e9/1", "cafe\u0301/1"}, []string{"caf\u00e9/1", "cafe\u0301/1~0202a0"}},
	{"the digits are taken", []string{"a.jpg", "a~0303a0.jpg", "a.jpg"}, []string{"a.jpg", "a~0303a0.jpg", "a~0303a000000000000000000000000000.jpg"}},
	{"all digits are taken", []string{"a.jpg", "a~0404a0.jpg", "a~0404a000000000000000000000000000.jpg", "a.jpg"},
		[]string{"a.jpg", "a~0404a0.jpg", "a~0404a000000000000000000000000000.jpg", "a~0404a000000000000000000000000000-2.jpg"}},
	{"a file where a directory is", []string{"a/b/1.jpg", "A/b", "a"}, []string{"a/b/1.jpg", "A/b~0202a0", "a~0303a0"}},
	{"a directory where a file is", []string{"a/x.jpg", "A/X.jpg/1", "a/x.jpg/2"}, []string{"a/x.jpg", "A/X~0101a0.jpg/1", "a/x~0101a0.jpg/2"}},
	{"a directory where a file is, at the top", []string{"a", "a/b/c"}, []string{"a", "a~0101a0/b/c"}},
	{"a directory whose digits are a file", []string{"a", "a~0101a0", "a/1"}, []string{"a", "a~0101a0", "a~0101a000000000000000000000000000/1"}},
	{"names that begin alike", []string{"ab/1", "a", "a!", "a0", "a/1"}, []string{"ab/1", "a", "a!", "a0", "a~0202a0/1"}},
	{"no extension", []string{".hidden", ".hidden", "a. b c", "a. b c", "a.tar.gz", "a.tar.gz"},
		[]string{".hidden", ".hidden~0202a0", "a. b c", "a. b c~0404a0", "a.tar.gz", "a.tar~0606a0.gz"}},
	{"the directory of the store", []string{".trawl", ".Trawl/job.db", "a/.trawl/1"}, []string{".trawl~0101a0", ".Trawl~0202a0/job.db", "a/.trawl/1"}},
	{"wildcards", []string{"100%", "1000", "a_c/1", "abc", "a_c"}, []string{"100%", "1000", "a_c/1", "abc", "a_c~0505a0"}},
}

var nameTests = append([]test{
	{"gives the path asked for", func(e *env) {
		ps, err := e.s.Reserve(bg, []store.Name{{Key: key(1), Path: "思考中/1.jpg"}, {Key: key(2), Path: "思考中/2.jpg"}}, nil)
		e.must(err)
		e.equal("paths", ps, []string{"思考中/1.jpg", "思考中/2.jpg"})
		ps, err = e.s.Reserve(bg, nil, nil)
		e.must(err)
		e.equal("no paths", ps, nil)
	}},
	{"keeps a path that a key has", func(e *env) {
		e.reserve(1, "a.jpg")
		e.reserve(2, "a.jpg")
		e.equal("another path", e.reserve(2, "b.jpg"), "a~0202a0.jpg")
		e.equal("a path that is not clean", e.reserve(1, "../x"), "a.jpg")
		always := func(string) bool { return true }
		ps, err := e.s.Reserve(bg, []store.Name{{Key: key(1), Path: "a.jpg"}}, always)
		e.must(err)
		e.equal("a path that is taken by now", ps, []string{"a.jpg"})
		e.reopen()
		e.equal("after reopening", []string{e.reserve(1, "x"), e.reserve(2, "y"), e.reserve(3, "A.jpg")}, []string{"a.jpg", "a~0202a0.jpg", "A~0303a0.jpg"})
	}},
	{"minds names of the same call", func(e *env) {
		ps, err := e.s.Reserve(bg, []store.Name{{Key: key(1), Path: "a"}, {Key: key(2), Path: "A"}, {Key: key(1), Path: "c"}}, nil)
		e.must(err)
		e.equal("paths", ps, []string{"a", "A~0202a0", "a"})
	}},
	{"asks taken", func(e *env) {
		var asked []string
		taken := func(p string) bool {
			asked = append(asked, p)
			return len(asked) < 3
		}
		ps, err := e.s.Reserve(bg, []store.Name{{Key: key(1), Path: "d/a.jpg"}}, taken)
		e.must(err)
		e.equal("paths", ps, []string{"d/a~0101a000000000000000000000000000.jpg"})
		e.equal("asked", asked, []string{"d/a.jpg", "d/a~0101a0.jpg", "d/a~0101a000000000000000000000000000.jpg"})
	}},
	{"gives up when everything is taken and reserves nothing", func(e *env) {
		names := []store.Name{{Key: key(1), Path: "good"}, {Key: key(2), Path: "bad"}}
		taken := func(p string) bool { return strings.HasPrefix(p, "bad") }
		if ps, err := e.s.Reserve(bg, names, taken); !errors.Is(err, store.ErrNoName) {
			e.Errorf("Reserve = %q, %v; want ErrNoName", ps, err)
		}
		e.equal("the good name", e.reserve(3, "good"), "good")
		if p, err := e.s.Rename(bg, store.Name{Key: key(3), Path: "bad"}, taken); !errors.Is(err, store.ErrNoName) {
			e.Errorf("Rename = %q, %v; want ErrNoName", p, err)
		}
		e.equal("the name after a failed Rename", e.reserve(3, "x"), "good")
		e.equal("the same name for another", e.reserve(4, "good"), "good~0404a0")
	}},
	{"refuses paths that are not clean and relative", func(e *env) {
		for _, p := range []string{"", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\xff"} {
			if ps, err := e.s.Reserve(bg, []store.Name{{Key: key(1), Path: p}}, nil); !errors.Is(err, store.ErrNoName) {
				e.Errorf("Reserve(%q) = %q, %v; want ErrNoName", p, ps, err)
			}
			if got, err := e.s.Rename(bg, store.Name{Key: key(1), Path: p}, nil); !errors.Is(err, store.ErrNoName) {
				e.Errorf("Rename(%q) = %q, %v; want ErrNoName", p, got, err)
			}
		}
	}},
	{"cuts a long name to make room for the digits", func(e *env) {
		long := strings.Repeat("长", 84) // 252 bytes
		e.reserve(1, long)
		got := e.reserve(2, long)
		e.equal("the name", got, strings.Repeat("长", 82)+"~0202a0")
		e.reserve(3, long+".gi")
		got = e.reserve(4, long+".gi")
		e.equal("the name with an extension", got, strings.Repeat("长", 81)+"~0404a0.gi")
	}},
	{"Rename frees the old path", func(e *env) {
		e.reserve(1, "a/1.jpg")
		e.equal("the new path", e.rename(1, "b/1.png"), "b/1.png")
		e.reopen()
		e.equal("the path kept", e.reserve(1, "x"), "b/1.png")
		e.equal("the old path", e.reserve(2, "A/1.jpg"), "A/1.jpg")
		e.equal("the new path for another", e.reserve(3, "b/1.png"), "b/1~0303a0.png")
	}},
	{"Rename frees the old directories", func(e *env) {
		e.reserve(1, "a/b/1.jpg")
		e.reserve(2, "a/2.jpg")
		e.rename(1, "c")
		e.equal("a directory that is free", e.reserve(3, "a/b"), "a/b")
		e.equal("a directory that is not", e.reserve(4, "a"), "a~0404a0")
	}},
	{"Rename follows the rules of Reserve", func(e *env) {
		e.reserve(1, "a")
		e.reserve(2, "b")
		e.equal("to a path of another file", e.rename(2, "A"), "A~0202a0")
		e.equal("to that path again", e.rename(2, "a"), "a~0202a0")
		e.equal("to its own path in another case", e.rename(1, "A"), "A")
		p, err := e.s.Rename(bg, store.Name{Key: key(1), Path: "A"}, func(p string) bool { return p == "A" })
		e.must(err)
		e.equal("away from a path that is taken", p, "A~0101a0")
		e.equal("of a file without a path", e.rename(3, "c"), "c")
		e.equal("the path of that file", e.reserve(3, "x"), "c")
	}},
	{"Rename below its own path", func(e *env) {
		e.reserve(1, "a")
		e.equal("the new path", e.rename(1, "a/1"), "a/1")
		e.equal("and back", e.rename(1, "a"), "a")
	}},
	{"Rename leaves a file that is done", func(e *env) {
		f := file("https://www.example.com/f", "")
		f.Key = key(1)
		e.add(f)
		e.reserve(1, "a")
		e.commit(saved(f, "a", 1))
		e.equal("the path", e.rename(1, "b"), "a")
		e.equal("the path wanted", e.reserve(2, "b"), "b")
		_, err := e.s.Redo(bg, t0, []trawl.Key{f.Key})
		e.must(err)
		e.equal("the path after Redo", e.reserve(1, "x"), "a")
		e.equal("the new path after Redo", e.rename(1, "c"), "c")
	}},
	{"of many files are all different", func(e *env) {
		seen := map[string]bool{}
		var names []store.Name
		for i := range 300 {
			names = append(names, store.Name{
				Key:  trawl.Key{byte(i % 3), 0, byte(i), byte(i >> 8)},
				Path: []string{"图/a.jpg", "图/A.jpg", "图", "图/a.jpg/b", "图/A~0000.jpg"}[i%5],
			})
		}
		ps, err := e.s.Reserve(bg, names, nil)
		e.must(err)
		for _, p := range ps {
			f := store.Fold(p)
			if seen[f] {
				e.Errorf("%q is given twice", p)
			}
			seen[f] = true
		}
		for f := range seen {
			for i, c := range f {
				if c == '/' && seen[f[:i]] {
					e.Errorf("%q is a file and a directory of %q", f[:i], f)
				}
			}
		}
	}},
}, collisionTests()...)

func collisionTests() []test {
	var ts []test
	for _, c := range collisions {
		ts = append(ts, test{fmt.Sprintf("collide: %s", c.name), func(e *env) {
			for i, p := range c.asks {
				if got := e.reserve(byte(i+1), p); got != c.gets[i] {
					e.Errorf("file %d asks for %q and gets %q, want %q", i+1, p, got, c.gets[i])
				}
			}
			e.reopen()
			for i := range c.asks {
				e.equal("the path kept", e.reserve(byte(i+1), "x"), c.gets[i])
			}
		}})
	}
	return ts
}
