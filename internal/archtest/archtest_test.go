package archtest_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/trawl-go/trawl"

// arrows says which packages of the module each package may import, outside
// its tests. Arrows point down: a package below another must not know it.
var arrows = map[string][]string{
	".": {},

	// Building blocks that stand alone, for anyone to use.
	"future":  {},
	"thread":  {"future"},
	"xpath":   {},
	"process": {"future"},

	// What the engine is made of. None of these knows another, except through
	// the nouns of the root package; so each can be read, tested and replaced
	// by itself.
	"internal/cookies":       {},
	"internal/extract":       {".", "xpath", "internal/tree"},
	"internal/tree":          {},
	"internal/fetch":         {"."},
	"internal/decode":        {"process"},
	"internal/save":          {"."},
	"internal/save/savetest": {".", "internal/save"},
	"internal/s3":            {"internal/save"},
	"internal/wds":           {".", "internal/save"},
	"internal/s3/s3test":     {},
	"internal/store":         {"."},
	"internal/netrc":         {},
	"internal/replica":       {},
	"internal/robots":        {},

	// The drivers keep a contract and know only it.
	"internal/sqlite":          {".", "internal/store"},
	"internal/postgres":        {".", "internal/store"},
	"internal/postgres/pgtest": {},
	"internal/shards":          {".", "internal/postgres", "internal/store"},
	"internal/archive":         {},
	"internal/store/storetest": {".", "internal/store"},

	// Scheduling and politeness are written once, over any store.
	"internal/frontier": {".", "internal/store"},

	// Spiders turn pages into results and fetch nothing.
	"internal/spider":  {".", "internal/extract"},
	"internal/gallery": {".", "internal/extract", "internal/tree"},
	"spiders":          {},

	// A spider in worker processes is still a spider; names are made safe
	// there as here.
	"internal/isolate": {".", "process", "internal/gallery", "internal/save", "internal/spider"},

	// The engine joins the parts; it is handed a store and never opens one.
	"crawl": {".", "thread", "internal/fetch", "internal/frontier", "internal/robots", "internal/save", "internal/store"},

	"internal/metrics": {".", "crawl"},

	// Only the wiring knows the drivers.
	"job": {".", "crawl", "process", "internal/archive", "internal/decode", "internal/fetch", "internal/s3", "internal/save", "internal/sqlite", "internal/postgres", "internal/shards", "internal/store", "internal/wds"},

	"cmd/trawl": {
		".", "crawl", "job", "process", "spiders", "thread",
		"internal/archive", "internal/cookies", "internal/decode", "internal/fetch", "internal/gallery", "internal/isolate", "internal/metrics", "internal/netrc", "internal/replica", "internal/s3", "internal/save", "internal/spider", "internal/postgres", "internal/shards", "internal/sqlite", "internal/store", "internal/wds",
	},

	"internal/archtest": {},
}

// A file is one parsed Go file of the module.
type file struct {
	path string // from the root, with slashes
	pkg  string // its directory, "." for the root
	test bool
	src  []byte
	ast  *ast.File
}

var fset = token.NewFileSet()

func files(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			// bench is a module of its own, with the peers' dependencies.
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || rel == "bench" || rel == "trawl") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, rel, src, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, file{path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), src: src, ast: f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("found %d files; the walk does not see the module", len(out))
	}
	return out
}

func imports(f file) []string {
	var out []string
	for _, i := range f.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range files(t) {
		if f.test || strings.HasPrefix(f.pkg, "examples/") {
			continue
		}
		allowed, ok := arrows[f.pkg]
		if !ok {
			t.Errorf("%s: package %s is not in the picture; say in arrows what it may import, and why", f.path, f.pkg)
			continue
		}
		for _, p := range imports(f) {
			if p != module && !strings.HasPrefix(p, module+"/") {
				continue
			}
			p = strings.TrimPrefix(strings.TrimPrefix(p, module), "/")
			if p == "" {
				p = "."
			}
			if !slices.Contains(allowed, p) {
				t.Errorf("%s imports %s; package %s may import %v", f.path, p, f.pkg, allowed)
			}
		}
	}
}

// Users of the library must not get package testing, and its flags, with it.
func TestOnlyTestsImportTesting(t *testing.T) {
	for _, f := range files(t) {
		if f.test || strings.HasSuffix(f.pkg, "test") {
			continue
		}
		for _, p := range imports(f) {
			if p == "testing" || strings.HasPrefix(p, "testing/") {
				t.Errorf("%s imports %s", f.path, p)
			}
		}
	}
}

// A reader of go doc begins with the package comment.
func TestPackageComments(t *testing.T) {
	has := make(map[string]bool)
	for _, f := range files(t) {
		if !f.test {
			has[f.pkg] = has[f.pkg] || f.ast.Doc != nil
		}
	}
	for pkg, ok := range has {
		if !ok {
			t.Errorf("package %s has no comment", pkg)
		}
	}
}

// A test that sleeps is slow when the machine is fast, and wrong when it is
// slow. Wait for events, count, or use testing/synctest.
func TestNoSleepInTests(t *testing.T) {
	for _, f := range files(t) {
		if !f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s sleeps", fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// A file over 600 lines has a second idea in it.
func TestFilesAreShort(t *testing.T) {
	for _, f := range files(t) {
		if n := bytes.Count(f.src, []byte("\n")); !f.test && n > 600 {
			t.Errorf("%s has %d lines", f.path, n)
		}
	}
}

// Whoever prints decides what the user sees: the command, and nobody below.
// Package process is the exception, a worker's streams and its end are what
// it is about, and isolate, whose workers print into a pipe.
func TestOnlyTheCommandPrints(t *testing.T) {
	for _, f := range files(t) {
		if f.test || f.pkg == "process" || f.pkg == "internal/isolate" || strings.HasPrefix(f.pkg, "cmd/") || strings.HasPrefix(f.pkg, "examples/") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if ok && (x.Name == "fmt" && strings.HasPrefix(s.Sel.Name, "Print") || x.Name == "os" && (s.Sel.Name == "Stdout" || s.Sel.Name == "Exit")) {
				t.Errorf("%s uses %s.%s", fset.Position(n.Pos()), x.Name, s.Sel.Name)
			}
			return true
		})
	}
}
