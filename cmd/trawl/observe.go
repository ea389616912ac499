package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/spf13/pflag"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/metrics"
	"github.com/trawl-go/trawl/job"
)

// observeFlags say what those are told who look after a process.
type observeFlags struct {
	metrics string
	log     string
}

func (f *observeFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.metrics, "metrics", "", "answer Prometheus at http://`ADDR`/metrics as long as it runs; a port alone is for this machine only, and 0 takes one that is free")
	fs.StringVar(&f.log, "log", "", "write a log to standard error, and nothing else there, a line for each thing: as `json` or text; -v adds every page and file, -q leaves out what goes well")
}

// watch answers Prometheus until stop is called, if the flags ask for it and
// nobody does yet.
func (a *app) watch(ctx context.Context, f *collectFlags) (stop func(), err error) {
	if f.observe.metrics == "" || a.metrics != nil {
		return func() {}, nil
	}
	ln, err := metrics.Listen(ctx, f.observe.metrics)
	if errors.Is(err, metrics.ErrAddress) {
		return nil, usagef("--metrics %q: %w", f.observe.metrics, err)
	}
	if err != nil {
		return nil, usagef("--metrics %s: %w", f.observe.metrics, err)
	}
	if !f.quiet {
		fmt.Fprintf(a.err, "metrics: http://%s/metrics\n", reachable(ln.Addr()))
	}
	m := metrics.New(versionText())
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // to the end of a drain
	var server sync.WaitGroup
	server.Go(func() {
		if err := m.Serve(ctx, ln); err != nil {
			fmt.Fprintf(a.err, "warning: no metrics any more: %s\n", printable(err.Error()))
		}
	})
	a.metrics = m
	return func() {
		cancel()
		server.Wait()
		a.metrics = nil
	}, nil
}

// reachable returns an address that leads to a listener from its own machine.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
}

// observe has a job be told of: to Prometheus, if it is answered, and in the log.
// The job, called name, is passed to the function that is returned before it
// runs, and done is called after that.
func (a *app) observe(name string, o *job.Options) (begin func(*job.Job), done func()) {
	o.Crawl.Worker = workerName()
	if a.log != nil {
		o.Crawl.Log = a.log.With("job", name, "worker", o.Crawl.Worker)
	}
	if a.metrics == nil {
		return func(*job.Job) {}, func() {}
	}
	m := a.metrics.Job(name)
	o.Crawl.Events = crawl.Both(o.Crawl.Events, m.Events())
	done = func() {}
	return func(j *job.Job) { done = m.Watch(j) }, func() { done() }
}
