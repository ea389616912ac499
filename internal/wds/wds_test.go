package wds_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/save/savetest"
	"github.com/trawl-go/trawl/internal/wds"
)

// A job is a directory with what its store has recorded.
type job struct {
	*testing.T
	dir  string
	opt  wds.Options
	mu   sync.Mutex
	done map[trawl.Key]save.File
}

func newJob(t *testing.T) *job {
	return &job{T: t, dir: t.TempDir(), done: make(map[trawl.Key]save.File)}
}

func (j *job) open() *wds.Files {
	j.Helper()
	f, err := j.tryOpen()
	if err != nil {
		j.Fatal(err)
	}
	j.Cleanup(func() { f.Close() })
	return f
}

func (j *job) tryOpen() (*wds.Files, error) {
	local, err := save.Open(j.dir, &save.Options{NoSync: true, Process: j.opt.Writer})
	if err != nil {
		return nil, err
	}
	opt := j.opt
	opt.Find = func(_ context.Context, key trawl.Key) (save.File, bool, error) {
		j.mu.Lock()
		defer j.mu.Unlock()
		f, ok := j.done[key]
		return f, ok, nil
	}
	return wds.Open(j.Context(), j.dir, local, nil, opt)
}

// place places a file, which does not count yet.
func (j *job) place(f *wds.Files, path, body string) save.File {
	j.Helper()
	tmp, err := f.Write(j.Context(), strings.NewReader(body), save.Want{Length: -1, Path: path})
	if err != nil {
		j.Fatal(err)
	}
	url := "https://example.com/" + path
	file := save.File{Key: trawl.KeyOf(trawl.KindFile, url), URL: url, Path: f.Mark(path), Size: tmp.Size, SHA256: tmp.SHA256, Type: tmp.Type}
	if err := f.Place(j.Context(), tmp, file); err != nil {
		j.Fatal(err)
	}
	return file
}

// commit has files count.
func (j *job) commit(f *wds.Files, files ...save.File) {
	j.Helper()
	if err := f.Sync(j.Context()); err != nil {
		j.Fatal(err)
	}
	var keys []trawl.Key
	j.mu.Lock()
	for _, file := range files {
		j.done[file.Key] = file
		keys = append(keys, file.Key)
	}
	j.mu.Unlock()
	f.Committed(keys)
}

// shards returns the paths of the samples of all shards in their places, by the
// name of the shard.
func (j *job) shards() map[string][]string {
	j.Helper()
	names, err := filepath.Glob(filepath.Join(j.dir, "*.tar"))
	if err != nil {
		j.Fatal(err)
	}
	m := make(map[string][]string)
	for _, n := range names {
		m[filepath.Base(n)] = samples(j.T, n)
	}
	return m
}

// samples reads a shard as the world does, and returns what its samples are
// called.
func samples(t *testing.T, name string) (paths []string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size()%512 != 0 {
		t.Errorf("%s has %d bytes", name, st.Size())
	}
	var end [1024]byte
	if _, err := f.Seek(-1024, io.SeekEnd); err == nil {
		if _, err := io.ReadFull(f, end[:]); err != nil || end != [1024]byte{} {
			t.Errorf("%s has no end, %v", name, err)
		}
		f.Seek(0, io.SeekStart)
	}
	tr := tar.NewReader(f)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return paths
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h2, err := tr.Next()
		if err != nil {
			t.Fatalf("%s: after %s: %v", name, h.Name, err)
		}
		var m wds.Meta
		if err := json.NewDecoder(tr).Decode(&m); err != nil {
			t.Fatalf("%s: %s: %v", name, h2.Name, err)
		}
		key, _, _ := strings.Cut(h.Name, ".")
		if h2.Name != key+".json" || m.Key != key || m.Size != int64(len(body)) {
			t.Errorf("%s: members %s and %s, %+v", name, h.Name, h2.Name, m)
		}
		paths = append(paths, m.Path)
	}
}

func (j *job) want(want map[string][]string) {
	j.Helper()
	if diff := cmp.Diff(want, j.shards()); diff != "" {
		j.Errorf("shards (-want +got):\n%s", diff)
	}
}

func TestIsFiles(t *testing.T) {
	savetest.Run(t, func(t *testing.T) savetest.Kind {
		j := newJob(t)
		j.opt.MaxSamples = 7
		return savetest.Kind{
			Keeps:  true,
			Open:   func(t *testing.T) save.Files { return j.open() },
			Commit: func(_ *testing.T, f save.Files, files []save.File) { j.commit(f.(*wds.Files), files...) },
		}
	})
}

