package wds

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
)

// A Meta is what KEY.json says of a sample.
type Meta struct {
	Key    string `json:"key"`
	URL    string `json:"url"`
	Path   string `json:"path"` // the name that the spider gave
	Size   int64  `json:"size"` // in bytes
	SHA256 string `json:"sha256"`
	Type   string `json:"type"`
}

const (
	block   = 512
	trailer = 2 * block // zeros that end an archive
)

// extOf returns what follows the key in the name of a file's member. It is not
// "json", as that is the other member.
func extOf(f save.File) string {
	ext := save.Ext(f.Type)
	if ext == "" {
		ext = strings.ToLower(path.Ext(f.Path))
	}
	ext = strings.TrimPrefix(ext, ".")
	switch {
	case ext == "json":
		return "file.json"
	case ext == "" || len(ext) > 16 || strings.Trim(ext, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "":
		return "bin"
	}
	return ext
}

// write writes a sample to w: the members, each filled up to a block.
func write(w io.Writer, f save.File, body io.Reader) error {
	meta, err := json.Marshal(Meta{
		Key: f.Key.String(), URL: f.URL, Path: f.Path, Size: f.Size, SHA256: hex.EncodeToString(f.SHA256[:]), Type: f.Type,
	})
	if err != nil {
		return err // Unreachable: strings and a number.
	}
	tw := tar.NewWriter(w)
	for _, m := range []struct {
		name string
		size int64
		body io.Reader
	}{{f.Key.String() + "." + extOf(f), f.Size, body}, {f.Key.String() + ".json", int64(len(meta)), bytes.NewReader(meta)}} {
		err := tw.WriteHeader(&tar.Header{Name: m.name, Size: m.size, Mode: 0o644, ModTime: time.Now().Truncate(time.Second)})
		if err != nil {
			return err
		}
		if _, err := io.Copy(tw, m.body); err != nil {
			return err
		}
	}
	return tw.Flush() // and no Close: others follow
}

// A sample is one that was read.
type sample struct {
	Meta
	key     trawl.Key
	sum     [32]byte // of the content
	size    int64
	at, end int64 // where it is in the shard
}

// whole reports whether the content is what was written.
func (s *sample) whole() bool {
	return s.size == s.Size && hex.EncodeToString(s.sum[:]) == s.SHA256
}

// check returns an error if it is not.
func (s *sample) check() error {
	if !s.whole() {
		return diskError(s.Key, errChanged)
	}
	return nil
}

// errChanged is a shard on disk that is not what was written into it.
var errChanged = errors.New("a shard is not what was written")

var errNoSample = errors.New("not a shard: its members are not pairs of a file and its .json")

// scan reads a shard and passes its samples to each, body beside it: the content,
// which each may keep. It returns where the last sample ends; an error says that
// the archive does not go on to its own end, or is that of each.
func scan(r io.Reader, body io.Writer, each func(s *sample) error) (end int64, err error) {
	counted := &counter{r: r}
	tr := tar.NewReader(counted)
	for {
		s := &sample{at: end}
		h, err := tr.Next()
		if err == io.EOF {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		id, _, _ := strings.Cut(h.Name, ".")
		sum := sha256.New()
		if s.size, err = io.Copy(io.MultiWriter(sum, body), tr); err != nil {
			return end, err
		}
		s.sum = [32]byte(sum.Sum(nil))
		if h, err = tr.Next(); err == io.EOF {
			err = io.ErrUnexpectedEOF // one half
		}
		if err != nil {
			return end, err
		}
		meta, err := io.ReadAll(io.LimitReader(tr, 1<<20))
		if err != nil {
			return end, err
		}
		raw, err := hex.DecodeString(id)
		if err != nil || len(raw) != len(s.key) || h.Name != id+".json" || json.Unmarshal(meta, &s.Meta) != nil || s.Key != id {
			return end, errNoSample
		}
		copy(s.key[:], raw)
		s.end = (counted.n + block - 1) / block * block
		if err := each(s); err != nil {
			return end, err
		}
		end = s.end
	}
}

// A counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
