package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/trawl-go/trawl/internal/replica"
)

// openTerminal returns both ends of a terminal of 100 columns and 30 lines.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

var escape = regexp.MustCompile(`^\x1b\[(\d*)([AJK])`)

// shown returns what a terminal shows that has received out, with what has
// scrolled away.
func shown(t *testing.T, out string) string {
	t.Helper()
	lines := [][]rune{nil}
	row, col := 0, 0
	for out != "" {
		if m := escape.FindStringSubmatch(out); m != nil {
			out = out[len(m[0]):]
			n, _ := strconv.Atoi(m[1])
			switch m[2] {
			case "A":
				row = max(row-max(n, 1), 0)
			case "J":
				lines = lines[:row+1]
				fallthrough
			case "K":
				lines[row] = lines[row][:min(col, len(lines[row]))]
			}
			continue
		}
		r := []rune(out)[0]
		out = out[len(string(r)):]
		switch r {
		case '\x1b':
			if strings.Contains(out, "m") || strings.Contains(out, "h") || strings.Contains(out, "l") {
				t.Fatalf("an escape that this terminal does not know: %.10q", out)
			}
			return text(lines) // the rest of it is still to come
		case '\r':
			col = 0
		case '\n':
			if row++; row == len(lines) {
				lines = append(lines, nil)
			}
		default:
			for len(lines[row]) <= col {
				lines[row] = append(lines[row], ' ')
			}
			lines[row][col] = r
			col++
		}
	}
	return text(lines)
}

func text(lines [][]rune) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(string(l), " ") + "\n")
	}
	return b.String()
}

// TestBars looks at a terminal: what is said while the bars are there stays
// to be read above them.
func TestBars(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	s.Change("img.example.test", func(r *replica.Rules) {
		r.Faults = []replica.Fault{{Kind: replica.Hang, Prefix: "/full/plain/01"}, {Kind: replica.Status, Status: 404, Prefix: "/full/plain/02"}}
	})
	master, slave := openTerminal(t)
	args := append([]string{"get", album, "-d", filepath.Join(t.TempDir(), "out")}, connect(s)...)
	c := &child{T: t, cmd: exec.CommandContext(t.Context(), "trawl", args...)}
	c.stdout.changed, c.stderr.changed = make(chan struct{}, 1), make(chan struct{}, 1)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, slave
	c.cmd.Env = append(os.Environ(), "TERM=xterm")
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&c.stderr, master) // ends with an error when the program has
	}()
	defer func() { <-done }()

	until := func(what string, ok func(screen string) bool) {
		t.Helper()
		for !ok(shown(t, c.stderr.String())) {
			select {
			case <-c.stderr.changed:
			case <-done:
				t.Fatalf("the program ended before %s:\n%s", what, shown(t, c.stderr.String()))
			case <-t.Context().Done():
				t.Fatalf("no %s:\n%s", what, shown(t, c.stderr.String()))
			}
		}
	}
	const failed, stopping = "failed: https://img.example.test/full/plain/02.jpg  404 Not Found", "stopping: what is under way gets 5 seconds; interrupt again to stop now"
	bar := regexp.MustCompile(`(?m)^files .*8 of 8|^files .*7 of 8|^files .*6 of 8`)
	until("a bar", func(s string) bool { return bar.MatchString(s) && strings.Contains(s, failed) })
	c.signal(os.Interrupt)
	until("word of the interruption", func(s string) bool { return strings.Contains(s, stopping) })
	// The bars are drawn again and again, and it stays.
	drawn := strings.Count(c.stderr.String(), "\x1b[")
	until("more pictures of the progress", func(string) bool { return strings.Count(c.stderr.String(), "\x1b[") > drawn+6 })
	c.signal(os.Interrupt)
	c.exits(130)
	<-done
	end := shown(t, c.stderr.String())
	at := slices.IndexFunc(strings.Split(end, "\n"), func(l string) bool { return strings.Contains(l, stopping) })
	last := slices.IndexFunc(strings.Split(end, "\n"), func(l string) bool { return bar.MatchString(l) })
	if !strings.Contains(end, failed) || at < 0 || last < at || strings.Count(end, "\nfiles ") != 1 {
		t.Errorf("the terminal shows at the end:\n%s", end)
	}
}
