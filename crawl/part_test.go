package crawl_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
)

// errPiece ends a body of a cutter.
var errPiece = errors.New("end of the piece")

// A cutter sends no more than a piece of a body, and then hangs up.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; err == nil && n < len(p) {
		err = errPiece
	}
	return n, err
}

// serveCut sends what is asked for of a file, piece by piece.
func serveCut(rw http.ResponseWriter, r *http.Request, file []byte, piece int) {
	rw.Header().Set("ETag", strconv.Quote(strconv.Itoa(len(file))))
	http.ServeContent(&cutter{rw, piece}, r, "", time.Time{}, bytes.NewReader(file))
}

// TestTriesThatGetOn has a large file arrive in pieces: tries that bring it
// on do not count, and small steps do.
func TestTriesThatGetOn(t *testing.T) {
	file := bytes.Repeat([]byte("0123456789abcdef"), 22<<20/16)
	for _, tt := range []struct {
		name    string
		piece   int
		retries int
		done    int64
		asked   int
	}{
		{"large pieces", 5 << 20, 1, 1, 5},
		{"small pieces", 3 << 20, 1, 0, 2},
		{"no retries", 5 << 20, -1, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/large.bin" {
					return false
				}
				serveCut(rw, r, file, tt.piece)
				return true
			}
			s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result { return files("large.bin") }}
			o := w.options()
			o.Crawl.Retries = tt.retries
			dir := t.TempDir()
			sum := w.mustRun(dir, s, o)
			if sum.Files.Done != tt.done || sum.Files.Failed != 1-tt.done || w.count("a.example.test/large.bin") != tt.asked {
				t.Errorf("files %+v after %d requests, want %d", sum.Files, w.count("a.example.test/large.bin"), tt.asked)
			}
			if tt.done == 0 {
				return
			}
			if got, err := os.ReadFile(filepath.Join(dir, "large.bin")); err != nil || !bytes.Equal(got, file) {
				t.Errorf("the file has %d bytes, %v, want %d", len(got), err, len(file))
			}
			if sum.Received < int64(len(file)) || sum.Received > int64(len(file))+1<<20 {
				t.Errorf("received %d bytes for a file of %d", sum.Received, len(file))
			}
		})
	}
}

// TestPartsOfBackups has a file's address and its backup cut in turn: both get
// on, and nothing is left at the end.
func TestPartsOfBackups(t *testing.T) {
	w := newWorld(t)
	file := bytes.Repeat([]byte("0123456789abcdef"), 400<<10/16)
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/main.bin":
			serveCut(rw, r, file, 100<<10)
		case "/backup.bin":
			serveCut(rw, r, bytes.ToUpper(file), 150<<10)
		default:
			return false
		}
		return true
	}
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		r := files("main.bin")
		r.Files[0].Backup = []string{"https://b.example.test/backup.bin"}
		return r
	}}
	dir := t.TempDir()
	if sum := w.mustRun(dir, s, w.options()); sum.Files.Done != 1 {
		t.Errorf("summary %+v", sum)
	}
	// The backup is whole after three tries of each.
	if got := read(t, filepath.Join(dir, "main.bin")); got != string(bytes.ToUpper(file)) {
		t.Errorf("the file has %d bytes, not those of the backup", len(got))
	}
	if a, b := w.count("a.example.test/main.bin"), w.count("b.example.test/backup.bin"); a != 3 || b != 3 {
		t.Errorf("asked %d and %d times, want 3 and 3", a, b)
	}
	if left, err := os.ReadDir(filepath.Join(dir, ".trawl", "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
