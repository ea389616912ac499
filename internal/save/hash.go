package save

import (
	"context"
	"encoding/hex"
	"io"
)

// ByHash returns a Files that keeps in f each content once, under a path made of
// its hash, such as "3f/3f9a….jpg", whatever the paths of the files are. It
// takes f.
//
// A path says nothing about where a file is, so Remove leaves everything, and so
// does Hold: the same content may be that of another file. What was replaced, or
// is held, stays there; the records tell what counts.
func ByHash(f Files) Files { return hashed{f} }

// A Namer is a Files in which a file is not under its path.
type Namer interface {
	// NameOf returns the path under which a file is.
	NameOf(f File) string
}

type hashed struct{ Files }

var _ Namer = hashed{}

// NameOf returns the path that the content of a file has. The extension is that
// of its type as found in the content, so that equal contents have one path.
func (hashed) NameOf(f File) string {
	sum := hex.EncodeToString(f.SHA256[:])
	return sum[:2] + "/" + sum + Ext(f.Type)
}

// in returns f as it is known further down.
func (h hashed) in(f File) File {
	f.Path = h.NameOf(f)
	return f
}

func (hashed) Exists(string) bool    { return false }
func (hashed) Reachable(string) bool { return true }

// Place puts the content there again if it is there: what is may be damaged.
func (h hashed) Place(ctx context.Context, t *Temp, f File) error {
	return h.Files.Place(ctx, t, h.in(f))
}

func (h hashed) Has(ctx context.Context, f File) (bool, error) { return h.Files.Has(ctx, h.in(f)) }

func (h hashed) HasSize(ctx context.Context, f File) (bool, error) {
	return h.Files.HasSize(ctx, h.in(f))
}

func (h hashed) Open(ctx context.Context, f File) (io.ReadCloser, error) {
	return h.Files.Open(ctx, h.in(f))
}

func (hashed) Remove(context.Context, string) error     { return nil }
func (hashed) Hold(context.Context, File, string) error { return nil }
func (hashed) Held(context.Context) ([]string, error)   { return nil, nil }
func (hashed) DropHeld(context.Context, string) error   { return nil }
func (h hashed) Unhold(ctx context.Context, _ string, f File) (bool, error) {
	return h.Has(ctx, f)
}
