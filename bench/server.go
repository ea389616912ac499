package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A server serves a site in a process of its own, so that its work is not
// counted as ours.
type server struct {
	base string // "http://127.0.0.1:PORT"
	name string // such as "nginx/1.22.1"
	cmd  *exec.Cmd
}

const nginxConf = `daemon off;
master_process on;
%s
worker_processes auto;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log;
events { worker_connections 1024; }
http {
	types { text/html html; image/jpeg jpg; text/plain txt; }
	charset utf-8;
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000;
	client_body_temp_path %[2]s/t1; proxy_temp_path %[2]s/t2; fastcgi_temp_path %[2]s/t3; uwsgi_temp_path %[2]s/t4; scgi_temp_path %[2]s/t5;
	server {
		listen 127.0.0.1:%[3]d backlog=1024;
		root %[2]s/www;
		location ~ ^/list/[0-9]*([0-9])$ { default_type text/html; try_files /films/$1.html =404; }
	}
}
`

// startServer serves dir/www, with nginx if it is there and no latency is
// asked for.
func startServer(ctx context.Context, dir string, latency time.Duration) (*server, error) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			nginx = ""
		}
	}
	if nginx == "" || latency > 0 {
		return startOwn(ctx, filepath.Join(dir, "www"), latency)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // the temporary directory is ours alone
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, user, dir, port), 0o644); err != nil {
		return nil, err
	}
	s := &server{base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	s.name = firstLine(ctx, nginx, "-v")
	s.name = strings.TrimPrefix(s.name, "nginx version: ")
	s.cmd = exec.CommandContext(ctx, nginx, "-c", conf, "-p", dir)
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) } // it ends its workers
	s.cmd.WaitDelay = 5 * time.Second
	var said strings.Builder
	s.cmd.Stderr = &said
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second); err == nil {
			return s, c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("nginx does not answer: %w: %s", err, said.String())
}

// startOwn serves www with this program as a child.
func startOwn(ctx context.Context, www string, latency time.Duration) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{name: "bench's own server in Go"}
	if latency > 0 {
		s.name += fmt.Sprintf(", %v before each answer", latency)
	}
	s.cmd = exec.CommandContext(ctx, self, "serve", www, latency.String())
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the server: %w", err)
	}
	s.base = strings.TrimSpace(line)
	return s, nil
}

// stop ends the server.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended already
	_ = s.cmd.Wait()                       // its status says only that it was interrupted
}

// freePort returns a port of loopback that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

var listPath = regexp.MustCompile(`^/list/[0-9]*([0-9])$`)

// serve is the child that serves a directory: its arguments are the directory
// and the pause before each answer. It prints its address, and serves until
// it is interrupted.
func serve(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("serve: %d arguments, want 2", len(args))
	}
	latency, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	files := http.FileServer(http.Dir(args[0]))
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if latency > 0 {
			time.Sleep(latency)
		}
		if m := listPath.FindStringSubmatch(r.URL.Path); m != nil {
			http.ServeFile(w, r, filepath.Join(args[0], "films", m[1]+".html"))
			return
		}
		files.ServeHTTP(w, r)
	})}
	fmt.Printf("http://%s\n", l.Addr())
	go func() {
		<-ctx.Done() // main has it end at an interrupt
		srv.Close()
	}()
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
