// Command bench measures trawl beside the programs that its users have today,
// on a site that it makes on this machine. Run it in the repository's root:
//
//	go run ./bench                     # everything, some 40 minutes
//	go run ./bench -run '^pictures$'   # one workload; -list names them
//	go run ./bench -small              # every part once, for CI
//	go run ./bench -serve -run pages   # the site alone, to run and profile trawl by hand
//	go run ./bench -lib                # the library's packages beside their peers
//
// # How it measures
//
// It builds trawl and the peers that are Go programs from this tree, looks for
// the others in PATH, names those that are missing, and serves the site with
// nginx on loopback, with a server of its own if there is no nginx. The
// programs run in turns, some rounds of all of them, so that a noisy machine
// slows each; the table has the medians. Elapsed time is that of the whole
// process from its start to its end, CPU time is the kernel's account of it,
// and memory the most that was resident. Each run writes to a directory of its
// own, and what it wrote is counted: a program that saved too little is named.
//
// Every program is told to have as many requests under way as -jobs says, and
// not to pause; everything else is as it comes. The table shows the flags.
//
// # How it is made
//
// A [workload] has a site and [contender]s, which are commands, or is measured
// by a function of its own. What comes out is a [report], which is written as
// Markdown (table.go), as a chart (chart.go) and as JSON, and compared with an
// older one (compare.go). The peers' programs are in the directory peers. A
// few measurements run in a child: this program again with a first argument
// that says what to be (child.go).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 {
		if child := children[os.Args[1]]; child != nil {
			exit(child(ctx, os.Args[2:]))
		}
	}
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are the flags.
type options struct {
	run     *regexp.Regexp
	small   bool
	list    bool
	lib     bool
	serve   bool
	rounds  int
	jobs    int
	dir     string
	out     string
	json    string
	compare string
	keep    string
}

func parseFlags(args []string, stderr io.Writer) (*options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	pattern := fs.String("run", "", "only the workloads whose name matches `REGEXP`")
	fs.BoolVar(&o.small, "small", false, "small workloads, one round, to see that everything works")
	fs.BoolVar(&o.list, "list", false, "name the workloads and end")
	fs.BoolVar(&o.lib, "lib", false, "measure the packages thread, process and xpath beside their peers, and nothing else")
	fs.BoolVar(&o.serve, "serve", false, "make and serve the site of the first workload chosen, print the programs' commands, and wait for an interrupt")
	fs.IntVar(&o.rounds, "rounds", 5, "measure each program `N` times; slow ones less often")
	fs.IntVar(&o.jobs, "jobs", 16, "have every program keep `N` requests under way")
	fs.StringVar(&o.dir, "dir", "", "put sites and what is collected below `DIR` (default a new temporary directory)")
	fs.StringVar(&o.out, "out", "", "write benchmarks.md, benchmarks.svg and benchmarks.json to `DIR`; of a page that is there only the measured part changes")
	fs.StringVar(&o.json, "json", "", "write the measurements to `FILE`")
	fs.StringVar(&o.compare, "compare", "", "show how the measurements differ from those in `FILE`, written by -json")
	fs.StringVar(&o.keep, "keep", "", "of what is written, take the workloads that are not measured now from `FILE`, written by -json")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.rounds < 1 || o.jobs < 1 {
		return nil, errors.New("-rounds and -jobs must be at least 1")
	}
	if o.small {
		o.rounds = 1
	}
	var err error
	if o.run, err = regexp.Compile(*pattern); err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	return &o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseFlags(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.list {
		for _, w := range workloads(o.small) {
			fmt.Fprintf(stdout, "%-12s %s\n", w.name, w.title)
		}
		return nil
	}
	var old *report
	if o.compare != "" {
		if old, err = readReport(o.compare); err != nil {
			return err
		}
	}
	var kept *report
	if o.keep != "" {
		if kept, err = readReport(o.keep); err != nil {
			return err
		}
	}
	root, err := rootDir(ctx)
	if err != nil {
		return err
	}
	if o.lib {
		return runLibrary(ctx, root, stdout, stderr)
	}

	dir, err := os.MkdirTemp(o.dir, "trawl-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil {
			err = rerr
		}
	}()
	spread(dir)
	b := &bench{opt: o, root: root, dir: dir, log: stderr}
	r, err := b.measure(ctx)
	if err != nil || o.serve {
		return err
	}
	if err := writeMarkdown(stdout, r, ""); err != nil {
		return err
	}
	if old != nil {
		if err := writeComparison(stdout, old, r); err != nil {
			return err
		}
	}
	if kept != nil {
		r.keep(kept)
	}
	return b.write(r)
}

