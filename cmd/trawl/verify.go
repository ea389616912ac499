package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/decode"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/wds"
	"github.com/trawl-go/trawl/job"
	"github.com/trawl-go/trawl/thread"
)

func (a *app) verifyCommand() *cobra.Command {
	var (
		redo   bool
		pixels bool
		quiet  bool
		in     storeFlags
	)
	c := &cobra.Command{
		Use:   "verify DIR|--store postgres://HOST/DATABASE [DIR]",
		Short: "Hash every file of a job again, and name what is missing or changed",
		Long: `Hash every file that the job in a directory has recorded, and name those that
are missing or changed. With --redo they wait again; trawl retry DIR fetches
them.

With --decode every picture is decoded as well, and those that do not decode
are named: their bytes are as they came, but the site's picture is damaged, or
a trap. It happens in worker processes, which a picture can crash, hang or
swell without harm. Of JPEG, PNG, GIF, WebP, BMP and TIFF pictures that is;
others, and kinds that the decoders do not know, are counted and left alone.

With --store DIR is where the files of a job in a database are. For files in a
bucket none is needed; every one is downloaded for it.
` + storeHelp + `
Exit status: 0 all files are as recorded, 7 some are not.`,
		Args: in.dirOrStore(),
		RunE: func(c *cobra.Command, pos []string) error {
			v := verifier{app: a, in: &in, quiet: quiet, began: time.Now()}
			return v.run(c.Context(), first(pos), pixels, redo)
		},
	}
	in.add(c)
	c.Flags().BoolVar(&pixels, "decode", false, "decode every picture fully, in worker processes")
	c.Flags().BoolVar(&redo, "redo", false, "let what is named be fetched again")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing if all is well")
	return c
}

// A verifier looks at the files of a job, one after another, and hands
// pictures on to be decoded.
type verifier struct {
	*app
	in    *storeFlags
	read  job.Reader
	quiet bool

	together int // files that are looked at at a time

	began time.Time
	shown time.Time // the progress, last

	total           int64 // files there should be
	files, bytes    int64
	decoded, beyond int64
	changed, broken int64
	bad             []trawl.Key
}

func (v *verifier) run(ctx context.Context, dir string, pixels, redo bool) error {
	st, id, err := v.in.openJob(ctx, dir)
	if err != nil {
		return err
	}
	defer st.Close()
	stats, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	v.total = stats.Files.Done
	at, err := job.FilesOf(ctx, st)
	if err != nil {
		return err
	}
	if dir == "" && at.Bucket == "" {
		return usagef("verify needs the directory where the files are")
	}
	if where := cmp.Or(at.Bucket, "shards"); pixels && (at.Bucket != "" || at.Layout == job.InShards) {
		return usagef("--decode looks at files on this machine, and those of the job are in %s; give --decode when they are collected", where)
	}
	if v.read, err = job.OpenToRead(ctx, st, dir); err != nil {
		return err
	}
	defer v.read.Close()
	if v.together = runtime.NumCPU(); at.Bucket != "" {
		v.together = 32 // each waits for the network
	}
	if pixels {
		err = v.decode(ctx, dir, st)
	} else {
		for _, err = range v.whole(ctx, st) {
			if err != nil {
				break
			}
		}
	}
	v.clear()
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if !v.quiet || len(v.bad) > 0 {
		fmt.Fprintln(v.err, v.summary(pixels))
	}
	if len(v.bad) == 0 {
		return nil
	}
	v.status = exitBody
	if !redo {
		return nil
	}
	if err := st.Close(); err != nil {
		return err
	}
	return v.redo(ctx, dir, v.in.where(&job.Plan{Name: id.Name}, dir))
}

// whole gives the files that are as recorded, and names the others. It ends
// after an error.
func (v *verifier) whole(ctx context.Context, st store.Store) iter.Seq2[store.File, error] {
	return func(yield func(store.File, error) bool) {
		pool := thread.NewPool(ctx, &thread.PoolOptions{Workers: v.together, Name: "verify"})
		defer pool.Close(context.WithoutCancel(ctx)) // it cannot fail: nothing is under way
		check, err := v.checker(ctx)
		if err != nil {
			yield(store.File{}, err)
			return
		}
		for files, err := range batches(st.Files(ctx), 4*v.together) {
			if err != nil {
				yield(store.File{}, err)
				return
			}
			i := 0
			for what, err := range thread.Map(ctx, pool, files, check) {
				if err != nil {
					yield(store.File{}, err)
					return
				}
				f := files[i]
				i++
				v.files++
				v.bytes += f.Size
				if what != "" {
					v.changed++
					v.name(f.Key, what, f.Path)
				} else if !yield(f, nil) {
					return
				}
				v.progress()
			}
		}
	}
}

// checker returns what looks at one file; see checkFile. Shards are read now, all
// of them.
func (v *verifier) checker(ctx context.Context) (func(context.Context, store.File) (string, error), error) {
	r, ok := v.read.(*wds.Reader)
	if !ok {
		return func(ctx context.Context, f store.File) (string, error) { return checkFile(ctx, v.read, f) }, nil
	}
	what, err := r.Check(ctx, func(size int64) {
		v.files++
		v.bytes += size
		v.progress()
	})
	v.files, v.bytes = 0, 0
	return func(_ context.Context, f store.File) (string, error) { return what(crawl.Saved(&f)), nil }, err
}

