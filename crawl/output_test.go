package crawl_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
)

// numbered is a spider with the pages from 1 to n, and an item with its number
// on each.
func numbered(n int, out trawl.Output) *goSpider {
	s := &goSpider{set: trawl.Settings{Outputs: map[string]trawl.Output{"list": out}}}
	for i := 1; i <= n; i++ {
		s.start = append(s.start, fmt.Sprintf("https://a.example.test/%d", i))
	}
	s.parse = func(p *trawl.Page) *trawl.Result {
		var i int64
		fmt.Sscanf(p.URL, "https://a.example.test/%d", &i)
		return &trawl.Result{Items: []trawl.Item{{Output: "list", Fields: []trawl.Field{{Name: "n", Value: i}}}}}
	}
	return s
}

// lineNumbers returns lines as numbered writes them, in their order.
func lineNumbers(ns ...int) string {
	var b strings.Builder
	for _, n := range ns {
		fmt.Fprintf(&b, "{\"n\":%d}\n", n)
	}
	return b.String()
}

// TestLinesAfterCrash damages the file of lines, and what tells how far it is
// good, as a crash or a hand can; the next run makes it what it was.
func TestLinesAfterCrash(t *testing.T) {
	want := lineNumbers(1, 2, 3, 4, 5, 6, 7)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, lines, pos string)
	}{
		{"none", func(*testing.T, string, string) {}},
		{"half a line too many", func(t *testing.T, lines, _ string) { write(t, lines, read(t, lines)+`{"n":`) }},
		{"lines too many", func(t *testing.T, lines, _ string) { write(t, lines, read(t, lines)+lineNumbers(1, 2, 3)) }},
		{"cut within a line", func(t *testing.T, lines, _ string) { write(t, lines, read(t, lines)[:12]) }},
		{"cut between lines", func(t *testing.T, lines, _ string) { write(t, lines, lineNumbers(1, 2)) }},
		{"empty", func(t *testing.T, lines, _ string) { write(t, lines, "") }},
		{"gone", func(t *testing.T, lines, _ string) { must(t, os.Remove(lines)) }},
		{"gone with its position", func(t *testing.T, lines, pos string) { must(t, errors.Join(os.Remove(lines), os.Remove(pos))) }},
		{"position of an earlier moment", func(t *testing.T, _, pos string) { write(t, pos, `{"seq":3,"bytes":24}`) }},
		{"position of nothing", func(t *testing.T, _, pos string) { write(t, pos, `{}`) }},
		{"position that makes no sense", func(t *testing.T, _, pos string) { write(t, pos, "\x00\x00") }},
		{"position that is empty", func(t *testing.T, _, pos string) { write(t, pos, "") }},
		{"position behind the end", func(t *testing.T, _, pos string) { write(t, pos, `{"seq":5,"bytes":4000}`) }},
	} {
		for _, more := range []int{0, 2} { // with nothing new, and with new items
			t.Run(fmt.Sprintf("%s, %d more", c.name, more), func(t *testing.T) {
				w := newWorld(t)
				dir := t.TempDir()
				o := w.options()
				o.Crawl.Jobs = 1 // in the order of the start
				w.mustRun(dir, numbered(7-more, trawl.Output{}), o)
				lines, pos := filepath.Join(dir, "list.jsonl"), filepath.Join(dir, ".trawl", "list.pos")
				if got := read(t, lines); got != want[:8*(7-more)] {
					t.Fatalf("before: %q", got)
				}
				c.damage(t, lines, pos)
				w.mustRun(dir, numbered(7, trawl.Output{}), o)
				if got := read(t, lines); got != want {
					t.Errorf("after: %q, want %q", got, want)
				}
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestForeignLines finds a file in the way that the job did not write. It is
// not touched. If the spider names the output, that is before anything is
// asked for; else the records are safe until it is gone.
func TestForeignLines(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	mine := filepath.Join(dir, "list.jsonl")
	write(t, mine, "mine\n")
	var se *save.Error
	_, err := w.run(t.Context(), dir, numbered(3, trawl.Output{}), w.options())
	if !errors.As(err, &se) || !strings.Contains(err.Error(), "in the way") || w.total() != 0 {
		t.Errorf("Run = %v after %d requests, want an error before the first", err, w.total())
	}
	unnamed := numbered(3, trawl.Output{})
	unnamed.set.Outputs = nil
	_, err = w.run(t.Context(), dir, unnamed, w.options())
	if !errors.As(err, &se) || se.Reason != save.Disk || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("Run = %v, want a disk error that says what is in the way", err)
	}
	if got := read(t, mine); got != "mine\n" {
		t.Fatalf("the foreign file holds %q", got)
	}
	must(t, os.Remove(mine))
	n := w.total()
	w.mustRun(dir, numbered(3, trawl.Output{Order: "n"}), w.options())
	if got := read(t, mine); got != lineNumbers(1, 2, 3) || w.total() != n {
		t.Errorf("after: %q, %d requests more", got, w.total()-n)
	}
}

// TestForeignTable is the same for the table.
func TestForeignTable(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	mine := filepath.Join(dir, "list.csv")
	write(t, mine, "mine\n")
	s := func() *goSpider { return numbered(2, trawl.Output{Order: "n", CSV: true}) }
	for range 2 {
		if _, err := w.run(t.Context(), dir, s(), w.options()); err == nil || read(t, mine) != "mine\n" {
			t.Errorf("Run = %v; the foreign table holds %q", err, read(t, mine))
		}
	}
	must(t, os.Remove(mine))
	for range 2 { // the second time it is the job's own
		w.mustRun(dir, s(), w.options())
		if got := read(t, mine); got != "n\n1\n2\n" {
			t.Errorf("the table holds %q", got)
		}
		write(t, mine, "damaged")
	}
}

// TestFileNames keeps files off the names of records.
func TestFileNames(t *testing.T) {
	w := newWorld(t)
	s := numbered(1, trawl.Output{CSV: true})
	parse := s.parse
	s.parse = func(p *trawl.Page) *trawl.Result {
		r := parse(p)
		for i, path := range []string{"list.jsonl", "LIST.CSV", "sub/list.csv", ".trawl/job.db", "../x.jpg", "/abs.jpg", "test.jsonl", "data.csv"} {
			r.Files = append(r.Files, trawl.Request{URL: fmt.Sprintf("https://a.example.test/f%d%s", i, filepath.Ext(path)), Path: path})
		}
		return r
	}
	w.handle = nil
	dir := filepath.Join(t.TempDir(), "in")
	o := w.options()
	o.Crawl.Hold = -1 // most of the files are the same page
	w.mustRun(dir, s, o)
	got := tree(t, dir)
	if read(t, filepath.Join(dir, "list.jsonl")) != lineNumbers(1) || read(t, filepath.Join(dir, "list.csv")) != "n\n1\n" {
		t.Errorf("the records were overwritten; files: %v", got)
	}
	if len(got) != 2+8 {
		t.Errorf("files: %v, want 10", got)
	}
	for _, name := range []string{"sub/list.csv", "data.csv"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s got another name without need: %v", name, got)
		}
	}
	if slices.Contains(got, "test.jsonl") {
		t.Errorf("a file got the name of the spider's records: %v", got)
	}
	if up := tree(t, filepath.Dir(dir)); len(up) != len(got) {
		t.Errorf("files above the directory: %v", up)
	}
}

// items returns a spider with one page of these items.
func items(out trawl.Output, list ...[]trawl.Field) *goSpider {
	s := &goSpider{set: trawl.Settings{Outputs: map[string]trawl.Output{"list": out}}, start: []string{"https://a.example.test/"}}
	s.parse = func(*trawl.Page) *trawl.Result {
		r := &trawl.Result{}
		for _, f := range list {
			r.Items = append(r.Items, trawl.Item{Output: "list", Fields: f})
		}
		return r
	}
	return s
}

func f(name string, v any) trawl.Field { return trawl.Field{Name: name, Value: v} }

func TestOrder(t *testing.T) {
	id := 0
	next := func(v ...any) []trawl.Field {
		id++
		fs := []trawl.Field{f("id", int64(id))}
		for _, v := range v {
			fs = append(fs, f("k", v))
		}
		return fs
	}
	w := newWorld(t)
	dir := t.TempDir()
	w.mustRun(dir, items(trawl.Output{Order: "k"},
		next("乙"), next(int64(10)), next(2.5), next(), next(nil), next(int64(-1)), next("b"), next("B"),
		next(int64(10)), next(true), next(""), next(int64(9007199254740993)),
	), w.options())
	var got []string
	for line := range strings.Lines(read(t, filepath.Join(dir, "list.jsonl"))) {
		id, _, _ := strings.Cut(strings.TrimPrefix(line, `{"id":`), ",")
		got = append(got, strings.TrimRight(id, "}\n"))
	}
	// Numbers, strings by their bytes, and then the others, equal ones as they came.
	want := strings.Fields("6 3 2 9 12 11 8 7 1 4 5 10")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	long := strings.Repeat("长", 100_000) // longer than any buffer
	w.mustRun(dir, items(trawl.Output{CSV: true},
		[]trawl.Field{f("title", `say "no", twice`), f("text", "one\ntwo\r\nthree"), f("n", int64(1))},
		[]trawl.Field{f("n", 2.5), f("标题", "石桥，与水"), f("none", nil), f("yes", true)},
		[]trawl.Field{f("list", []any{"a", int64(1)}), f("map", map[string]any{"k": "<&>"}), f("title", " spaces ")},
		[]trawl.Field{f("text", long), f("title", "=1+1")},
		[]trawl.Field{},
	), w.options())
	data := read(t, filepath.Join(dir, "list.csv"))
	rows, err := csv.NewReader(strings.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"title", "text", "n", "标题", "none", "yes", "list", "map"},
		{`say "no", twice`, "one\ntwo\nthree", "1", "", "", "", "", ""}, // the reader drops the \r
		{"", "", "2.5", "石桥，与水", "", "true", "", ""},
		{" spaces ", "", "", "", "", "", `["a",1]`, `{"k":"<&>"}`},
		{"=1+1", long, "", "", "", "", "", ""},
		{"", "", "", "", "", "", "", ""},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if !strings.Contains(data, `"say ""no"", twice"`) {
		t.Errorf("quotes are not doubled: %.200s", data)
	}
}

// TestLinesGrow checks that lines are there as soon as they are reported, and
// that a run that is interrupted leaves them in order, with a table.
func TestLinesGrow(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	s := numbered(9, trawl.Output{Order: "n", CSV: true})
	for i, j := 0, 8; i < j; i, j = i+1, j-1 {
		s.start[i], s.start[j] = s.start[j], s.start[i] // 9 first
	}
	o := w.options()
	o.Crawl.Jobs = 1
	parse, n := s.parse, 0
	s.parse = func(p *trawl.Page) *trawl.Result {
		if n++; n == 4 {
			interrupt()
		}
		return parse(p)
	}
	sum, err := w.run(ctx, dir, s, o)
	if err != nil || !sum.Interrupted || sum.Items != 4 {
		t.Fatalf("Run = %+v, %v", sum, err)
	}
	if got := read(t, filepath.Join(dir, "list.jsonl")); got != lineNumbers(6, 7, 8, 9) {
		t.Errorf("lines after the interruption: %q", got)
	}
	if got := read(t, filepath.Join(dir, "list.csv")); got != "n\n6\n7\n8\n9\n" {
		t.Errorf("table after the interruption: %q", got)
	}
	w.mustRun(dir, s, o)
	if got := read(t, filepath.Join(dir, "list.jsonl")); got != lineNumbers(1, 2, 3, 4, 5, 6, 7, 8, 9) {
		t.Errorf("lines at the end: %q", got)
	}
}
