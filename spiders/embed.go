// Package spiders holds the spiders that come with trawl, as source.
package spiders

import (
	"embed"
	"io/fs"
	"strings"
)

// FS holds the files NAME.star.
//
//go:embed *.star
var FS embed.FS

// Names returns the names of the built-in spiders, sorted.
func Names() []string {
	files, err := fs.Glob(FS, "*.star")
	if err != nil {
		panic(err) // Unreachable: the pattern is well formed.
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".star")
	}
	return files
}

// Source returns the source of a built-in spider and whether there is one of
// that name.
func Source(name string) ([]byte, bool) {
	src, err := FS.ReadFile(name + ".star")
	return src, err == nil
}
