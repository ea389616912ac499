package save

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// Keep puts a copy aside that is not changed with the file, by a link or, where
// there are none, by its bytes; Unhold brings it back.
func TestKeep(t *testing.T) {
	for _, links := range []bool{true, false} {
		dir := t.TempDir()
		d, err := Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		write := func(name, text string) {
			t.Helper()
			p := filepath.Join(dir, name)
			if err := os.WriteFile(p+".new", []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(p+".new", p); err != nil {
				t.Fatal(err)
			}
		}
		ctx := context.Background()
		f := File{Path: "a.jpg", Size: 3, SHA256: sha256.Sum256([]byte("old"))}
		if err := d.Keep(ctx, f, "k"); err != nil {
			t.Errorf("Keep() of nothing = %v", err)
		}
		for _, text := range []string{"older", "old"} {
			write("a.jpg", text)
			if err := d.Keep(ctx, f, "k"); err != nil {
				t.Fatal(err)
			}
		}
		if !links {
			if err := d.DropHeld(ctx, "k"); err != nil {
				t.Fatal(err)
			}
			if err := d.copy("a.jpg", filepath.FromSlash(heldDir+"/k")); err != nil {
				t.Fatal(err)
			}
		}
		write("a.jpg", "new")
		if ok, err := d.Unhold(ctx, "k", f); !ok || err != nil {
			t.Errorf("Unhold() = %v, %v", ok, err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "a.jpg")); string(data) != "old" {
			t.Errorf("a.jpg holds %q, %v, want old", data, err)
		}
		if names, err := d.Held(ctx); len(names) != 0 || err != nil {
			t.Errorf("Held() = %v, %v, want none", names, err)
		}
	}
}
