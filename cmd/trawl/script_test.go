package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trawl-go/trawl/internal/replica"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/process"
)

// TestScripts runs the program on the scripts of testdata/script, each with a
// replica of its own, which the command replica starts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[siteKey{}] = &site{proxied: make(map[string]*atomic.Int64)}
			// So that whether the tests run in a terminal makes no difference.
			env.Setenv("TERM", "dumb")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"replica":   cmdReplica,
			"rules":     cmdRules,
			"fault":     cmdFault,
			"robots":    cmdRobots,
			"gap":       cmdGap,
			"calm":      cmdCalm,
			"down":      cmdDown,
			"up":        cmdUp,
			"asked":     cmdAsked,
			"mark":      cmdMark,
			"requests":  cmdRequests,
			"exits":     cmdExits,
			"collected": cmdCollected,
			"jsonlines": cmdJSONLines,
			"lines":     cmdLines,
			"hold":      cmdHold,
			"serve":     cmdServe,
			"pictures":  cmdPictures,
			"sql":       cmdSQL,
			"proxy":     cmdProxy,
			"proxied":   cmdProxied,
			"postgres":  cmdPostgres,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "postgres":
				return havePostgres()
			case "memory": // workers have a limit of memory
				return process.MemoryLimited, nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

type siteKey struct{}

// A site is what a script has of the replica.
type site struct {
	*replica.Server
	mark int // length of the log at the last mark

	proxied map[string]*atomic.Int64 // requests that each proxy passed on
}

func siteOf(ts *testscript.TestScript) *site {
	s := ts.Value(siteKey{}).(*site)
	if s.Server == nil {
		ts.Fatalf("no replica: start one with the command replica")
	}
	return s
}

// options splits words of the form NAME=VALUE.
func options(ts *testscript.TestScript, args []string, known ...string) map[string]string {
	m := make(map[string]string)
	for _, a := range args {
		k, v, ok := strings.Cut(a, "=")
		if !ok || !slices.Contains(known, k) {
			ts.Fatalf("%q: want NAME=VALUE with one of %v", a, known)
		}
		m[k] = v
	}
	return m
}

func number(ts *testscript.TestScript, s string) int {
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func duration(ts *testscript.TestScript, s string) time.Duration {
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	ts.Check(err)
	return d
}

func noNeg(ts *testscript.TestScript, neg bool) {
	if neg {
		ts.Fatalf("this command does not go with !")
	}
}

// replica [galleries=N] [pages=N] [missing=N] [latency=SPAN] [padding=BYTES]
//
// starts the sites, with options as in package replica. $CONNECT then leads
// the program there.
func cmdReplica(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	o := options(ts, args, "galleries", "pages", "missing", "latency", "padding")
	s := replica.New(&replica.Options{
		Mzitu:        replica.MzituOptions{Galleries: number(ts, o["galleries"]), Pages: number(ts, o["pages"])},
		Doutula:      replica.DoutulaOptions{Missing: number(ts, o["missing"])},
		Latency:      duration(ts, o["latency"]),
		PictureBytes: number(ts, o["padding"]),
		LogHeaders:   []string{"X-Test", "User-Agent", "Cookie"},
	})
	ts.Check(s.Start(context.Background()))
	ts.Defer(func() { s.Close() })
	ts.Value(siteKey{}).(*site).Server = s
	ts.Setenv("CONNECT", "--connect-to "+strings.Join(s.ConnectTo(), " --connect-to "))
}

// rules HOST [referer=POLICY] [refusal=HOW] [latency=SPAN] [charset=NAME] [limit=N] [window=SPAN] [retry-after=FORM]
//
// says how a host treats its clients.
func cmdRules(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	s := siteOf(ts)
	o := options(ts, args[1:], "referer", "refusal", "latency", "charset", "limit", "window", "retry-after")
	s.Change(args[0], func(r *replica.Rules) {
		r.Referer = replica.RefererPolicy(o["referer"])
		r.Refusal = replica.Refusal(o["refusal"])
		r.Charset = replica.Charset(o["charset"])
		r.Latency = duration(ts, o["latency"])
		r.Limit = replica.Limit{
			Requests: number(ts, o["limit"]), Window: duration(ts, o["window"]),
			RetryAfter: replica.RetryAfter(o["retry-after"]),
		}
	})
}

// fault HOST KIND [prefix=PATH] [one-in=N] [first=N] [status=N] [after=SPAN] [to=URL]
//
// adds something that goes wrong on a host.
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	s := siteOf(ts)
	o := options(ts, args[2:], "prefix", "one-in", "first", "status", "after", "to")
	s.Change(args[0], func(r *replica.Rules) {
		r.Faults = append(slices.Clone(r.Faults), replica.Fault{
			Kind: replica.Kind(args[1]), Prefix: o["prefix"], OneIn: number(ts, o["one-in"]), First: number(ts, o["first"]),
			Status: number(ts, o["status"]), After: duration(ts, o["after"]), To: o["to"],
		})
	})
}

