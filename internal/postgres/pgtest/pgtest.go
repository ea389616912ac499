// Package pgtest runs a PostgreSQL server for tests: one of its own, in a
// temporary directory, reached by a Unix socket in it, gone with the process.
//
// Start with [Need], which says whether there is a server to run, and then
// [Start]. Where PostgreSQL is not installed, tests are skipped with the
// reason, and fail if the environment says CI=true.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// most bounds every step of a server's life.
const most = 2 * time.Minute

// User is the role, a superuser, that URLs name.
const User = "trawl"

// places are where distributions put the programs that are not in PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
}

// bin returns the directory of PostgreSQL's programs.
func bin() (string, error) {
	if !supported {
		return "", errors.New("PostgreSQL is only started on systems with Unix sockets")
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	for _, place := range places {
		found, _ := filepath.Glob(filepath.Join(place, "initdb")) // no error: the patterns are well-formed
		slices.Sort(found)
		if len(found) > 0 {
			return filepath.Dir(found[len(found)-1]), nil
		}
	}
	return "", errors.New("PostgreSQL is not installed: there is no initdb in PATH or " + strings.Join(places, ", "))
}

// Available returns why no server can be started here, nil if one can.
func Available() error {
	_, err := bin()
	return err
}

// Options adjust a server. A nil *Options means the default.
type Options struct {
	// Sync has the server sync its files, as it must to survive a crash of
	// the machine; tests that only kill the server do without.
	Sync bool

	// Settings are further lines of postgresql.conf.
	Settings []string
}

// A Server is a PostgreSQL server. It is not safe for concurrent use.
type Server struct {
	dir   string
	bin   string
	guard *exec.Cmd
	life  io.Closer // the guard kills the server when this end of the pipe is closed
}

// Start makes a cluster and starts a server for it. The caller must Close it;
// if the process dies the server ends at once.
func Start(opt *Options) (_ *Server, err error) {
	if opt == nil {
		opt = &Options{}
	}
	s := &Server{}
	if s.bin, err = bin(); err != nil {
		return nil, err
	}
	// Not the directory of a test, which other users cannot enter. Short: the
	// path of a socket has about a hundred bytes.
	if s.dir, err = os.MkdirTemp("", "trawl-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := giveAway(s.dir); err != nil {
		return nil, err
	}
	if err := s.run("initdb", "-D", s.data(), "-A", "trust", "-U", User, "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, err
	}
	conf := []string{
		"listen_addresses = ''", "unix_socket_directories = '" + s.dir + "'",
		"max_connections = 100", "shared_buffers = 64MB", "log_min_messages = warning",
	}
	if !opt.Sync {
		conf = append(conf, "fsync = off")
	}
	conf = append(conf, opt.Settings...)
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(strings.Join(conf, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := s.startGuard(); err != nil {
		return nil, err
	}
	return s, s.Resume()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// startGuard starts a process that outlives this one by as long as it takes
// to kill the server.
func (s *Server) startGuard() error {
	cmd := exec.Command("/bin/sh", "-c", `cat >/dev/null; p=$(head -n 1 "$0" 2>/dev/null) && kill -QUIT "$p" 2>/dev/null; :`, s.pidFile())
	w, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	asOther(cmd)
	cmd.Dir = s.dir
	if err := cmd.Start(); err != nil {
		return err
	}
	s.guard, s.life = cmd, w
	return nil
}

func (s *Server) pidFile() string { return filepath.Join(s.data(), "postmaster.pid") }

// run runs one of PostgreSQL's programs.
func (s *Server) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGHOST="+s.dir, "PGUSER="+User)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // a server keeps what it inherited open
	asOther(cmd)
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		log, _ := os.ReadFile(s.logFile())
		return fmt.Errorf("%s: %w\n%s%s", name, err, out.Bytes(), log)
	}
	return nil
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Kill ends the server as a crash of it would: no transaction is ended, no
// data written, and the next start recovers from the log.
func (s *Server) Kill() error {
	return s.run("pg_ctl", "stop", "-D", s.data(), "-m", "immediate", "-w", "-t", "60")
}

// Resume starts the server again after Kill, and waits until it answers.
func (s *Server) Resume() error {
	return s.run("pg_ctl", "start", "-D", s.data(), "-l", s.logFile(), "-w", "-t", "100")
}

// PID returns the server's process.
func (s *Server) PID() (int, error) {
	data, err := os.ReadFile(s.pidFile())
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strconv.Atoi(strings.TrimSpace(line))
}

// Socket returns the path of the server's socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// URL returns the address of a database.
func (s *Server) URL(database string) string {
	return "postgres://" + User + "@/" + url.PathEscape(database) + "?host=" + url.QueryEscape(s.dir)
}

// CreateDatabase makes a database. args are those of createdb.
func (s *Server) CreateDatabase(name string, args ...string) error {
	return s.run("createdb", append(args, name)...)
}

// Close kills the server and removes its directory.
func (s *Server) Close() error {
	var errs []error
	if s.guard != nil {
		errs = append(errs, s.life.Close(), s.guard.Wait())
		s.guard = nil
		// The guard has sent the signal; pg_ctl waits for the end. It fails
		// if that has come already.
		_ = s.run("pg_ctl", "stop", "-D", s.data(), "-m", "immediate", "-w", "-t", "60")
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
