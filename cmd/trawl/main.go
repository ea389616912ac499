package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl/internal/metrics"
	"github.com/trawl-go/trawl/process"
)

// version is set when a release is built.
var version = ""

// ballastSize is memory that is never touched, and so is not there, but counts
// as live: the garbage collector lets the heap grow by twice as much more
// before it runs. Parsing pages takes a fifth less CPU time by it, and starting
// 3 ms more, for one collection; a larger one brings nothing, and a higher GOGC
// would let large heaps grow too.
const ballastSize = 16 << 20

func main() {
	ballast := make([]byte, ballastSize)
	process.Init() // in a worker process it does not return
	// net/http reports oddities of servers to the standard logger; what
	// matters of them comes back as an error.
	log.SetOutput(io.Discard)
	stop := profile(os.Getenv("TRAWL_PROFILE"), os.Stderr)
	status := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	runtime.KeepAlive(ballast)
	os.Exit(status)
}

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, err: &screen{w: stderr}}
	ctx, stop := interruptible(ctx, a.err)
	defer stop()
	root := a.rootCommand()
	root.SetArgs(withGet(root, args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return a.fail(err)
	}
	return a.status
}

// An app is what the subcommands share: the streams, and the exit status that
// one of them leaves.
type app struct {
	in       io.Reader
	out, err io.Writer
	status   int
	noted    sync.Once // see noteLimits

	log     *slog.Logger     // of --log; nil without it
	metrics *metrics.Metrics // while Prometheus is answered; else nil
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "trawl URL...",
		Short: "Collect pictures and records from web sites, in parallel, and lose none of them",
		Long: `trawl collects pictures and records from web sites, in parallel, and loses
none of them. Stop it or kill it at any moment; the same command goes on where
it was.

  trawl https://example.com/gallery/7    the pictures of a page and of those that follow it
  trawl run douban                       a spider; trawl spiders lists them
  trawl demo                             three sites on this machine, to see it work`,
		Version:           versionText(),
		PersistentPreRunE: a.openLog,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.Flags().Bool("version", false, "print the version") // cobra's own would take -v
	root.SetVersionTemplate("trawl {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nsee '%s --help'", err, c.CommandPath())}
	})
	root.AddCommand(
		a.getCommand(), a.runCommand(), a.demoCommand(), a.spidersCommand(), a.newCommand(),
		a.workerCommand(), a.statusCommand(), a.verifyCommand(), a.retryCommand(),
	)
	return root
}

// withGet makes "trawl URL..." the same as "trawl get URL...".
func withGet(root *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return args
	}
	known := []string{"help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}
	for _, c := range root.Commands() {
		known = append(known, c.Name())
	}
	if slices.Contains(known, args[0]) {
		return args
	}
	isURL := func(s string) bool {
		s = strings.ToLower(s)
		return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
	}
	isList := func(s string) bool { return s == "-i" || s == "--input-file" || strings.HasPrefix(s, "--input-file=") }
	if slices.ContainsFunc(args, isURL) || slices.ContainsFunc(args, isList) {
		return append([]string{"get"}, args...)
	}
	return args
}

// versionText returns the version of a release, or of the commit that the
// program was built from.
func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	rev := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			rev = " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel" + rev
}

// interruptible returns a context that ends at the first interrupt. The
// second ends the program at once. Call stop when the work is done.
func interruptible(ctx context.Context, stderr io.Writer) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	sig := make(chan os.Signal, 2) // room for both
	signal.Notify(sig, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-sig:
			cancel()
		case <-done:
			return
		}
		fmt.Fprintln(stderr, "\nstopping: what is under way gets 5 seconds; interrupt again to stop now")
		select {
		case <-sig:
			os.Exit(exitInterrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(sig)
		close(done)
		<-ended
		cancel()
	}
}

// A usageError is a mistake in the command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// fail prints an error, with a hint where there is a next step, and returns
// its exit status.
func (a *app) fail(err error) int {
	var ue usageError
	if !errors.As(err, &ue) && strings.HasPrefix(err.Error(), "unknown command") {
		err = usageError{err}
	}
	if a.log != nil {
		a.log.Error("trawl ends", "err", err, "hint", hint(err), "status", statusOf(err))
		return statusOf(err)
	}
	fmt.Fprintf(a.err, "trawl: %s\n", printableLines(err.Error()))
	var traced interface{ Backtrace() string }
	if errors.As(err, &traced) && traced.Backtrace() != "" {
		fmt.Fprintln(a.err, printableLines(traced.Backtrace()))
	}
	if h := hint(err); h != "" {
		fmt.Fprintf(a.err, "  %s\n", h)
	}
	return statusOf(err)
}