// robots HOST FILE sets the robots.txt of a host.
func cmdRobots(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	siteOf(ts).Change(args[0], func(r *replica.Rules) { r.Robots = ts.ReadFile(args[1]) })
}

// gap HOST SPAN checks that the requests to a host since the last mark came
// with that pause between them.
func cmdGap(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	s := siteOf(ts)
	ts.Check(s.Log().Idle(context.Background()))
	var starts []time.Time
	for _, r := range s.Log().Since(s.mark) {
		if r.Host == args[0] {
			starts = append(starts, r.Start)
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	if len(starts) < 2 {
		ts.Fatalf("%d requests to %s since the mark", len(starts), args[0])
	}
	for i := range starts[1:] {
		// What is sent in time may arrive late, and the next not.
		if d := starts[i+1].Sub(starts[i]); d < duration(ts, args[1])/2 {
			ts.Fatalf("request %d came %v after the one before it, want %s", i+2, d, args[1])
		}
	}
	if d := starts[len(starts)-1].Sub(starts[0]); d < duration(ts, args[1])*time.Duration(len(starts)-1)*9/10 {
		ts.Fatalf("%d requests in %v, want %s between them", len(starts), d, args[1])
	}
}

// calm ends all rules and faults.
func cmdCalm(ts *testscript.TestScript, neg bool, _ []string) {
	noNeg(ts, neg)
	siteOf(ts).Change("*", func(r *replica.Rules) { *r = replica.Rules{} })
}

// down HOST refuses its connections; up HOST takes them again.
func cmdDown(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	ts.Check(siteOf(ts).Down(args[0]))
}

func cmdUp(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	ts.Check(siteOf(ts).Up(context.Background(), args[0]))
}

// asked N URL checks how often a URL was asked for.
func cmdAsked(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	if got := siteOf(ts).Log().Count(args[1]); got != number(ts, args[0]) {
		ts.Fatalf("%s was asked for %d times, want %s", args[1], got, args[0])
	}
}

// mark begins to count requests; requests N [HEADER=VALUE] checks how many
// there were since then, with that header if one is named. Those for
// robots.txt do not count.
func cmdMark(ts *testscript.TestScript, neg bool, _ []string) {
	noNeg(ts, neg)
	s := siteOf(ts)
	ts.Check(s.Log().Idle(context.Background()))
	s.mark = s.Log().Len()
}

func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	s := siteOf(ts)
	ts.Check(s.Log().Idle(context.Background()))
	n := 0
	for _, r := range s.Log().Since(s.mark) {
		if r.Path == "/robots.txt" {
			continue
		}
		if len(args) > 1 {
			name, value, _ := strings.Cut(args[1], "=")
			if name == "Referer" && r.Referer != value || name != "Referer" && r.Header.Get(name) != value {
				continue
			}
		}
		n++
	}
	if n != number(ts, args[0]) {
		ts.Fatalf("%d requests since the mark, want %s", n, strings.Join(args, " with "))
	}
}

// exits STATUS PROGRAM ARGUMENT... runs a program that must end with a
// status.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	err := ts.Exec(args[1], args[2:]...)
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		ts.Fatalf("%v", err)
	}
	got := 0
	if ee != nil {
		got = ee.ExitCode()
	}
	if got != number(ts, args[0]) {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// collected N DIR [OTHER...] checks that a directory holds N files that its
// job has recorded, each with the bytes that the site has, and beside them
// nothing but the job's own directory and the paths named.
func cmdCollected(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	dir := ts.MkAbs(args[1])
	files, err := recorded(dir)
	ts.Check(err)
	if len(files) != number(ts, args[0]) {
		ts.Fatalf("%d files are recorded, want %s", len(files), args[0])
	}
	ts.Check(checkDir(siteOf(ts).Server, dir, files, args[2:]))
}

// recorded returns the files that the job in dir has recorded.
func recorded(dir string) ([]store.File, error) {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, dir, &sqlite.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	var files []store.File
	for f, err := range st.Files(ctx) {
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// checkDir checks that dir holds the files, each with the bytes that the site
// has under its URL, and beside them only .trawl, without temporary files, and
// the others.
func checkDir(s *replica.Server, dir string, files []store.File, others []string) error {
	var errs []error
	known := make(map[string]bool)
	for _, o := range others {
		known[o] = true
	}
	for _, f := range files {
		known[f.Path] = true
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		want, _, ok := s.Picture(f.URL)
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: the site has no picture %s", f.Path, f.URL))
		case !bytes.Equal(got, want):
			errs = append(errs, fmt.Errorf("%s: %d bytes, not the %d under %s", f.Path, len(got), len(want), f.URL))
		case f.SHA256 != sha256.Sum256(want) || f.Size != int64(len(want)):
			errs = append(errs, fmt.Errorf("%s: recorded with a wrong hash or size", f.Path))
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(rel, ".trawl/tmp/"):
			errs = append(errs, fmt.Errorf("%s was left", rel))
		case !d.IsDir() && !known[rel] && !strings.HasPrefix(rel, ".trawl/"):
			errs = append(errs, fmt.Errorf("%s should not be there", rel))
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// jsonlines FILE [N] checks that every line of a file, or of stdout, is a JSON
// object, and how many there are.
func cmdJSONLines(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		n++
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			ts.Fatalf("%s:%d: %v: %s", args[0], n, err, line)
		}
	}
	if len(args) > 1 && n != number(ts, args[1]) {
		ts.Fatalf("%d lines, want %s", n, args[1])
	}
}

// lines N FILE [TEXT] counts the lines of a file, or of stdout or stderr, that
// hold a text.
func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if len(args) < 3 || strings.Contains(line, args[2]) {
			n++
		}
	}
	if n != number(ts, args[0]) {
		ts.Fatalf("%d lines, want %s", n, args[0])
	}
}

// hold DIR opens a job in this process until the script ends. $PID is the
// process.
func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	st, err := sqlite.Open(context.Background(), ts.MkAbs(args[0]), nil)
	ts.Check(err)
	ts.Defer(func() { st.Close() })
	ts.Setenv("PID", strconv.Itoa(os.Getpid()))
}

