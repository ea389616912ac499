package archive_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/trawl-go/trawl/internal/archive"
)

func open(t *testing.T, file string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func has(t *testing.T, a *archive.Archive, u string) bool {
	t.Helper()
	ok, err := a.Has(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// foreign makes an archive as gallery-dl does, with entries that it made.
func foreign(t *testing.T, entries ...string) (file string, db *sql.DB) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "下载 100%.sqlite3")
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Dir(file))+"/%E4%B8%8B%E8%BD%BD 100%25.sqlite3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS archive (entry TEXT PRIMARY KEY) WITHOUT ROWID"); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := db.Exec("INSERT OR IGNORE INTO archive (entry) VALUES (?)", e); err != nil {
			t.Fatal(err)
		}
	}
	return file, db
}

// TestForeignEntries reads entries that gallery-dl 1.25.3 has written.
func TestForeignEntries(t *testing.T) {
	file, db := foreign(t,
		"directlink127.0.0.1:8000//top.jpg", "directlink127.0.0.1:8000/a b/c/x y.jpg",
		"generichttps://www.example.com/i.jpg?k=1", "danbooru12345")
	a := open(t, file)
	for _, tt := range []struct {
		url  string
		want bool
	}{
		{"http://127.0.0.1:8000/top.jpg", true},
		{"https://127.0.0.1:8000/top.JPG", true},
		{"http://127.0.0.1:8000/a%20b/c/x%20y.JPG", true},
		{"http://127.0.0.1:8000/a%20b/c/x%20y.JPG?k=1", false}, // may be another file
		{"http://127.0.0.1:8000/top.png", false},
		{"http://127.0.0.1:8000/top", false},
		{"https://www.example.com/i.jpg?k=1", true},
		{"https://www.example.com/i.jpg", false},
		{"12345", false},
	} {
		if got := has(t, a, tt.url); got != tt.want {
			t.Errorf("Has(%q) = %v, want %v", tt.url, got, tt.want)
		}
	}
	var mode string
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "delete" {
		t.Errorf("the journal mode is %s now (%v)", mode, err)
	}
}

func TestAdd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	a := open(t, file)
	const one, two = "https://www.example.com/思.jpg?a=%20", "https://www.example.com/2.jpg"
	if err := a.Add(t.Context(), []string{one, two, one}); err != nil {
		t.Fatal(err)
	}
	if err := a.Drop(t.Context(), []string{two}); err != nil {
		t.Fatal(err)
	}
	b := open(t, file)
	if !has(t, b, one) || has(t, b, two) {
		t.Errorf("Has = %v, %v, want true, false", has(t, b, one), has(t, b, two))
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var entry string
	if err := db.QueryRow("SELECT entry FROM archive").Scan(&entry); err != nil || entry != "generic"+one {
		t.Errorf("entry = %q, %v", entry, err)
	}
}

// TestShared has several archives over one file written at the same time.
func TestShared(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			a, err := archive.Open(t.Context(), file)
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Close()
			for i := range 10 {
				u := fmt.Sprintf("https://example.com/%d/%d.jpg", w, i)
				if err := a.Add(t.Context(), []string{u}); err != nil {
					t.Error(err)
				}
				if ok, err := a.Has(t.Context(), u); !ok || err != nil {
					t.Errorf("Has = %v, %v after Add", ok, err)
				}
			}
		})
	}
	wg.Wait()
	a := open(t, file)
	for w := range 4 {
		for i := range 10 {
			if u := fmt.Sprintf("https://example.com/%d/%d.jpg", w, i); !has(t, a, u) {
				t.Errorf("%s is missing", u)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is no database, however long it may be"), 0o666); err != nil {
		t.Fatal(err)
	}
	var ae *archive.Error
	for _, file := range []string{text, dir, filepath.Join(dir, "none", "a.db")} {
		if a, err := archive.Open(t.Context(), file); !errors.As(err, &ae) {
			t.Errorf("Open(%s) = %v, %v, want an *Error", file, a, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	a := open(t, filepath.Join(dir, "a.db"))
	cancel()
	if _, err := a.Has(ctx, "https://example.com/"); !errors.Is(err, context.Canceled) {
		t.Errorf("Has = %v, want context.Canceled", err)
	}
	if err := a.Add(ctx, []string{"https://example.com/"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Add = %v, want context.Canceled", err)
	}
}
