package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/replica"
	"github.com/trawl-go/trawl/internal/s3/s3test"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// A placeTest is a job whose files go elsewhere.
type placeTest struct {
	*testing.T
	program string
	site    *replica.Server
	srv     *s3test.Server
	dir     string   // of the job
	to      []string // the flags that say where files go
	rand    *rand.Rand
}

func newPlaceTest(t *testing.T, program string) *placeTest {
	t.Helper()
	seed := uint64(envInt(t, "TRAWL_KILL_SEED", int(time.Now().UnixNano()&0xffffffff)))
	t.Logf("TRAWL_KILL_SEED=%d", seed)
	dir := t.TempDir()
	p := &placeTest{
		T: t, program: program, srv: s3test.New(t, "pictures"), dir: dir, rand: rand.New(rand.NewPCG(seed, 0)),
		site: replica.New(&replica.Options{
			Doutula: replica.DoutulaOptions{Pages: 3, Size: image.Pt(60, 60)},
			Latency: 3 * time.Millisecond, Jitter: 3 * time.Millisecond,
		}),
	}
	if err := p.site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.site.Close() })
	return p
}

// command returns the program with arguments, and the environment by which it
// finds the bucket.
func (p *placeTest) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.Context(), p.program, args...)
	cmd.Env = os.Environ()
	for k, v := range p.srv.Env() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// collect returns the command that collects.
func (p *placeTest) collect() *exec.Cmd {
	args := append([]string{"run", "doutula", "-n", "-a", "pages=3", "--held", "0"}, p.to...)
	for _, c := range p.site.ConnectTo() {
		args = append(args, "--connect-to", c)
	}
	return p.command(args...)
}

// run runs a command to its end and returns what it wrote.
func (p *placeTest) run(status int, cmd *exec.Cmd) string {
	p.Helper()
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != status {
		p.Fatalf("%v: exit status %d, %v, want %d\n%s", cmd.Args[1:3], code, err, status, out)
	}
	if strings.Contains(string(out), s3test.Secret) {
		p.Errorf("the secret is shown:\n%s", out)
	}
	return string(out)
}

// killed runs the job and kills it after so many files. It reports whether it
// was killed; otherwise it came to its end.
func (p *placeTest) killed(files int) bool {
	p.Helper()
	cmd := p.collect()
	var stderr bytes.Buffer
	out := &output{text: new(bytes.Buffer), changed: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = out, &stderr
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				p.Fatalf("%v\n%s", err, &stderr)
			}
			return false
		case <-out.changed:
			if out.lines.Load() < int64(files) {
				continue
			}
		}
		cmd.Process.Kill()
		return <-ended != nil
	}
}

// files returns what the job has recorded.
func (p *placeTest) files() []store.File {
	p.Helper()
	list, err := recorded(p.dir)
	if err != nil {
		p.Fatal(err)
	}
	return list
}