// TestRolls ends a shard when it has its number, and puts it in its place when
// all of it counts.
func TestRolls(t *testing.T) {
	j := newJob(t)
	j.opt.MaxSamples = 2
	f := j.open()
	a, b, c := j.place(f, "甲/a.b.txt", "a"), j.place(f, "b.txt", "b"), j.place(f, "c.txt", "c")
	j.commit(f, a, c)
	j.place(f, "d.txt", "d")
	j.want(map[string][]string{})
	j.commit(f, b)
	e := j.place(f, "e.txt", "e")
	j.want(map[string][]string{"shard-000000.tar": {"甲/a.b.txt", "b.txt"}})
	j.commit(f, e) // and never d
	if err := f.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"shard-000000.tar": {"甲/a.b.txt", "b.txt"}, "shard-000001.tar": {"c.txt"}, "shard-000002.tar": {"e.txt"}}
	j.want(want)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = j.open()
	j.commit(f, j.place(f, "f.txt", "f"))
	if err := f.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	want["shard-000003.tar"] = []string{"f.txt"}
	j.want(want)
}

// TestCrash cuts a shard off at every place that a crash may leave, and has the
// next process find what was recorded and nothing else.
func TestCrash(t *testing.T) {
	j := newJob(t)
	j.opt.NoSync = true // it is the program that dies here
	f := j.open()
	var rec []save.File
	for i := range 6 {
		if file := j.place(f, fmt.Sprintf("%d.txt", i), strings.Repeat("x", 300*i)); i%3 != 1 {
			rec = append(rec, file)
		}
	}
	j.commit(f, rec...)
	name := filepath.Join(j.dir, ".trawl/shards/own/shard-000000.tar")
	synced, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	j.place(f, "late.txt", strings.Repeat("y", 2000))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for n := synced.Size(); n <= int64(len(whole)); n += 97 {
		for _, zeros := range []int{0, 700} { // a file may be longer than what reached the disk
			must(t, os.RemoveAll(filepath.Join(j.dir, "shard-000000.tar")))
			must(t, os.WriteFile(name, append(slices.Clone(whole[:n]), make([]byte, zeros)...), 0o666))
			f, err := j.tryOpen()
			if err != nil {
				t.Fatalf("cut at %d of %d bytes: %v", n, len(whole), err)
			}
			must(t, f.Close())
			j.want(map[string][]string{"shard-000000.tar": {"0.txt", "2.txt", "3.txt", "5.txt"}})
			if left, _ := os.ReadDir(filepath.Dir(name)); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		}
		if t.Failed() {
			t.Fatalf("cut at %d of %d bytes", n, len(whole))
		}
	}
}

// TestNothingRecorded leaves no shard behind.
func TestNothingRecorded(t *testing.T) {
	j := newJob(t)
	f := j.open()
	j.place(f, "a.txt", "a")
	must(t, f.Close())
	f = j.open()
	j.place(f, "a.txt", "a")
	must(t, f.Finish(t.Context()))
	j.want(map[string][]string{})
}

// TestAgain has a file placed twice in one process, as its first attempt was not
// recorded: the last one counts.
func TestAgain(t *testing.T) {
	j := newJob(t)
	j.opt.MaxSamples = 2
	f := j.open()
	j.place(f, "a.txt", "first")
	b := j.place(f, "b.txt", "b")
	a := j.place(f, "a.txt", "second")
	j.commit(f, a, b)
	must(t, f.Finish(t.Context()))
	j.want(map[string][]string{"shard-000000.tar": {"b.txt"}, "shard-000001.tar": {"a.txt"}})
	if ok, err := f.Has(t.Context(), a); !ok || err != nil {
		t.Errorf("Has() = %v, %v", ok, err)
	}
}

