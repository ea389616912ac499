// Package docs_test checks what the documents say of the code.
package docs_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/trawl-go/trawl"

// vars says what the names in the tables of docs/from-python.md stand for,
// under the heading before the table, and under any for "".
var vars = map[string]string{
	"": "ctx context.Context, fn func(context.Context) error, a string, n int, err error",

	"Concurrency and parallelism": "lock thread.Lock",
	"The module's functions":      "f func(*thread.Thread, error)",
	"Thread":                      "t *thread.Thread, f func(context.Context, string) error, p producer",
	"Lock":                        "lock thread.Lock",
	"Condition":                   "c *thread.Cond, lock thread.Lock, pred func() bool",
	"Event":                       "e *thread.Event",
	"Semaphore, Barrier, Timer":   "s *thread.Semaphore, b *thread.Barrier, t *thread.Timer, action func() error",
	"Queue":                       "q *thread.Queue[string], x string",
	"concurrent.futures":          "p *thread.Pool, f *future.Future[int], fs []*future.Future[int], promise *future.Promise[int], xs []string, g func(), v int, setup func(context.Context) error, fn func(context.Context, string) (int, error)",

	"The module, for processes": "v any",
	"Process":                   "f *process.Func[string, int], p *process.Process",
	"Locks and their like":      "lock *process.Lock, c *process.Cond, e *process.Event, s *process.Semaphore, b *process.Barrier, pred func() bool",
	"Queues between processes":  "q *process.Queue[string], x string",
	"Pipes":                     "c *process.Conn[string], x string",
	"Shared numbers":            "v *process.Value[int64], xs *process.Array[float64], i int, x int64, row []float64",
	"Pool":                      "f *process.Func[string, int], g *process.Func[int, int], pool *process.Pool, args []string, seq iter.Seq[string], fut *future.Future[int]",
}

// prelude comes before the snippets.
const prelude = `package snippets

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"runtime"
	"time"

	"` + module + `/future"
	"` + module + `/process"
	"` + module + `/thread"
)

type producer struct{}

func (producer) run(context.Context) error { return nil }

type (
	R = int
	T = int
)
`

// Every piece of Go in the tables is a name that the packages have, or an
// expression or statements that compile with the variables above.
func TestTablesCompile(t *testing.T) {
	imp := exportImporter(t)
	names := knownNames(t, imp)
	rows := 0
	heading := ""
	inTable := false
	for i, line := range lines(t, "from-python.md") {
		if strings.HasPrefix(line, "#") {
			heading = strings.TrimLeft(line, "# ")
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		switch {
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case cells[len(cells)-1] == "Go":
			inTable = true
		case inTable && !strings.HasPrefix(line, "|--"):
			rows++
			var code []string
			for _, span := range codeSpans(cells[len(cells)-1]) {
				if !names[span] && !token.IsKeyword(span) && span != "main" {
					code = append(code, span)
				}
			}
			if err := compiles(imp, vars[heading], code); err != nil {
				t.Errorf("from-python.md:%d: %q: %v", i+1, code, err)
			}
		}
	}
	if rows < 100 {
		t.Errorf("%d rows of tables were found, want more than 100", rows)
	}
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// codeSpans returns the code of a cell; what goes on in the next line is one.
func codeSpans(cell string) (out []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(strings.ReplaceAll(cell, "`<br>`", "\n"), -1) {
		out = append(out, m[1])
	}
	return out
}

// compiles type-checks expressions and statements, of which the later ones see
// what the earlier ones declare.
func compiles(imp types.Importer, here string, snippets []string) error {
	var body string
	for _, code := range snippets {
		if strings.HasPrefix(code, "for ") && !strings.Contains(code, "{") {
			code += " {}"
		}
		if x, err := parser.ParseExpr(code); err == nil {
			if _, call := x.(*ast.CallExpr); !call {
				code = "_ = " + code
			}
		}
		body += "{\n" + code + "\n"
	}
	body += strings.Repeat("}", len(snippets))
	src := fmt.Sprintf("%s\nfunc _(%s) { _ = func(%s) { %s } }\n", prelude, vars[""], here, body)
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "snippet", src, 0)
	if err != nil {
		return err
	}
	var hard error
	conf := types.Config{Importer: imp, Error: func(err error) {
		// Soft are the unused variables and imports.
		if te := (types.Error{}); hard == nil && errors.As(err, &te) && !te.Soft {
			hard = errors.New(te.Msg)
		}
	}}
	conf.Check("snippets", fset, []*ast.File{f}, nil) // what it finds goes to Error
	return hard
}

// exportImporter imports the packages of the prelude as the go command
// compiled them.
func exportImporter(t *testing.T) types.Importer {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}",
		module+"/thread", module+"/future", module+"/process", "cmp", "iter")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		exports[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
}

// knownNames are the exported names of the packages, and those of their
// types' fields and methods.
func knownNames(t *testing.T, imp types.Importer) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, name := range []string{"thread", "future", "process"} {
		p, err := imp.Import(module + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range p.Scope().Names() {
			obj := p.Scope().Lookup(n)
			names[n] = obj.Exported()
			named, ok := obj.Type().(*types.Named)
			if !ok {
				continue
			}
			for m := range named.Methods() {
				names[m.Name()] = m.Exported()
			}
			if s, ok := named.Underlying().(*types.Struct); ok {
				for f := range s.Fields() {
					names[f.Name()] = f.Exported()
				}
			}
		}
	}
	return names
}

// The longer pieces of Go are parts of the programs in examples.
func TestBlocksAreOfExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var programs [][]string
	for _, f := range files {
		programs = append(programs, lines(t, f))
	}
	var block []string
	blocks, start := 0, 0
	for i, line := range lines(t, "from-python.md") {
		switch {
		case start == 0 && line == "```go":
			start = i + 1
		case start > 0 && line == "```":
			blocks++
			if !isPart(programs, block) {
				t.Errorf("from-python.md:%d: the block is part of none of the programs", start)
			}
			start, block = 0, nil
		case start > 0:
			block = append(block, line)
		}
	}
	if blocks < 5 {
		t.Errorf("%d blocks of Go were found, want 5 or more", blocks)
	}
}

// isPart reports whether the lines of a block follow one another in one of the
// programs; an empty line and "// …" stand for any number of lines.
func isPart(programs [][]string, block []string) bool {
	for _, p := range programs {
		at, gap := 0, true
		for _, line := range block {
			if line = strings.TrimSpace(line); line == "" || line == "// …" {
				gap = true
				continue
			}
			for at < len(p) && gap && strings.TrimSpace(p[at]) != line {
				at++
			}
			if at == len(p) || strings.TrimSpace(p[at]) != line {
				at = -1
				break
			}
			at, gap = at+1, false
		}
		if at >= 0 {
			return true
		}
	}
	return false
}

// Every program that the guide names is there.
func TestProgramsAreThere(t *testing.T) {
	found := 0
	for i, line := range lines(t, "from-python.md") {
		for _, m := range regexp.MustCompile(`examples/([a-z-]+)`).FindAllStringSubmatch(line, -1) {
			found++
			if _, err := os.Stat("../examples/" + m[1] + "/main.go"); err != nil {
				t.Errorf("from-python.md:%d: %v", i+1, err)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d programs were found, want 10 or more", found)
	}
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(bytes.TrimSpace(b)), "\n")
}