// download makes a directory of what is in the bucket under a prefix.
func (p *placeTest) download(prefix string) string {
	p.Helper()
	dir := p.TempDir()
	for k, o := range p.srv.Objects() {
		name, ok := strings.CutPrefix(k, prefix)
		if !ok {
			continue
		}
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			p.Fatal(err)
		}
		write(p.T, name, string(o.Body))
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestBucket collects into a bucket, whose server is in trouble now and then,
// and kills the program again and again.
func TestBucket(t *testing.T) {
	t.Parallel()
	program := buildTrawl(t)
	t.Run("killed", func(t *testing.T) { bucketKilled(newPlaceTest(t, program)) })
	t.Run("hash", func(t *testing.T) { hashKilled(newPlaceTest(t, program), false) })
	t.Run("hash in a bucket", func(t *testing.T) { hashKilled(newPlaceTest(t, program), true) })
	t.Run("shards", func(t *testing.T) { wdsKilled(newPlaceTest(t, program), false) })
	t.Run("shards in a bucket", func(t *testing.T) { wdsKilled(newPlaceTest(t, program), true) })
	t.Run("refused", func(t *testing.T) { bucketRefused(newPlaceTest(t, program)) })
	t.Run("held", func(t *testing.T) { bucketHeld(newPlaceTest(t, program)) })
}

func bucketKilled(p *placeTest) {
	p.to = []string{"-d", "s3://pictures/表情/doutula", "--job-dir", p.dir}
	p.srv.Inject(func(c s3test.Call) s3test.Fault {
		if c.Op != "put" {
			return s3test.None
		}
		switch rand.IntN(40) { // not p.rand: calls come from several goroutines
		case 0:
			return s3test.Broken
		case 1:
			return s3test.Cut
		case 2:
			return s3test.Lost
		case 3:
			return s3test.Truncated
		case 4:
			return s3test.WrongTag
		}
		return s3test.None
	})
	const prefix = "表情/doutula/"
	kills := 0
	for kills < 12 && p.killed(1+p.rand.IntN(25)) {
		kills++
		// What is recorded is there; more may be.
		for _, f := range p.files() {
			if o := p.srv.Objects()[prefix+f.Path]; fmt.Sprintf("%x", f.SHA256) != o.Meta["Sha256"] || int64(len(o.Body)) != f.Size {
				p.Errorf("after kill %d: %s is recorded, and the object has %d of %d bytes", kills, f.Path, len(o.Body), f.Size)
			}
		}
		if p.Failed() {
			return
		}
	}
	p.srv.Inject(nil)
	p.run(0, p.collect())
	list := p.files()
	if err := checkDir(p.site, p.download(prefix), list, nil); err != nil {
		p.Errorf("after %d kills: %v", kills, err)
	}
	for _, k := range p.srv.Keys() {
		if n := len(p.srv.Contents(k)); n > 2 { // one, and half of it where that was injected
			p.Errorf("%s had %d contents", k, n)
		}
	}
	p.Logf("%d kills, %d files, %d uploads", kills, len(list), len(p.srv.Calls("put")))
	if out := p.run(0, p.command("status", p.dir)); !strings.Contains(out, "s3://pictures/表情/doutula") {
		p.Errorf("status does not say where the files are:\n%s", out)
	}
	p.verify(list, func(f store.File) string { return prefix + f.Path })
}

// verify damages an object and takes another away, and has the program find
// that and mend it.
func (p *placeTest) verify(list []store.File, key func(store.File) string) {
	p.Helper()
	p.run(0, p.command("verify", p.dir))
	first, last := list[0], list[len(list)-1]
	p.srv.Put(key(first), []byte("damaged"))
	p.srv.Put(key(last), nil)
	out := p.run(exitBody, p.command("verify", p.dir, "--redo"))
	if !strings.Contains(out, "changed  "+first.Path) || !strings.Contains(out, "missing  "+last.Path) {
		p.Errorf("verify:\n%s", out)
	}
	args := []string{"retry", p.dir, "-n"}
	for _, c := range p.site.ConnectTo() {
		args = append(args, "--connect-to", c)
	}
	p.run(0, p.command(args...))
	p.run(0, p.command("verify", p.dir))
}

// hashKilled collects under hashes and kills the program again and again.
func hashKilled(p *placeTest, bucket bool) {
	where, key := func() string { return p.dir }, func(f store.File) string { return hashName(f) }
	p.to = []string{"-d", p.dir, "--layout", "hash"}
	if bucket {
		p.to = []string{"-d", "s3://pictures/hash", "--job-dir", p.dir, "--layout", "hash"}
		where = func() string { return p.download("hash/") }
		key = func(f store.File) string { return "hash/" + hashName(f) }
	}
	check := func(dir string, others ...string) {
		p.Helper()
		list := p.files()
		for i, f := range list {
			list[i].Path = hashName(f)
		}
		if err := checkDir(p.site, dir, list, others); err != nil {
			p.Error(err)
		}
	}
	kills := 0
	for kills < 8 && p.killed(1+p.rand.IntN(40)) {
		kills++
		for _, f := range p.files() {
			data, err := os.ReadFile(filepath.Join(where(), hashName(f)))
			if err != nil || sha256.Sum256(data) != f.SHA256 {
				p.Fatalf("after kill %d: %s is recorded, and has %d of %d bytes, %v", kills, f.Path, len(data), f.Size, err)
			}
			if bucket {
				break // it is downloaded for each
			}
		}
	}
	p.run(0, p.collect())
	check(where(), "files.jsonl")
	lines, err := os.ReadFile(filepath.Join(p.dir, "files.jsonl"))
	if n := len(p.files()); err != nil || bytes.Count(lines, []byte("\n")) != n || !bytes.Contains(lines, []byte(`"at":"`+hashName(p.files()[0]))) {
		p.Errorf("files.jsonl is not the list of %d files, %v:\n%s", n, err, lines)
	}
	p.to = append(p.to[:len(p.to)-1], "names")
	if out := p.run(exitUsage, p.collect()); !strings.Contains(out, "go to the layout hash, not to the layout names") {
		p.Errorf("another layout:\n%s", out)
	}
	if bucket {
		p.verify(p.files(), key)
		return
	}
	p.run(0, p.command("verify", "--decode", p.dir))
}

// wdsKilled collects into shards and kills the program again and again.
func wdsKilled(p *placeTest, bucket bool) {
	p.to = []string{"-d", p.dir, "--layout", "wds", "--shard-size", "30k"}
	if bucket {
		p.to = []string{"-d", "s3://pictures/wds", "--job-dir", p.dir, "--layout", "wds", "--shard-size", "30k"}
		p.srv.Inject(func(c s3test.Call) s3test.Fault {
			if c.Op == "put" && rand.IntN(4) == 0 {
				return s3test.Lost
			}
			return s3test.None
		})
	}
	kills := 0
	for kills < 10 && p.killed(1+p.rand.IntN(40)) {
		kills++
		// What is recorded is in a shard, in its place or on the way there.
		if out := p.run(0, p.command("verify", p.dir)); !strings.Contains(out, "all as recorded") {
			p.Fatalf("after kill %d:\n%s", kills, out)
		}
	}
	p.srv.Inject(nil)
	p.run(0, p.collect())
	dir := p.dir
	if bucket {
		dir = p.download("wds/")
	}
	shards := checkShards(p.T, p.site, dir, p.files())
	p.Logf("%d kills, %d shards, %d files", kills, shards, len(p.files()))
	if left, err := filepath.Glob(filepath.Join(p.dir, ".trawl/shards/*/*")); err != nil || len(left) > 0 {
		p.Errorf("left: %v, %v", left, err)
	}
	if bucket {
		return
	}
	// One shard is lost, and another damaged.
	names, err := filepath.Glob(filepath.Join(dir, "shard-*.tar"))
	if err != nil || len(names) < 3 {
		p.Fatalf("shards: %v, %v", names, err)
	}
	if err := os.Remove(names[0]); err != nil {
		p.Fatal(err)
	}
	data, err := os.ReadFile(names[1])
	if err != nil {
		p.Fatal(err)
	}
	write(p.T, names[1], strings.Replace(string(data), string(data[512:600]), strings.Repeat("x", 88), 1))
	out := p.run(exitBody, p.command("verify", p.dir, "--redo"))
	if strings.Count(out, "changed ") != 1 || strings.Count(out, "missing ") < 2 {
		p.Errorf("verify:\n%s", out)
	}
	args := []string{"retry", p.dir, "-n"}
	for _, c := range p.site.ConnectTo() {
		args = append(args, "--connect-to", c)
	}
	p.run(0, p.command(args...))
	checkShards(p.T, p.site, dir, p.files())
	if out := p.run(exitUsage, p.command(append(p.collect().Args[1:], "--update")...)); !strings.Contains(out, "--update: shards") {
		p.Errorf("--update:\n%s", out)
	}
}

// checkShards checks that the shards in a directory hold the files, each once,
// with the bytes that the site has, and nothing else. It returns how many there
// are.
func checkShards(t *testing.T, site *replica.Server, dir string, files []store.File) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "shard-*.tar"))
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]store.File)
	for _, f := range files {
		want[f.Key.String()] = f
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		tr := tar.NewReader(bytes.NewReader(data))
		for {
			h, err := tr.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", n, err)
			}
			key, ext, _ := strings.Cut(h.Name, ".")
			if ext == "json" {
				continue
			}
			body, err := io.ReadAll(tr)
			f, ok := want[key]
			delete(want, key)
			picture, _, _ := site.Picture(f.URL)
			if err != nil || !ok || !bytes.Equal(body, picture) {
				t.Errorf("%s: %s, %v, is not recorded, there twice, or not the picture of the site", n, h.Name, err)
			}
		}
	}
	for _, f := range want {
		t.Errorf("%s is recorded and in no shard", f.Path)
	}
	return len(names)
}