// TestWriters has a process mend what a dead one has left, and leave a living
// one alone. Of two samples of a file the one counts whose process recorded it.
func TestWriters(t *testing.T) {
	j := newJob(t)
	locked := make(map[string]bool)
	var mu sync.Mutex
	j.opt.Lock = func(dir string) (func() error, error) {
		mu.Lock()
		defer mu.Unlock()
		if locked[dir] {
			return nil, errors.New("locked")
		}
		locked[dir] = true
		return func() error {
			mu.Lock()
			defer mu.Unlock()
			delete(locked, dir)
			return nil
		}, nil
	}
	open := func(writer string) *wds.Files {
		j.opt.Writer = writer
		return j.open()
	}
	a, b := open("a"), open("b")
	one := j.place(a, "one.txt", "1")
	j.place(a, "two.txt", "2") // and dies
	j.commit(a, one)
	j.commit(b, j.place(b, "two.txt", "2"))
	must(t, a.Close())
	c := open("c")
	j.want(map[string][]string{"shard-a-000000.tar": {"one.txt"}})
	j.commit(c, j.place(c, "three.txt", "3"))
	must(t, errors.Join(b.Finish(t.Context()), b.Close(), c.Finish(t.Context()), c.Close()))
	j.want(map[string][]string{"shard-a-000000.tar": {"one.txt"}, "shard-b-000000.tar": {"two.txt"}, "shard-c-000000.tar": {"three.txt"}})
	if left, err := os.ReadDir(filepath.Join(j.dir, ".trawl/shards")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if got := c.Mark(b.Mark("x/y.jpg")); got != "shard-c-/x/y.jpg" {
		t.Errorf("Mark() = %s", got)
	}
}

// TestChanged does not put a shard in its place that is not what was written.
func TestChanged(t *testing.T) {
	j := newJob(t)
	f := j.open()
	j.commit(f, j.place(f, "a.txt", "aaa"), j.place(f, "b.txt", "bbb"))
	name := filepath.Join(j.dir, ".trawl/shards/own/shard-000000.tar")
	data, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, bytes.Replace(data, []byte("aaa"), []byte("aba"), 1), 0o666))
	if err := f.Finish(t.Context()); err == nil {
		t.Error("Finish() = nil")
	}
	j.want(map[string][]string{})
}

// TestCheckAndPurge finds what is wrong with shards, and takes it out.
func TestCheckAndPurge(t *testing.T) {
	j := newJob(t)
	f := j.open()
	files := []save.File{j.place(f, "a.txt", "aaa"), j.place(f, "b.txt", "bbb"), j.place(f, "c.txt", "ccc")}
	j.commit(f, files...)
	must(t, f.Finish(t.Context()))
	open := j.place(f, "d.txt", "ddd")
	j.commit(f, open)
	files = append(files, open)
	name := filepath.Join(j.dir, "shard-000000.tar")
	data, err := os.ReadFile(name)
	must(t, err)
	check := func(want ...string) (bad []trawl.Key) {
		t.Helper()
		root, err := os.OpenRoot(j.dir)
		must(t, err)
		r := wds.NewReader(root, nil, func() error { return nil })
		defer r.Close()
		var read int64
		what, err := r.Check(t.Context(), func(n int64) { read += n })
		must(t, err)
		var got []string
		for _, f := range files {
			w := what(f)
			if w != "" {
				bad = append(bad, f.Key)
			}
			got = append(got, w)
		}
		if diff := cmp.Diff(want, got); diff != "" || read == 0 {
			t.Errorf("Check (-want +got), %d bytes read:\n%s", read, diff)
		}
		return bad
	}
	check("", "", "", "")
	must(t, os.WriteFile(name, bytes.Replace(data, []byte("bbb"), []byte("bab"), 1), 0o666))
	bad := check("", "changed", "", "")
	must(t, f.Purge(t.Context(), bad))
	j.want(map[string][]string{"shard-000000.tar": {"a.txt", "c.txt"}})
	check("", "missing", "", "")
	must(t, os.WriteFile(filepath.Join(j.dir, "shard-000009.tar"), data, 0o666))
	bad = check("twice", "", "twice", "")
	must(t, f.Purge(t.Context(), bad))
	check("missing", "", "missing", "")
	must(t, os.WriteFile(filepath.Join(j.dir, "shard-000009.tar"), data[:2000], 0o666)) // torn
	check("", "missing", "missing", "")
}

// TestPython reads a shard as Python's tarfile does, if there is one.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Log("there is no python3; its tarfile was not asked")
		return
	}
	j := newJob(t)
	f := j.open()
	j.commit(f, j.place(f, "a.txt", "aaa"), j.place(f, "思考.v2.json", `{"x": 1}`), j.place(f, "c.unknown-thing", "\x00\x01"))
	must(t, f.Finish(t.Context()))
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import json, sys, tarfile
samples = {}
for m in (t := tarfile.open(sys.argv[1])):
    key, ext = m.name.split(".", 1)
    samples.setdefault(key, {})[ext] = t.extractfile(m).read()
for s in samples.values():
    meta = json.loads(s.pop("json"))
    (ext, body), = s.items()
    print(meta["path"], ext, len(body) == meta["size"])
`, filepath.Join(j.dir, "shard-000000.tar")).CombinedOutput()
	want := "a.txt txt True\n思考.v2.json file.json True\nc.unknown-thing unknown-thing True\n"
	if err != nil || string(out) != want {
		t.Errorf("%v:\n%s\nwant\n%s", err, out, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
