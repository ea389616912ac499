//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/replica"
)

// A photo is a picture of the site that a test of resuming cuts, and the
// directory it is saved into.
type photo struct {
	*testing.T
	site *replica.Server
	url  string
	dir  string
	args []string // of the command that collects it
}

// photos is one for each test, from one site: drawing takes long.
func photos(t *testing.T, o *replica.Options) func(*testing.T) *photo {
	o.LogHeaders = []string{"Range"}
	s := startSite(t, o)
	var urls []string
	for _, a := range s.Expected().Albums {
		for _, u := range a.Pictures {
			if strings.HasPrefix(u, "https://img.example.test/") && strings.HasSuffix(u, ".jpg") {
				urls = append(urls, u)
			}
		}
	}
	return func(t *testing.T) *photo {
		p := &photo{T: t, site: s, url: urls[0], dir: filepath.Join(t.TempDir(), "out")}
		urls = urls[1:]
		p.args = append([]string{"get", p.url, "-d", p.dir}, connect(s)...)
		return p
	}
}

// faults makes the server treat the picture badly.
func (p *photo) faults(faults ...replica.Fault) {
	path := strings.TrimPrefix(p.url, "https://img.example.test")
	p.site.Change("img.example.test", func(r *replica.Rules) {
		r.Faults = slices.DeleteFunc(r.Faults, func(f replica.Fault) bool { return f.Prefix == path })
		for _, f := range faults {
			f.Prefix = path
			r.Faults = append(r.Faults, f)
		}
	})
}

// run runs the program in this process, which is quick, and returns what it
// wrote to standard error.
func (p *photo) run(status int, args ...string) string {
	p.Helper()
	var stderr bytes.Buffer
	if got := run(p.Context(), args, strings.NewReader(""), io.Discard, &stderr); got != status {
		p.Fatalf("exit status %d, want %d\n%s", got, status, &stderr)
	}
	return stderr.String()
}

// asked returns the Range fields of the requests for the picture so far, in
// the order in which they began, "" for one without.
func (p *photo) asked() []string {
	p.Helper()
	var seen []replica.Request // in the order in which they ended
	wait, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	n := p.site.Log().Count(p.url)
	err := p.site.Log().Until(wait, func() bool {
		seen = nil
		for r := range p.site.Log().All() {
			if "https://"+r.Host+r.Path == p.url {
				seen = append(seen, r)
			}
		}
		return len(seen) == n // none in work
	})
	if err != nil {
		p.Fatal(err)
	}
	slices.SortStableFunc(seen, func(a, b replica.Request) int { return a.Start.Compare(b.Start) })
	var out []string
	for _, r := range seen {
		out = append(out, r.Header.Get("Range"))
	}
	return out
}

// saved checks that the picture is the only file, with the bytes of the site
// and extra zeros.
func (p *photo) saved(extra int) {
	p.Helper()
	want, _, _ := p.site.Picture(p.url)
	want = append(want, make([]byte, extra)...)
	got, err := os.ReadFile(filepath.Join(p.dir, path.Base(p.url)))
	if err != nil || !bytes.Equal(got, want) {
		p.Errorf("the picture has %d bytes, %v, want the %d of the site", len(got), err, len(want))
	}
	left, err := os.ReadDir(filepath.Join(p.dir, ".trawl", "tmp"))
	if err != nil || len(left) > 0 {
		p.Errorf("left: %v, %v", left, err)
	}
}