// rootDir returns the directory of the module that is measured.
func rootDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/trawl-go/trawl").Output()
	if err != nil {
		return "", fmt.Errorf("run it in the repository, with Go in PATH: go list: %w", err)
	}
	return string(out[:len(out)-1]), nil
}

// A bench is one call of the command.
type bench struct {
	opt   *options
	root  string // of the repository
	dir   string // for everything that is written
	log   io.Writer
	tools toolbox
}

// measure runs the workloads that were chosen.
func (b *bench) measure(ctx context.Context) (*report, error) {
	var chosen []*workload
	for _, w := range workloads(b.opt.small) {
		if b.opt.run.MatchString(w.name) {
			chosen = append(chosen, w)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-run %s matches no workload; -list names them", b.opt.run)
	}
	fmt.Fprintln(b.log, "building trawl and the peers in Go ...")
	if err := b.tools.find(ctx, b.root, filepath.Join(b.dir, "bin")); err != nil {
		return nil, err
	}
	if b.opt.serve {
		return nil, b.serveSite(ctx, chosen[0])
	}
	r := &report{
		Date: time.Now().UTC().Truncate(time.Second), Machine: machine(b.dir),
		Versions: b.tools.versions(), Missing: b.tools.missing(), Small: b.opt.small,
	}
	for _, w := range chosen {
		fmt.Fprintf(b.log, "%s: %s\n", w.name, w.title)
		res, err := b.work(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		r.Workloads = append(r.Workloads, *res)
	}
	return r, nil
}

// write writes what -out and -json ask for.
func (b *bench) write(r *report) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if b.opt.json != "" {
		if err := os.WriteFile(b.opt.json, data, 0o644); err != nil {
			return err
		}
	}
	if b.opt.out == "" {
		return nil
	}
	if err := os.MkdirAll(b.opt.out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.opt.out, "benchmarks.json"), data, 0o644); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(b.opt.out, "benchmarks.svg"), func(w io.Writer) error { return writeChart(w, r) }); err != nil {
		return err
	}
	return updateDoc(filepath.Join(b.opt.out, "benchmarks.md"), func(w io.Writer) error { return writeMarkdown(w, r, "benchmarks.svg") })
}

// The lines between which updateDoc writes.
const (
	docBegin = "<!-- measured: go run ./bench -out docs -->\n"
	docEnd   = "<!-- end of what was measured -->\n"
)

// updateDoc writes what was measured into a page, in place of what was between
// the lines for it; the rest of the page stays.
func updateDoc(name string, write func(io.Writer) error) error {
	page, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before, rest, ok := strings.Cut(string(page), docBegin)
	_, after, ok2 := strings.Cut(rest, docEnd)
	if !ok || !ok2 {
		if len(page) > 0 {
			return fmt.Errorf("%s: not written: it has no lines %q and %q", name, docBegin, docEnd)
		}
		before, after = "# Benchmarks\n\n", ""
	}
	return writeFile(name, func(w io.Writer) error {
		if _, err := io.WriteString(w, before+docBegin+"\n"); err != nil {
			return err
		}
		if err := write(w); err != nil {
			return err
		}
		_, err := io.WriteString(w, "\n"+docEnd+after)
		return err
	})
}

func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	return write(f)
}

// runLibrary has the library's packages measured beside their peers.
func runLibrary(ctx context.Context, root string, stdout, stderr io.Writer) error {
	for _, pkg := range []string{"thread", "process", "xpath"} {
		cmd := exec.CommandContext(ctx, "go", "test", "-v", "-count=1", "-timeout=10m", "-run=Targets", "./"+pkg, "-targets")
		cmd.Dir = filepath.Join(root, "bench")
		cmd.Stdout, cmd.Stderr = stdout, stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("package %s: %w", pkg, err)
		}
	}
	return nil
}

// machine says what was measured on.
func machine(dir string) machineInfo {
	m := machineInfo{CPUs: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Files: filesystem(dir)}
	m.CPU, m.Memory = hardware()
	return m
}
