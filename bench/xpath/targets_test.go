package xpath

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/trawl-go/trawl/xpath"
)

var targets = flag.Bool("targets", false, "measure all engines in turns and print the ratios")

// TestTargets prints how long every engine takes for each question on a set of
// pages, and names what is slower than promised. It does not fail for it: the
// machine may be busy.
func TestTargets(t *testing.T) {
	if !*targets {
		t.Skip("-targets measures the engines side by side")
	}
	t.Run("list", func(t *testing.T) { measure(t, []*page{newPage(t, "list", listPage(25))}, 50) })
	t.Run("captures", func(t *testing.T) {
		pages := captures(t)
		if pages == nil {
			t.Skip("TRAWL_CAPTURES names no folder of captured pages")
		}
		measure(t, pages, 1)
	})
}

// rounds is how often each engine is measured; the fastest counts.
const rounds = 5

func measure(t *testing.T, pages []*page, repeat int) {
	lx := startLxml(t, pages)
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "%s: %d pages\ttrawl\tantchfx\tright\tratio\tcascadia\tratio\tlxml\tratio\n", t.Name(), len(pages))
	var sum, sumLxml time.Duration
	for _, q := range questions {
		e, a, css := setUp(t, q)
		for _, p := range pages { // give every page its indexes
			for range 3 {
				ours(t, e, p)
			}
		}
		var tOurs, tAnt, tCSS, tLxml time.Duration
		for range rounds {
			keep(&tOurs, timed(repeat, pages, func(p *page) { ours(t, e, p) }))
			if a != nil {
				keep(&tAnt, timed(repeat, pages, func(p *page) { theirs(a, p) }))
			}
			if css != nil {
				keep(&tCSS, timed(repeat, pages, func(p *page) { css.MatchAll(p.root) }))
			}
			if lx != nil {
				keep(&tLxml, lx.time(t, q.xpath, repeat))
			}
		}
		right := a != nil && rightOn(t, e, a, pages)
		fmt.Fprintf(w, "%s\t%v\t%v\t%v\t%s\t%v\t%s\t%v\t%s\n", q.xpath, tOurs, tAnt, right,
			ratio(tAnt, tOurs), tCSS, ratio(tCSS, tOurs), tLxml, ratio(tLxml, tOurs))
		if right && float64(tOurs) > 1.1*float64(tAnt) {
			t.Logf("missed: %s: %v, antchfx %v", q.xpath, tOurs, tAnt)
		}
		if lx != nil && tOurs > tLxml {
			t.Logf("missed: %s: %v, lxml %v", q.xpath, tOurs, tLxml)
		}
		sum, sumLxml = sum+tOurs, sumLxml+tLxml
	}
	fmt.Fprintf(w, "all\t%v\t\t\t\t\t\t%v\t%s\n", sum, sumLxml, ratio(sumLxml, sum))
	w.Flush()
}

func timed(repeat int, pages []*page, f func(*page)) time.Duration {
	start := time.Now()
	for range repeat {
		for _, p := range pages {
			f(p)
		}
	}
	return time.Since(start) / time.Duration(repeat)
}

func keep(best *time.Duration, d time.Duration) {
	if *best == 0 || d < *best {
		*best = d
	}
}

func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

// lxml is a running timing.py.
type lxml struct {
	in  io.Writer
	out *bufio.Reader
}

// startLxml starts a python3 with lxml and gives it the pages, serialized and
// parsed anew: nearly the same trees. It returns nil if there is none.
func startLxml(t *testing.T, pages []*page) *lxml {
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(python, "-c", "import lxml.html").Run() != nil {
			continue
		}
		cmd := exec.Command(python, "timing.py")
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
		lx := &lxml{in, bufio.NewReader(out)}
		var sources []string
		for _, p := range pages {
			sources = append(sources, p.src)
		}
		lx.send(t, sources)
		return lx
	}
	t.Log("no python3 with lxml here")
	return nil
}

func (l *lxml) send(t *testing.T, v any) {
	line, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}

// time returns how long lxml takes for the expression on all pages.
func (l *lxml) time(t *testing.T, expr string, repeat int) time.Duration {
	l.send(t, []any{expr, repeat})
	line, err := l.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var seconds float64
	if err := json.Unmarshal(line, &seconds); err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// BenchmarkQuestions measures each question on the list page.
func BenchmarkQuestions(b *testing.B) {
	p := newPage(b, "list", listPage(25))
	for _, q := range questions {
		e, a, css := setUp(b, q)
		b.Run(q.xpath, func(b *testing.B) {
			b.Run("trawl", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ours(b, e, p)
				}
			})
			if a != nil {
				b.Run("antchfx", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						theirs(a, p)
					}
				})
			}
			if css != nil {
				b.Run("cascadia", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						css.MatchAll(p.root)
					}
				})
			}
		})
	}
}

// BenchmarkSize shows that common paths cost in proportion to the page.
func BenchmarkSize(b *testing.B) {
	for _, records := range []int{6, 60, 600, 6000} { // about 10 KB to 10 MB
		src := listPage(records)
		p := newPage(b, "list", src)
		for name, expr := range map[string]string{
			"links":     `//a/@href`,
			"images":    `//div[@class="item"]//img`,
			"first":     `//li//span[1]`,
			"ancestors": `//a/ancestor::li`,
			"following": `//p/following::p[1]`,
		} {
			e := xpath.MustCompile(expr, nil)
			b.Run(fmt.Sprintf("%s/%dKB", name, len(src)>>10), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					ours(b, e, p)
				}
			})
		}
	}
}

// BenchmarkDoc shows what the index costs, beside parsing the page.
func BenchmarkDoc(b *testing.B) {
	src := listPage(25)
	p := newPage(b, "list", src)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			newPage(b, "list", src)
		}
	})
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			xpath.NewDoc(p.root)
		}
	})
	once := xpath.MustCompile(`//a/@href`, nil)
	b.Run("index and one query", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			q := &page{doc: xpath.NewDoc(p.root)}
			ours(b, once, q)
		}
	})
}

// BenchmarkItems is what a spider does with a list page: find the records,
// then four values in each.
func BenchmarkItems(b *testing.B) {
	p := newPage(b, "list", listPage(25))
	b.Run("trawl", func(b *testing.B) { benchItems(b, p.root) })
	b.Run("antchfx", func(b *testing.B) { benchItemsAntchfx(b, p.root) })
	b.Run("cascadia", func(b *testing.B) { benchItemsCascadia(b, p.root) })
}
