package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

func (a *app) verifyCommand() *cobra.Command {
	var (
		redo  bool
		quiet bool
	)
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Hash every file of a job again, and name what is missing or changed",
		Long: `Hash every file that the job in a directory has recorded, and name those that
are missing or changed. With --redo they wait again; run the job, or trawl
retry DIR, to fetch them.

Exit status: 0 all files are as recorded, 7 some are not.`,
		Args: exactly(1, "the directory of a job"),
		RunE: func(c *cobra.Command, pos []string) error {
			return a.verify(c.Context(), pos[0], redo, quiet)
		},
	}
	c.Flags().BoolVar(&redo, "redo", false, "let what is missing or changed be fetched again")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing if all is well")
	return c
}

func (a *app) verify(ctx context.Context, dir string, redo, quiet bool) error {
	st, _, err := openJob(ctx, dir)
	if err != nil {
		return err
	}
	defer st.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()

	var bad []trawl.Key
	var files, bytes int64
	progress := isTerminal(a.err) && !quiet
	buf := make([]byte, 1<<20)
	for f, err := range st.Files(ctx) {
		if err != nil {
			return err
		}
		what, err := checkFile(root, f, buf)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if what != "" {
			bad = append(bad, f.Key)
			fmt.Fprintf(a.out, "%-8s %s\n", what, printable(f.Path))
		}
		files++
		bytes += f.Size
		if progress && files%500 == 0 {
			fmt.Fprintf(a.err, "\r%s, %s", plural(files, "file"), size(bytes))
		}
	}
	if progress && files >= 500 {
		fmt.Fprint(a.err, "\r")
	}
	if !quiet || len(bad) > 0 {
		fmt.Fprintf(a.err, "%s, %s: %s\n", plural(files, "file"), size(bytes), verdict(len(bad)))
	}
	if len(bad) == 0 {
		return nil
	}
	a.status = exitBody
	if !redo {
		return nil
	}
	if err := st.Close(); err != nil {
		return err
	}
	return a.redo(ctx, dir, bad)
}

func verdict(bad int) string {
	if bad == 0 {
		return "all as recorded"
	}
	return plural(int64(bad), "file") + " missing or changed"
}

// checkFile returns "missing" or "changed", or "" if the file is as recorded.
func checkFile(root *os.Root, f store.File, buf []byte) (string, error) {
	r, err := root.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "missing", nil
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	if info, err := r.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() != f.Size {
		return "changed", err
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(onlyWriter{h}, r, buf); err != nil {
		return "", err
	}
	if [32]byte(h.Sum(nil)) != f.SHA256 {
		return "changed", nil
	}
	return "", nil
}

// onlyWriter hides what else a writer can do, so that the buffer is used.
type onlyWriter struct{ io.Writer }

func (a *app) redo(ctx context.Context, dir string, files []trawl.Key) (err error) {
	st, err := sqlite.Open(ctx, dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	n, err := st.Redo(ctx, time.Now(), files)
	if err == nil {
		fmt.Fprintf(a.err, "%s will be fetched again: trawl retry %s\n", plural(int64(n), "file"), dir)
	}
	return err
}
