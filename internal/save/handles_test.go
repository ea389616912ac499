package save_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/trawl-go/trawl/internal/save"
)

// put saves a file of its own content under a path.
func put(t *testing.T, d *save.Dir, path string) {
	t.Helper()
	body := []byte("\x01 " + path)
	tmp, err := d.Write(context.Background(), bytes.NewReader(body), save.Want{Length: int64(len(body)), Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := tmp.Rename(path); err != nil {
		t.Fatalf("Rename(%q) = %v", path, err)
	}
}

// A directory that goes away while files are saved into it is made again, at
// once if it was removed, and after Sync if it was moved.
func TestDirectoryGoesAway(t *testing.T) {
	d, dir := open(t, nil)
	put(t, d, "a/1.bin")
	put(t, d, "a/2.bin") // into a directory that is open
	if err := os.RemoveAll(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	put(t, d, "a/3.bin")
	put(t, d, "b/1.bin")
	put(t, d, "b/2.bin")
	if err := d.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	put(t, d, "b/3.bin")
	for _, p := range []string{"a/3.bin", "moved/1.bin", "moved/2.bin", "b/3.bin"} {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "moved/3.bin")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file went to the directory that was moved: %v", err)
	}
}

// More directories at a time than are kept open.
func TestManyDirectories(t *testing.T) {
	d, dir := open(t, &save.Options{NoSync: true})
	for round := range 2 {
		for i := range 150 {
			put(t, d, fmt.Sprintf("%d/%d.bin", i, round))
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.bin"))
	if err != nil || len(files) != 300 {
		t.Errorf("%d files, %v, want 300", len(files), err)
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil && len(open) > 100 {
		t.Errorf("%d files are open, want no more than some for 64 directories", len(open))
	}
}
