package save_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/save/savetest"
)

func TestHashedIsFiles(t *testing.T) {
	savetest.Run(t, func(t *testing.T) savetest.Kind {
		dir := t.TempDir()
		return savetest.Kind{Keeps: true, Open: func(t *testing.T) save.Files { return openHashed(t, dir) }}
	})
}

func openHashed(t *testing.T, dir string) save.Files {
	t.Helper()
	d, err := save.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return save.ByHash(d)
}

// TestHashed keeps equal contents once, whatever their names, and puts one that
// is damaged right when it comes again.
func TestHashed(t *testing.T) {
	dir := t.TempDir()
	files := openHashed(t, dir)
	defer files.Close()
	put := func(path, body string) {
		t.Helper()
		tmp, err := files.Write(t.Context(), strings.NewReader(body), save.Want{Length: -1, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		f := save.File{Path: path, Size: tmp.Size, SHA256: tmp.SHA256, Type: tmp.Type}
		if err := files.Place(t.Context(), tmp, f); err != nil {
			t.Fatal(err)
		}
	}
	put("a/一.json", "same")
	put("b.dat", "same")
	put("c", "other")
	const same = "09/0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5.txt"
	const other = "d9/d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa.txt"
	if diff := cmp.Diff([]string{same, other}, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(dir+"/"+same, []byte("sane"), 0o666); err != nil {
		t.Fatal(err)
	}
	put("d", "same")
	if data, err := os.ReadFile(dir + "/" + same); string(data) != "same" || err != nil {
		t.Errorf("the content is %q, %v", data, err)
	}
}

// tree returns the paths of the files below a directory, without .trawl.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(p, ".trawl/") {
			paths = append(paths, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
