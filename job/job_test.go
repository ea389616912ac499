package job_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/replica"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/job"
	"github.com/trawl-go/trawl/spiders"
)

// site starts a replica and returns it with the options that lead there.
func site(t *testing.T, o *replica.Options) (*replica.Server, *job.Options) {
	t.Helper()
	s := replica.New(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	opt := &job.Options{HTTP: job.HTTP{ConnectTo: make(map[string]string)}}
	for _, c := range s.ConnectTo() {
		host, addr, _ := strings.Cut(c, "=")
		opt.HTTP.ConnectTo[host] = addr
	}
	opt.Crawl.RetryWait = time.Millisecond
	return s, opt
}

// plan returns the plan of a built-in spider.
func plan(t *testing.T, name string, args map[string]string) job.Plan {
	t.Helper()
	src, ok := spiders.Source(name)
	if !ok {
		t.Fatalf("no spider %s", name)
	}
	s, err := spider.Load(name+".star", src, &spider.Options{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return job.Plan{Name: name, Args: args, Spiders: []trawl.Spider{s}}
}

// run runs a plan to its end.
func run(t *testing.T, dir string, p job.Plan, opt *job.Options) *crawl.Summary {
	t.Helper()
	sum, err := runErr(t.Context(), dir, p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func runErr(ctx context.Context, dir string, p job.Plan, opt *job.Options) (*crawl.Summary, error) {
	j, err := job.Open(ctx, dir, p, opt)
	if err != nil {
		return nil, err
	}
	sum, err := j.Run(ctx)
	return sum, errors.Join(err, j.Close())
}

// lines returns the objects of a JSONL file.
func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		var m map[string]any
		if err := json.Unmarshal(sc.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v in %s", path, err, sc.Text())
		}
		out = append(out, m)
	}
	return out
}

// sameBytes checks that a file holds the picture under a URL of the replica.
func sameBytes(t *testing.T, s *replica.Server, path, url string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	want, _, ok := s.Picture(url)
	if !ok {
		t.Errorf("the replica has no picture %s", url)
	}
	if sha256.Sum256(got) != sha256.Sum256(want) {
		t.Errorf("%s is not the picture under %s", path, url)
	}
}

func TestDouban(t *testing.T) {
	s, opt := site(t, nil)
	dir := t.TempDir()
	sum := run(t, dir, plan(t, "douban", nil), opt)
	if sum.Pages.Done != 10 || sum.Files.Done != 250 || sum.Items != 250 || len(sum.Failed) > 0 || sum.Left() != 0 {
		t.Errorf("summary = %+v", sum)
	}
	films := s.Expected().Films
	got := lines(t, filepath.Join(dir, "top250.jsonl"))
	if len(got) != len(films) {
		t.Fatalf("%d records, want %d", len(got), len(films))
	}
	for i, f := range films {
		m := got[i] // ordered by rank
		quote, _ := m["quote"].(string)
		if m["rank"] != float64(f.Rank) || m["title"] != f.Title || m["rating"] != f.Rating ||
			m["votes"] != float64(f.Votes) || quote != f.Quote || m["link"] != f.Link {
			t.Errorf("record %d = %v, want %+v", i, m, f)
		}
		poster, _ := m["poster"].(string)
		sameBytes(t, s, filepath.Join(dir, poster), f.Poster)
	}
	csv, err := os.ReadFile(filepath.Join(dir, "top250.csv"))
	if err != nil || !bytes.HasPrefix(csv, []byte("rank,title,rating,votes,quote,link,poster\n1,")) {
		t.Errorf("top250.csv begins %.80q, %v", csv, err)
	}

	// The same again asks for nothing.
	n := s.Log().Len()
	sum = run(t, dir, plan(t, "douban", nil), opt)
	if got := s.Log().Len(); got != n {
		t.Errorf("a second run made %d requests, want none", got-n)
	}
	if sum.Pages.Already != 10 || sum.Files.Already != 250 || sum.Items != 0 || sum.ItemsTotal != 250 {
		t.Errorf("summary of the second run = %+v", sum)
	}
	if again := lines(t, filepath.Join(dir, "top250.jsonl")); len(again) != 250 {
		t.Errorf("%d records after the second run, want 250", len(again))
	}
}

func TestDoutula(t *testing.T) {
	s, opt := site(t, nil)
	s.Change("*.sinaimg.cn", func(r *replica.Rules) { r.Referer = replica.RefererNoForeign })
	dir := t.TempDir()
	sum := run(t, dir, plan(t, "doutula", map[string]string{"pages": "2"}), opt)
	var want []replica.Sticker
	for _, st := range s.Expected().Stickers {
		if st.Page <= 2 {
			want = append(want, st)
		}
	}
	if sum.Pages.Done != 2 || int(sum.Files.Done) != len(want) || len(sum.Failed) > 0 {
		t.Errorf("summary = %+v, want %d files", sum, len(want))
	}
	names, err := os.ReadDir(filepath.Join(dir, "imgs"))
	if err != nil || len(names) != len(want) {
		t.Errorf("%d files in imgs, want %d (%v)", len(names), len(want), err)
	}
	for _, n := range names {
		if strings.Contains(n.Name(), "!") || strings.HasSuffix(n.Name(), ".null") {
			t.Errorf("file %q keeps what is no extension", n.Name())
		}
	}
}

func TestMzitu(t *testing.T) {
	s, opt := site(t, nil)
	s.Change("*.meizitu.net", func(r *replica.Rules) { r.Referer = replica.RefererGallery })
	saved := watchFiles(opt)
	dir := t.TempDir()
	sum := run(t, dir, plan(t, "mzitu", nil), opt)
	files := 0
	used := make(map[string]bool)
	for _, g := range s.Expected().Galleries {
		if g.List != 1 {
			continue
		}
		for i, p := range g.Pages {
			if p.Image == "" {
				continue
			}
			files++
			got := saved[p.Image]
			// Galleries of one title share a folder; the later names differ.
			want := path.Join(save.CleanName(g.Title), strconv.Itoa(i+1))
			if stem, _, _ := strings.Cut(got, "~"); strings.TrimSuffix(stem, ".jpg") != want {
				t.Errorf("picture %d of %q is in %q, want %s.jpg", i+1, g.Title, got, want)
			}
			if used[got] {
				t.Errorf("%s was used twice", got)
			}
			used[got] = true
			sameBytes(t, s, filepath.Join(dir, got), p.Image)
		}
	}
	if int(sum.Files.Done) != files || len(sum.Failed) > 0 {
		t.Errorf("summary = %+v, want %d files", sum, files)
	}
}

// watchFiles returns the paths of the files that will be saved, by URL. Read
// it after Run.
func watchFiles(opt *job.Options) map[string]string {
	saved := make(map[string]string)
	opt.Crawl.Events.File = func(f crawl.FileDone) { saved[f.URL] = f.Path }
	return saved
}