// proxy NAME USER:PASSWORD starts an HTTP proxy that leads to what serve
// serves, whatever the host, at the address $NAME. proxied NAME N checks how
// many requests it passed on.
func cmdProxy(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	name, login, to := args[0], args[1], ts.Getenv("SERVER")
	count := &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(login)) {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		count.Add(1)
		(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.Out.URL.Host = to }}).ServeHTTP(w, r)
	}))
	ts.Defer(s.Close)
	ts.Value(siteKey{}).(*site).proxied[name] = count
	ts.Setenv(name, s.Listener.Addr().String())
}

func cmdProxied(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	if got := ts.Value(siteKey{}).(*site).proxied[args[0]].Load(); got != int64(number(ts, args[1])) {
		ts.Fatalf("%s passed on %d requests, want %s", args[0], got, args[1])
	}
}

// sql DATABASE FILE runs the statements of a file on a database, a new one if
// need be.
func cmdSQL(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	db, err := sql.Open("sqlite", path)
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(ts.ReadFile(args[1]))
	ts.Check(err)
}

// serve DIR [USER:PASSWORD] serves the files of a directory, at the address
// $SERVER, to those who have the login.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	noNeg(ts, neg)
	files := http.FileServer(http.Dir(ts.MkAbs(args[0])))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); len(args) > 1 && user+":"+password != args[1] {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	ts.Defer(s.Close)
	ts.Setenv("SERVER", s.Listener.Addr().String())
}
