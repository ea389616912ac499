package store

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/trawl-go/trawl"
)

// Paths tells what the paths of a job's files are, for [ChoosePath]. Both
// methods take a folded path.
type Paths interface {
	// Holder returns the file that has the path; ok is false if none has.
	Holder(folded string) (key trawl.Key, ok bool, err error)

	// IsDir reports whether the path of some file lies below this one.
	IsDir(folded string) (bool, error)
}

// Fold returns the form under which paths are compared: two paths that a file
// system may take for the same one, because it ignores case or the way in
// which characters are composed, fold to the same string.
func Fold(p string) string {
	ascii := true
	for i := 0; i < len(p); i++ {
		if c := p[i]; c >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(p)
	}
	// Decomposed first: folding must see the letter and not the composition
	// (Unicode, section 3.13, canonical caseless matching).
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(p)))
}

// ChoosePath returns the path for a file that has none yet: n.Path if that is
// free, else the first alternative that is. It is the one place where the
// rules of names live; drivers call it with their tables locked.
//
// The alternatives to "dir/思考中.jpg" are "dir/思考中~5f3a9c.jpg" with the first
// six digits of the key, the same with all 32 digits, and that with "-2",
// "-3" and so on after them. A directory of n.Path that is the path of
// another file, or that is [Dir], gets such digits too: those of the other
// file, so that all files of the directory stay together.
//
// taken may be nil. It is asked about whole paths only, and no more than
// [maxNames] times. ChoosePath returns [ErrNoName] if n.Path is not clean and
// relative or nothing is free.
func ChoosePath(n Name, in Paths, taken func(path string) bool) (string, error) {
	if !fs.ValidPath(n.Path) || n.Path == "." {
		return "", fmt.Errorf("%w: %q is not a clean relative path", ErrNoName, n.Path)
	}
	dir, base := path.Split(n.Path)
	dir, err := ChooseDir(strings.TrimSuffix(dir, "/"), n.Key, in)
	if err != nil {
		return "", err
	}
	for i := range maxNames {
		p := path.Join(dir, alternative(base, n.Key, i))
		f := Fold(p)
		if f == Dir {
			continue
		}
		if _, held, err := in.Holder(f); err != nil {
			return "", err
		} else if held {
			continue
		}
		if isDir, err := in.IsDir(f); err != nil {
			return "", err
		} else if isDir {
			continue
		}
		if taken != nil && taken(p) {
			continue
		}
		return p, nil
	}
	return "", fmt.Errorf("%w: %q and %d alternatives to it are taken", ErrNoName, n.Path, maxNames-1)
}

// maxNames bounds the search for a free name. Even a directory left by a
// thousand jobs, each with its database deleted, stays below it.
const maxNames = 1000

// ChooseDir returns the directory of the path that [ChoosePath] returns for a
// path in dir, which is "" for none: dir with each component replaced that
// cannot be a directory.
func ChooseDir(dir string, key trawl.Key, in Paths) (string, error) {
	if dir == "" {
		return "", nil
	}
	var parent string
next:
	for comp := range strings.SplitSeq(dir, "/") {
		// Digits of key serve only for Dir, which no file has.
		digits := key
		for i := range maxNames {
			p := path.Join(parent, alternative(comp, digits, i))
			f := Fold(p)
			if f == Dir {
				continue
			}
			holder, held, err := in.Holder(f)
			if err != nil {
				return "", err
			}
			if !held {
				parent = p
				continue next
			}
			if i == 0 {
				digits = holder
			}
		}
		return "", fmt.Errorf("%w: the directory %q and its alternatives are files", ErrNoName, dir)
	}
	return parent, nil
}

// maxComponent is the longest name, in bytes, that common file systems take.
const maxComponent = 255

// alternative returns the i-th spelling of a path component. A name that is
// too long for its digits loses the end of its stem.
func alternative(name string, key trawl.Key, i int) string {
	var suffix string
	switch i {
	case 0:
		return name
	case 1:
		suffix = "~" + key.String()[:6]
	case 2:
		suffix = "~" + key.String()
	default:
		suffix = "~" + key.String() + "-" + strconv.Itoa(i-1)
	}
	stem, ext := splitExt(name)
	if over := len(stem) + len(suffix) + len(ext) - maxComponent; over > 0 && over < len(stem) {
		cut := len(stem) - over
		for !utf8.RuneStart(stem[cut]) {
			cut--
		}
		stem = stem[:cut]
	}
	return stem + suffix + ext
}

// splitExt splits a name before its extension, dot included. A dot at the
// start makes no extension, nor does one with a sentence after it.
func splitExt(name string) (stem, ext string) {
	ext = path.Ext(name)
	stem = strings.TrimSuffix(name, ext)
	if stem == "" || len(ext) > 16 || strings.Contains(ext, " ") {
		return name, ""
	}
	return stem, ext
}