// sharedShards is a job of several processes that write shards into one
// directory; some are killed.
func sharedShards(s *sharedTest) {
	args := []string{"--layout", "wds", "--shard-size", "30k"}
	run, _ := s.start(append([]string{"run", s.spider, "-d", s.dir, "--held", "0"}, args...)...)
	s.requests(5)
	worker := append([]string{"worker", "--job", s.spider, "-d", filepath.Dir(s.dir)}, args...)
	s.start(worker...)
	for i := range 3 {
		s.requests(20)
		victim := s.running[i]
		if err := victim.Process.Kill(); err != nil {
			s.Fatal(err)
		}
		_ = victim.Wait() // killed
		s.start(worker...)
	}
	_ = run
	last, out := s.start(append([]string{"run", s.spider, "-d", s.dir}, args...)...)
	s.wait(last, out)
	for _, cmd := range s.running[3 : len(s.running)-1] {
		s.wait(cmd, out)
	}
	// What the dead have left is mended by the next one.
	last, out = s.start(append([]string{"run", s.spider, "-d", s.dir}, args...)...)
	s.wait(last, out)
	list, _ := s.recorded()
	n := checkShards(s.T, s.site, s.dir, list)
	s.Logf("%d shards, %d files", n, len(list))
	if len(list) < len(s.site.Expected().Stickers)*9/10 {
		s.Errorf("%d files", len(list))
	}
}