// TestResume cuts a picture in the middle and has another run go on, with
// servers that do right and wrong in every way.
func TestResume(t *testing.T) {
	once := func(k replica.Kind) replica.Fault { return replica.Fault{Kind: k, First: 1} }
	always := func(k replica.Kind) []replica.Fault { return []replica.Fault{{Kind: k}} }
	next := photos(t, &replica.Options{PictureBytes: 600_000})
	small := photos(t, &replica.Options{})
	const goesOn, anew = `msg="goes on"`, `msg="from the beginning"`
	for _, tt := range []struct {
		name   string
		faults []replica.Fault // before the first run, besides the cut
		later  []replica.Fault // before the second, if not nil
		small  bool
		asked  []bool // requests of the second run: whether for the rest
		log    string
		extra  int // zeros after the picture
	}{
		{name: "strong tag", asked: []bool{true}, log: goesOn},
		{name: "date only", faults: always(replica.NoTag), asked: []bool{true}, log: goesOn},
		{name: "fresh date only", faults: always(replica.FreshDate), asked: []bool{false}},
		{name: "weak tag", faults: always(replica.WeakTag), asked: []bool{false}},
		{name: "tag turned weak", later: always(replica.WeakTag), asked: []bool{true}, log: anew},
		{name: "changed", faults: []replica.Fault{once(replica.Changing)}, asked: []bool{true}, log: anew},
		{name: "changed and If-Range ignored", faults: []replica.Fault{once(replica.Changing), {Kind: replica.NoIfRange}}, asked: []bool{true, false}, log: anew},
		{name: "grown under the same tag", faults: always(replica.Growing), asked: []bool{true, false}, log: anew, extra: 3},
		{name: "200 for 206", faults: always(replica.NoRange), asked: []bool{true}, log: anew},
		{name: "206 with the wrong Content-Range", faults: always(replica.WrongRange), asked: []bool{true, false}, log: anew},
		{name: "416", faults: always(replica.Unsatisfied), asked: []bool{true, false}, log: anew},
		{name: "compressed", faults: always(replica.Packed), asked: []bool{false}},
		{name: "compressed from now on", later: always(replica.Packed), asked: []bool{true, false}, log: anew},
		{name: "chunks from now on", later: always(replica.NoLength), asked: []bool{true}, log: anew},
		{name: "small", small: true, asked: []bool{false}},
	} {
		p := next(t)
		if tt.small {
			p = small(t)
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p.T = t
			p.faults(append(tt.faults, once(replica.Truncate))...)
			p.run(7, append(p.args, "-R", "0")...)
			if got := p.asked(); len(got) != 1 || got[0] != "" {
				t.Fatalf("the first run asked for %q", got)
			}
			if tt.later != nil {
				p.faults(tt.later...)
			}
			log := p.run(0, append([]string{"retry", p.dir, "-R", "0", "-v"}, connect(p.site)...)...)
			p.saved(tt.extra)
			var asked []bool
			for _, r := range p.asked()[1:] {
				asked = append(asked, r != "")
			}
			if !slices.Equal(asked, tt.asked) {
				t.Errorf("the second run asked for the rest: %v, want %v", asked, tt.asked)
			}
			for _, line := range []string{goesOn, anew} {
				if strings.Contains(log, line) != (line == tt.log) {
					t.Errorf("the log has %s: %v, want %v\n%s", line, line != tt.log, line == tt.log, log)
				}
			}
		})
	}
}

// TestResumeWithinRun goes on after a cut within one run, at the byte where it
// was.
func TestResumeWithinRun(t *testing.T) {
	t.Parallel()
	p := photos(t, &replica.Options{PictureBytes: 600_000})(t)
	p.faults(replica.Fault{Kind: replica.Truncate, First: 1})
	startTrawl(t, append(p.args, "-R", "1")...).exits(0)
	p.saved(0)
	want, _, _ := p.site.Picture(p.url)
	if got := p.asked(); len(got) != 2 || got[0] != "" || got[1] != "bytes="+strconv.Itoa(len(want)/2)+"-" {
		t.Errorf("asked for %q", got)
	}
}

// TestResumeAfterKill kills the program while a body hangs, and interrupts it.
// What had come is not fetched again, but for what came after the last mark.
func TestResumeAfterKill(t *testing.T) {
	next := photos(t, &replica.Options{PictureBytes: 10 << 20})
	for _, tt := range []struct {
		name  string
		how   syscall.Signal
		exits int
		least int // bytes that are kept
	}{
		{"kill", syscall.SIGKILL, -1, 4 << 20},
		{"interrupt", syscall.SIGINT, 130, 5 << 20},
	} {
		p := next(t)
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p.T = t
			p.faults(replica.Fault{Kind: replica.Stall, First: 1})
			c := startTrawl(t, p.args...)
			waitForMark(t, filepath.Join(p.dir, ".trawl", "tmp"))
			c.signal(tt.how)
			c.exits(tt.exits)
			startTrawl(t, p.args...).exits(0)
			p.saved(0)
			got := p.asked()
			if len(got) != 2 {
				t.Fatalf("asked for %q", got)
			}
			at, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(got[1], "bytes="), "-"))
			if err != nil || at < tt.least {
				t.Errorf("went on at %q, want %d or more", got[1], tt.least)
			}
		})
	}
}

// waitForMark waits until a part in dir can be gone on with.
func waitForMark(t *testing.T, dir string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if logs, err := filepath.Glob(filepath.Join(dir, "*.log")); err != nil || len(logs) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("no mark was set")
		}
	}
}
