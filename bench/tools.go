package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A tool is a program that contenders are runs of.
type tool struct {
	name    string
	hint    string   // how to install it
	build   string   // package that it is built from; else it is looked for
	program []string // names or paths to look for
	probe   []string // arguments that have it print its version and status 0
}

var tools = []tool{
	{name: "trawl", build: "./cmd/trawl", probe: []string{"--version"}},
	{name: "Go pool", build: "./bench/peers/pool"},
	{name: "Colly", build: "./bench/peers/colly"},
	{name: "cp", program: []string{"cp"}, probe: []string{"--version"}, hint: "it comes with every Unix"},
	{name: "wget", program: []string{"wget"}, probe: []string{"--version"}, hint: "apt install wget"},
	{name: "wget2", program: []string{"wget2"}, probe: []string{"--version"}, hint: "apt install wget2"},
	{name: "aria2", program: []string{"aria2c"}, probe: []string{"--version"}, hint: "apt install aria2"},
	{name: "gallery-dl", program: []string{"gallery-dl"}, probe: []string{"--version"}, hint: "apt install gallery-dl, or pipx install gallery-dl"},
	{name: "Scrapy", program: []string{"scrapy"}, probe: []string{"version"}, hint: "apt install python3-scrapy, or pipx install scrapy"},
	{name: "Python", program: []string{"/usr/bin/python3", "python3"}, hint: "apt install python3-requests python3-lxml",
		probe: []string{"-c", "import sys, requests, lxml.etree as e; print('Python %s, requests %s, lxml %s' % (sys.version.split()[0], requests.__version__, e.__version__))"}},
}

// A toolbox is the tools that are there.
type toolbox struct {
	path    map[string]string // of the programs, by the tool's name
	version map[string]string
	peers   string // directory of the peers' scripts
}

// find builds and looks for all tools. What is built goes to bin.
func (t *toolbox) find(ctx context.Context, root, bin string) error {
	t.path, t.version = make(map[string]string), make(map[string]string)
	t.peers = filepath.Join(root, "bench", "peers")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	t.path["bench"] = self
	for _, tl := range tools {
		if tl.build != "" {
			path := filepath.Join(bin, filepath.Base(tl.build)+exeSuffix)
			cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, tl.build)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("go build %s: %w\n%s", tl.build, err, out)
			}
			t.path[tl.name] = path
			if tl.probe != nil {
				t.version[tl.name] = firstLine(ctx, path, tl.probe...)
			}
			continue
		}
		for _, name := range tl.program {
			path, err := exec.LookPath(name)
			if err != nil {
				continue
			}
			if v := firstLine(ctx, path, tl.probe...); v != "" {
				t.path[tl.name], t.version[tl.name] = path, v
				break
			}
		}
	}
	if v := output(ctx, root, "git", "describe", "--always", "--dirty", "--tags"); v != "" {
		t.version["trawl"] = v
	}
	if v := output(ctx, filepath.Join(root, "bench"), "go", "list", "-m", "-f", "{{.Version}}", "github.com/gocolly/colly/v2"); v != "" {
		t.version["Colly"] = v
	}
	return nil
}

var versionNumber = regexp.MustCompile(`[0-9]+(\.[0-9]+)+[-+.0-9a-z]*`)

// versions returns the version of each tool that has one.
func (t *toolbox) versions() map[string]string {
	m := make(map[string]string)
	for name, v := range t.version {
		if name == "cp" || name == "Python" || name == "trawl" { // none to cut out
			m[name] = v
		} else if n := versionNumber.FindString(v); n != "" {
			m[name] = n
		}
	}
	return m
}

// missing returns the tools that are not there.
func (t *toolbox) missing() []missing {
	var ms []missing
	for _, tl := range tools {
		if _, ok := t.path[tl.name]; !ok {
			ms = append(ms, missing{tl.name, tl.hint})
		}
	}
	return ms
}

// output returns what a command prints, "" if it fails.
func output(ctx context.Context, dir, name string, args ...string) string {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}

// firstLine returns the first line that a program prints when it is asked for
// its version, "" if it fails.
func firstLine(ctx context.Context, path string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(bytes.TrimSpace(out)), "\n")
	return strings.TrimSpace(line)
}
