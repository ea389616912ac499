package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/job"
)

// resumeWorkload takes the time from the start of trawl on a job with n files
// that are finished and one that is not, until the server sees a request.
func resumeWorkload(n int) *workload {
	w := &workload{name: "resume", title: fmt.Sprintf("A job with %s finished files goes on", thousands(n))}
	w.measure = func(ctx context.Context, b *bench, r *result) error {
		var samples []float64
		dir := filepath.Join(b.dir, w.name)
		for i := range min(b.opt.rounds, 5) {
			took, err := b.resume(ctx, dir, n, i)
			if err != nil {
				return err
			}
			fmt.Fprintf(b.log, "  the first request after %.3f s\n", took)
			samples = append(samples, took)
		}
		r.Note = "From the start of the process to the first request that the server sees; the pages and files that are done are not asked for again."
		got := middle(samples)
		r.Facts = append(r.Facts, fact{"first new request after", got, "s"})
		if !b.opt.small {
			r.atMost("first new request within 1 s", got, 1, "s")
		}
		return nil
	}
	return w
}

// resume makes the job in the first round, and runs trawl on it in each one
// with a new file to fetch.
func (b *bench) resume(ctx context.Context, dir string, n, round int) (seconds float64, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	var (
		once  sync.Once
		first = make(chan time.Time, 1)
	)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { first <- time.Now() })
		http.NotFound(w, r)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	defer func() {
		srv.Close()
		<-served // says only that it was closed
	}()
	base := "http://127.0.0.1:1" // one base for all rounds: it is an argument of the job
	if round == 0 {
		if err := makeFinished(ctx, dir, base, n); err != nil {
			return 0, err
		}
	}
	if err := addFile(ctx, dir, fmt.Sprintf("http://127.0.0.1:1/new/%d.jpg", round)); err != nil {
		return 0, err
	}
	settle()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.tools.path["trawl"], "run", filepath.Join(b.tools.peers, "pictures.star"),
		"-a", "base="+base, "-a", "pages=1000", "-d", dir, "-q", "--connect-to", "127.0.0.1:1="+l.Addr().String())
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case t := <-first:
		<-ended // with a failure: the server has nothing
		return t.Sub(began).Seconds(), nil
	case err := <-ended:
		return 0, fmt.Errorf("trawl ended without a request: %w", err)
	}
}

// makeFinished makes a job of the pictures' spider with a thousand pages and n
// files, all of them done.
func makeFinished(ctx context.Context, dir, base string, n int) (err error) {
	j, err := job.Open(ctx, dir, job.Plan{Name: "pictures", Args: map[string]string{"base": base, "pages": "1000"}}, nil)
	if err != nil {
		return err
	}
	if err := j.Close(); err != nil {
		return err
	}
	return withStore(ctx, dir, func(st *sqlite.Store, leases []store.Lease) error {
		const group = 1000
		for i := 0; i < n; i += group {
			page, err := entryOf(trawl.Request{URL: fmt.Sprintf("%s/g/%d.html", base, i/group+1), Spider: "pictures"})
			if err != nil {
				return err
			}
			var files []store.Entry
			c := store.Commit{Leases: leases}
			var names []store.Name
			for k := i; k < min(i+group, n); k++ {
				e, err := entryOf(trawl.Request{Kind: trawl.KindFile, Spider: "pictures", URL: base + picturePath(i/group, k-i), Path: fmt.Sprintf("%d/%d.jpg", i/group, k-i)})
				if err != nil {
					return err
				}
				e.Origin = e.Host
				files = append(files, e)
				names = append(names, store.Name{Key: e.Key, Path: e.Request.Path})
				sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(k)))
				c.Outcomes = append(c.Outcomes, store.Outcome{Key: e.Key, Host: e.Host, Kind: trawl.KindFile, State: store.Done, Tries: 1,
					File: &store.File{URL: e.Request.URL, Path: e.Request.Path, Size: 20_000, SHA256: sum, Type: "image/jpeg"}})
			}
			if _, err := st.Add(ctx, []store.Entry{page}, nil); err != nil {
				return err
			}
			if _, err := st.Reserve(ctx, names, nil); err != nil {
				return err
			}
			done := store.Outcome{Key: page.Key, Host: page.Host, Kind: trawl.KindPage, State: store.Done, Tries: 1, Children: files}
			if _, err := st.Commit(ctx, store.Commit{Leases: leases, Outcomes: []store.Outcome{done}}); err != nil {
				return err
			}
			if _, err := st.Commit(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// addFile adds a file that is still to be fetched.
func addFile(ctx context.Context, dir, url string) error {
	return withStore(ctx, dir, func(st *sqlite.Store, _ []store.Lease) error {
		e, err := entryOf(trawl.Request{Kind: trawl.KindFile, Spider: "pictures", URL: url, Path: "new/" + filepath.Base(url)})
		if err != nil {
			return err
		}
		if _, err := st.Reserve(ctx, []store.Name{{Key: e.Key, Path: e.Request.Path}}, nil); err != nil {
			return err
		}
		_, err = st.Add(ctx, []store.Entry{e}, nil)
		return err
	})
}

// withStore calls f with the store of a job and the leases on all of it.
func withStore(ctx context.Context, dir string, f func(*sqlite.Store, []store.Lease) error) (err error) {
	st, err := sqlite.Open(ctx, dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	leases, err := st.Acquire(ctx, "", 0, 0)
	if err != nil {
		return err
	}
	return errors.Join(f(st, leases), st.Release(ctx, leases))
}

// entryOf makes the store's entry of a request.
func entryOf(r trawl.Request) (store.Entry, error) {
	key, host, err := trawl.Identify(r.Kind, r.URL)
	if err != nil {
		return store.Entry{}, err
	}
	return store.Entry{Key: key, Host: store.HostOf(host), HostName: host, Due: time.Now(), Request: r}, nil
}

// startWorkload takes the time that trawl needs to say its version.
func startWorkload(times int) *workload {
	w := &workload{name: "start", title: "Starting"}
	w.measure = func(ctx context.Context, b *bench, r *result) error {
		var samples []float64
		for range times {
			began := time.Now()
			if err := exec.CommandContext(ctx, b.tools.path["trawl"], "--version").Run(); err != nil {
				return err
			}
			samples = append(samples, 1000*time.Since(began).Seconds())
		}
		fi, err := os.Stat(b.tools.path["trawl"])
		if err != nil {
			return err
		}
		took, size := middle(samples), float64(fi.Size())/1e6
		r.Facts = append(r.Facts, fact{"`trawl --version`", took, "ms"}, fact{"the binary, static and stripped as released", size, "MB"})
		fmt.Fprintf(b.log, "  %.1f ms, %.1f MB\n", took, size)
		if !b.opt.small {
			r.atMost("`trawl --version` ≤ 20 ms", took, 20, "ms")
			r.atMost("binary ≤ 40 MB", size, 40, "MB")
		}
		return nil
	}
	return w
}