// hashName is where the content of a file is in the layout of hashes.
func hashName(f store.File) string {
	sum := fmt.Sprintf("%x", f.SHA256)
	return sum[:2] + "/" + sum + save.Ext(f.Type)
}

// bucketRefused runs into what a user gets wrong.
func bucketRefused(p *placeTest) {
	for _, tt := range []struct {
		name   string
		to     []string
		fault  s3test.Fault
		status int
		want   string
	}{
		{"no bucket", []string{"-d", "s3://nowhere/x"}, s3test.None, exitDisk, "create the bucket first"},
		{"no address", []string{"-d", "s3://X"}, s3test.None, exitUsage, "must be s3://BUCKET"},
		{"job-dir alone", nil, s3test.None, exitUsage, "--job-dir is for files that go to a bucket"},
		{"link", []string{"-d", "s3://pictures/x", "--dedupe", "link"}, s3test.None, exitUsage, "link"},
		{"may not", []string{"-d", "s3://pictures/x"}, s3test.Denied, exitDisk, "AWS_ACCESS_KEY_ID"},
		{"full later", []string{"-d", "s3://pictures/full"}, s3test.Full, exitDisk, "make room there"},
	} {
		p.to = append(tt.to, "--job-dir", filepath.Join(p.dir, tt.name))
		later := strings.HasSuffix(tt.name, "later")
		p.srv.Inject(func(c s3test.Call) s3test.Fault {
			if later && !strings.HasSuffix(c.Key, ".gif") && !strings.HasSuffix(c.Key, ".jpg") {
				return s3test.None
			}
			return tt.fault
		})
		if out := p.run(tt.status, p.collect()); !strings.Contains(out, tt.want) {
			p.Errorf("%s: want %q in\n%s", tt.name, tt.want, out)
		}
	}
	// The place of another job, and another place for this one.
	p.srv.Inject(nil)
	p.to = []string{"-d", "s3://pictures/one", "--job-dir", filepath.Join(p.dir, "one")}
	p.run(0, p.collect())
	p.to = []string{"-d", "s3://pictures/one", "--job-dir", filepath.Join(p.dir, "two")}
	if out := p.run(exitDisk, p.collect()); !strings.Contains(out, "the files of another job are there: doutula") {
		p.Errorf("the place of another job:\n%s", out)
	}
	p.to = []string{"-d", "s3://pictures/two", "--job-dir", filepath.Join(p.dir, "one")}
	if out := p.run(exitUsage, p.collect()); !strings.Contains(out, "go to s3://pictures/one, not to s3://pictures/two") {
		p.Errorf("another place:\n%s", out)
	}
	p.to = []string{"-d", filepath.Join(p.dir, "one")} // as the job says
	p.run(0, p.collect())
}