// batches gives the elements of a sequence n at a time, and ends after an error.
func batches[T any](seq iter.Seq2[T, error], n int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		batch := make([]T, 0, n)
		for e, err := range seq {
			if err != nil {
				yield(nil, err)
				return
			}
			if batch = append(batch, e); len(batch) == n {
				if !yield(batch, nil) {
					return
				}
				batch = batch[:0]
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}

// decode decodes the pictures among the files that are as recorded.
func (v *verifier) decode(ctx context.Context, dir string, st store.Store) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	d := decode.New(nil)
	defer d.Close()
	keys := make(map[string][]trawl.Key) // of the pictures under way, by where they are
	var hashing error
	pictures := func(yield func(decode.Picture) bool) {
		for f, err := range v.whole(ctx, st) {
			if err != nil {
				hashing = err
				return
			}
			if !strings.HasPrefix(f.Type, "image/") {
				continue
			}
			if !decode.Decodes(f.Type) {
				v.beyond++
				continue
			}
			at := v.at(f)
			keys[at] = append(keys[at], f.Key)
			if !yield(decode.Picture{Dir: dir, Path: at, Type: f.Type}) {
				return
			}
		}
	}
	for r, err := range d.All(ctx, pictures) {
		switch {
		case err != nil:
			return err
		case r.Err != nil:
			v.broken++
			v.name(keys[r.Path][0], "broken", fmt.Sprintf("%s  (%v)", r.Path, r.Err))
		case r.Beyond != "":
			v.beyond++
		default:
			v.decoded++
		}
		if keys[r.Path] = keys[r.Path][1:]; len(keys[r.Path]) == 0 {
			delete(keys, r.Path)
		}
		v.progress()
	}
	return hashing
}

// at returns where a file is.
func (v *verifier) at(f store.File) string {
	if n, ok := v.read.(save.Namer); ok {
		return n.NameOf(crawl.Saved(&f))
	}
	return f.Path
}

// name prints a file that is not as it should be.
func (v *verifier) name(key trawl.Key, what, text string) {
	v.bad = append(v.bad, key)
	v.clear()
	fmt.Fprintf(v.out, "%-8s %s\n", what, printable(text))
}

// progress shows how far it is, on a terminal and a few times a second.
func (v *verifier) progress() {
	if v.quiet || time.Since(v.shown) < refresh || time.Since(v.began) < refresh || !isTerminal(v.err) {
		return
	}
	v.shown = time.Now()
	line := fmt.Sprintf("%s of %s, %s", thousands(v.files), plural(v.total, "file"), size(v.bytes))
	if v.decoded > 0 {
		line += ", " + v.pictures()
	}
	fmt.Fprintf(v.err, "\r%s\x1b[K", line)
}

// clear takes the progress away.
func (v *verifier) clear() {
	if !v.shown.IsZero() {
		fmt.Fprint(v.err, "\r\x1b[K")
		v.shown = time.Time{}
	}
}

// pictures tells how many were decoded, and how fast.
func (v *verifier) pictures() string {
	speed := float64(v.decoded) / time.Since(v.began).Seconds()
	return fmt.Sprintf("%s decoded (%.0f/s)", plural(v.decoded, "picture"), speed)
}

func (v *verifier) summary(pixels bool) string {
	line := fmt.Sprintf("%s, %s", plural(v.files, "file"), size(v.bytes))
	if pixels {
		line += ", " + v.pictures()
	}
	if v.beyond > 0 {
		line += fmt.Sprintf(", %s not decoded: of kinds that the decoders do not know", thousands(v.beyond))
	}
	var bad []string
	if v.changed > 0 {
		bad = append(bad, plural(v.changed, "file")+" missing or changed")
	}
	switch {
	case v.broken == 1:
		bad = append(bad, "1 picture does not decode")
	case v.broken > 1:
		bad = append(bad, plural(v.broken, "picture")+" do not decode")
	}
	if bad == nil {
		bad = append(bad, "all as recorded")
	}
	return line + ": " + strings.Join(bad, ", ")
}

// checkFile returns "missing" or "changed", or "" if the file is as recorded.
func checkFile(ctx context.Context, files job.Reader, f store.File) (string, error) {
	r, err := files.Open(ctx, crawl.Saved(&f))
	if errors.Is(err, fs.ErrNotExist) {
		return "missing", nil
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(onlyWriter{h}, r, make([]byte, min(1<<20, f.Size+1))); err != nil {
		return "", err
	}
	if [32]byte(h.Sum(nil)) != f.SHA256 {
		return "changed", nil
	}
	return "", nil
}

// onlyWriter hides what else a writer can do, so that the buffer is used.
type onlyWriter struct{ io.Writer }

// redo has what is bad wait again.
func (v *verifier) redo(ctx context.Context, dir, where string) (err error) {
	st, err := v.in.openForChange(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := job.Purge(ctx, st, dir, v.bad); err != nil {
		return err
	}
	n, err := st.Redo(ctx, time.Now(), v.bad)
	if err == nil {
		fmt.Fprintf(v.err, "%s will be fetched again: trawl retry %s\n", plural(int64(n), "file"), where)
	}
	return err
}
