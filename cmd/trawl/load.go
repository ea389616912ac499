package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
	"github.com/trawl-go/trawl/internal/isolate"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/process"
	"github.com/trawl-go/trawl/spiders"
)

// A spiderFile is the source of a spider, and where it is from.
type spiderFile struct {
	name string // of the file: "mine.star"
	text []byte
	path string // absolute; "" for a built-in spider
	own  bool   // built in, or in the user's folder: it is trusted
}

// spiderFolder returns the folder of the user's own spiders, and "" if the
// system has no place for it.
func spiderFolder() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return ""
		}
	}
	return filepath.Join(dir, "trawl", "spiders")
}

// spiderNames returns the names that can be run: of the built-in spiders and
// those in the user's folder, sorted.
func spiderNames() []string {
	names := spiders.Names()
	if dir := spiderFolder(); dir != "" {
		files, _ := os.ReadDir(dir) // there may be none
		for _, f := range files {
			if stem, ok := strings.CutSuffix(f.Name(), ".star"); ok && !f.IsDir() {
				names = append(names, stem)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findSpider reads a spider: a .star file, or one with a name. Of two with a
// name the user's own counts.
func findSpider(ref string) (spiderFile, error) {
	dir := spiderFolder()
	if !strings.HasSuffix(ref, ".star") && !strings.ContainsAny(ref, `/\`) {
		if dir != "" {
			path := filepath.Join(dir, ref+".star")
			text, err := os.ReadFile(path)
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				return spiderFile{name: ref + ".star", text: text, path: path, own: true}, err
			}
		}
		return builtIn(ref)
	}
	text, err := os.ReadFile(ref)
	if err != nil {
		return spiderFile{}, usageError{err}
	}
	path, err := filepath.Abs(ref)
	if err != nil {
		return spiderFile{}, err
	}
	return spiderFile{name: filepath.Base(path), text: text, path: path, own: sameDir(filepath.Dir(path), dir)}, nil
}

// builtIn returns a built-in spider.
func builtIn(name string) (spiderFile, error) {
	text, ok := spiders.Source(name)
	if !ok {
		return spiderFile{}, unknownSpider(name)
	}
	return spiderFile{name: name + ".star", text: text, own: true}, nil
}

// sameDir reports whether two directories that exist are one.
func sameDir(a, b string) bool {
	ai, err1 := os.Stat(a)
	bi, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(ai, bi)
}

// unknownSpider says which spiders there are.
func unknownSpider(name string) error {
	if _, err := os.Stat(name + ".star"); err == nil {
		return usagef("no spider has the name %q; for the file write: trawl run %s.star", name, name)
	}
	mine := ""
	if dir := spiderFolder(); dir != "" {
		mine = fmt.Sprintf(". One of your own is a file (trawl run NAME.star), or is in %s", dir)
	}
	return usagef("no spider has the name %q; there are %s%s", name, strings.Join(spiderNames(), ", "), mine)
}

// A loading is how spiders are loaded.
type loading struct {
	args    map[string]string
	workers trawl.Workers // replaces what the spider says, unless zero
	isolate *bool         // nil: only what is not trusted
	quiet   bool
}

// loading returns what the flags say of it.
func (f *collectFlags) loading(args map[string]string, changed func(string) bool) loading {
	l := loading{args: args, workers: trawl.Workers(f.workers), quiet: f.quiet}
	if changed("isolate") {
		l.isolate = &f.isolate
	}
	return l
}

// loadSpider loads a spider. Its pages are parsed in worker processes if it is
// not trusted, or says so itself; close it with closeSpiders.
func (a *app) loadSpider(ctx context.Context, f spiderFile, l loading) (trawl.Spider, error) {
	src := isolate.Source{Name: f.name, Text: f.text, Args: l.args, Workers: l.workers}
	opt := &isolate.Options{Print: a.printed}
	if l.isolate != nil && *l.isolate || l.isolate == nil && !f.own {
		if !l.quiet {
			a.noteLimits(process.MemoryLimited)
		}
		s, err := isolate.Load(ctx, src, opt)
		if err != nil {
			return nil, err // not s, which would be a Spider that is nil
		}
		return s, nil
	}
	s, err := spider.Load(src.Name, src.Text, &spider.Options{
		Args: src.Args, Workers: src.Workers, Clean: save.CleanName, Print: a.printed,
	})
	if err != nil {
		return nil, err
	}
	if s.Settings().Workers.Processes {
		return isolate.New(s, src, opt), nil
	}
	return s, nil
}

// genericSpider returns the generic spider, which is trusted, but not more
// than the user does.
func (a *app) genericSpider(l loading) trawl.Spider {
	o := gallery.Options{Workers: l.workers}
	if l.isolate != nil && *l.isolate {
		if !l.quiet {
			a.noteLimits(process.MemoryLimited)
		}
		return isolate.Generic(o, nil)
	}
	if l.workers.Processes {
		return isolate.Generic(o, nil)
	}
	return gallery.New(&o)
}

// printed shows what a spider prints.
func (a *app) printed(place, text string) {
	fmt.Fprintf(a.err, "%s: %s\n", printable(place), printableLines(text))
}

// noteLimits says, once, what isolation lacks on a system without a limit of
// memory.
func (a *app) noteLimits(memory bool) {
	if memory {
		return
	}
	a.noted.Do(func() {
		fmt.Fprintln(a.err, "note: on this system worker processes have no memory limit; a spider's deadline still holds")
	})
}

// closeSpiders ends the worker processes of spiders.
func closeSpiders(list []trawl.Spider) {
	for _, s := range list {
		if s, ok := s.(*isolate.Spider); ok {
			_ = s.Close() // it ends processes, and cannot fail
		}
	}
}

// namedSpiders loads all spiders that have a name. What cannot be loaded is
// passed to bad and left out, unless it is built in.
func (a *app) namedSpiders(ctx context.Context, l loading, bad func(path string, err error)) (list []trawl.Spider, err error) {
	seen := make(map[string]string) // path by name
	for _, name := range spiderNames() {
		f, err := findSpider(name)
		var s trawl.Spider
		if err == nil {
			s, err = a.loadSpider(ctx, f, l)
		}
		where := cmp.Or(f.path, "the built-in spider")
		if err == nil {
			if other, dup := seen[s.Settings().Name]; dup {
				err = fmt.Errorf("the name %s is that of %s", s.Settings().Name, other)
				closeSpiders([]trawl.Spider{s})
			}
		}
		switch {
		case err == nil:
			seen[s.Settings().Name] = where
			list = append(list, s)
		case f.path == "" || ctx.Err() != nil:
			closeSpiders(list)
			return nil, err
		default:
			bad(f.path, err)
		}
	}
	return list, nil
}