// bucketHeld has placeholders put aside, and brought back.
func bucketHeld(p *placeTest) {
	same := func(r *replica.Rules) { r.Faults = []replica.Fault{{Kind: replica.Placeholder}} }
	for _, s := range p.site.Expected().Stickers[:1] {
		host := strings.SplitN(strings.TrimPrefix(strings.TrimPrefix(s.Original, "https://"), "http://"), "/", 2)[0]
		p.site.Change(host, same)
	}
	p.to = []string{"-d", "s3://pictures/held", "--job-dir", p.dir, "--held", "3"}
	out := p.run(exitBody, p.collect())
	var held, kept int
	for _, k := range p.srv.Keys() {
		if strings.HasPrefix(k, "held/.trawl/held/") {
			held++
		} else {
			kept++
		}
	}
	if held < 3 || kept != len(p.files()) {
		p.Fatalf("%d objects are held, and %d beside them for %d files\n%s", held, kept, len(p.files()), out)
	}
	p.run(0, p.command("retry", p.dir, "--accept-held"))
	if n := len(p.srv.Keys()); n != held+kept || n != len(p.files()) {
		p.Errorf("%d objects for %d files, want %d", n, len(p.files()), held+kept)
	}
	p.run(0, p.command("verify", p.dir))
}

// sharedBucket is a job in a database whose files go to a bucket: a run and a
// worker that is told no more than the database, and one that is killed.
func sharedBucket(s *sharedTest) {
	srv := s3test.New(s.T, "pictures")
	for k, v := range srv.Env() {
		s.env = append(s.env, k+"="+v)
	}
	run, out := s.start("run", s.spider, "-d", "s3://pictures/jobs/"+s.spider, "--job-dir", s.dir)
	s.requests(3)
	victim, _ := s.start("worker", "--job", s.spider, "-d", "s3://pictures/jobs", "--job-dir", s.TempDir())
	s.requests(10)
	if err := victim.Process.Kill(); err != nil {
		s.Fatal(err)
	}
	_ = victim.Wait() // killed
	worker, wout := s.start("worker", "--job", s.spider, "-d", s.TempDir())
	s.wait(run, out)
	s.wait(worker, wout)
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	st, err := postgres.Open(ctx, s.db.URL("postgres"), &postgres.Options{Job: s.spider, Existing: true})
	if err != nil {
		s.Fatal(err)
	}
	defer st.Close()
	var list []store.File
	for f, err := range st.Files(ctx) {
		if err != nil {
			s.Fatal(err)
		}
		list = append(list, f)
	}
	p := &placeTest{T: s.T, program: s.program, srv: srv}
	if err := checkDir(s.site, p.download("jobs/"+s.spider+"/"), list, []string{"top250.jsonl", "top250.csv"}); err != nil {
		s.Error(err)
	}
	lines := bytes.Count(srv.Objects()["jobs/"+s.spider+"/top250.jsonl"].Body, []byte("\n"))
	if n := len(s.site.Expected().Films); len(list) != n || lines != n {
		s.Errorf("%d files and %d records, want %d\n%s", len(list), lines, n, out)
	}
	p.run(0, p.command("verify", "--store", s.db.URL("postgres")))
}
