package save

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits on names, in bytes. File systems allow 255 a component; the rest is
// for what is added to make a name unique or to correct its extension. macOS
// allows 1024 for a whole absolute path.
const (
	maxName = 240
	maxPath = 768
	maxExt  = 16
)

// fallback is the name of a file whose name has nothing usable in it.
const fallback = "file"

// Clean returns a safe relative path with forward slashes for whatever a
// spider wrote: it names a file below the directory on every system, and
// nothing in it commands a terminal, a shell or a file manager.
//
//   - Components are separated by "/" alone. Empty ones, "." and ".." are
//     dropped; they are not resolved.
//   - Letters of every script stay, in Unicode normalization form C. Invalid
//     UTF-8, control characters and \ : * ? " < > | become "_"; white space
//     becomes a space; direction marks and other invisible characters are
//     dropped.
//   - Spaces around a component and dots at its end are dropped; a dot or a
//     dash at its start becomes "_", so that nothing is hidden (".git",
//     ".trawl") or taken for an option.
//   - Names reserved by Windows (CON, NUL.txt, COM1) get a "_" in front.
//   - A component is at most 240 bytes long, cut at a character with its
//     extension kept; the path at most 768, directories dropped from the
//     end.
//
// Clean(Clean(x)) == Clean(x), and the result is never empty: "file" stands
// in for a path with nothing usable in it.
func Clean(p string) string {
	if isClean(p) {
		return p
	}
	var parts []string
	for part := range strings.SplitSeq(p, "/") {
		if part = component(part); part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return fallback
	}
	return fit(parts)
}

// fit joins the components of a path and drops as many of its directories as
// it takes to stay within maxPath.
func fit(parts []string) string {
	name := parts[len(parts)-1]
	dirs := parts[:len(parts)-1]
	length := len(name)
	for i, dir := range dirs {
		if length += len(dir) + 1; length > maxPath {
			dirs = dirs[:i]
			break
		}
	}
	return strings.Join(append(dirs, name), "/")
}

// CleanName returns s as a part of one component of a path, for filling a
// template from an item's field: as [Clean] does, with "/" replaced by "_"
// as well. "" stays "", and dots alone become "_". What the template makes
// of it has to go through Clean.
func CleanName(s string) string {
	out := component(strings.ReplaceAll(s, "/", "_"))
	if out == "" && strings.Contains(s, ".") {
		return "_"
	}
	return out
}

// isClean reports whether p is clean at a glance: short and of characters
// that are never trouble.
func isClean(p string) bool {
	if p == "" || len(p) > maxName || p[0] == '/' || p[len(p)-1] == '/' {
		return false
	}
	start := 0
	for i := 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			c := p[i]
			if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' {
				continue
			}
			// A dot or a dash only inside, followed by a letter or the like.
			if (c == '.' || c == '-') && i > start && i+1 < len(p) && p[i+1] != '/' && p[i+1] != '.' {
				continue
			}
			return false
		}
		if i == start || reserved(p[start:i]) {
			return false
		}
		start = i + 1
	}
	return true
}

// component cleans one component; "" means that nothing is left of it.
func component(s string) string {
	s = strings.Map(clean, strings.ToValidUTF8(s, "_"))
	s = norm.NFC.String(s)
	s = trim(s)
	if s == "" {
		return ""
	}
	// Shorten before anything is put in front, and again if that made it too
	// long: both come out the same the second time.
	s = shorten(s, maxName)
	if s[0] == '.' || s[0] == '-' {
		s = "_" + s[1:]
	}
	if reserved(s) {
		s = shorten("_"+s, maxName)
	}
	return s
}

// clean maps a character to what stands for it in a name; -1 drops it.
func clean(r rune) rune {
	switch {
	case r == '/' || r == '\\' || r == ':' || r == '*' || r == '?' || r == '"' || r == '<' || r == '>' || r == '|':
		return '_'
	case unicode.IsSpace(r): // before control characters: tab and newline
		return ' '
	case unicode.IsControl(r):
		return '_'
	case invisible(r):
		return -1
	case r == utf8.RuneError, 0xfdd0 <= r && r <= 0xfdef, r&0xfffe == 0xfffe:
		return '_'
	}
	return r
}

// invisible reports whether r can make one name look like another: marks of
// direction, of width zero, tags, interlinear annotation. Joiners stay: Persian
// and emoji need them.
func invisible(r rune) bool {
	switch {
	case isJoiner(r):
		return false
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0: // fillers
		return true
	case r == 0x180e, 0x2060 <= r && r <= 0x206f, 0xe0000 <= r && r <= 0xe0fff:
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

func isJoiner(r rune) bool { return r == 0x200c || r == 0x200d }

// trim removes what may not stand at the ends of a component.
func trim(s string) string {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return r == ' ' || isJoiner(r) })
	return trimEnd(s)
}

func trimEnd(s string) string {
	return strings.TrimRightFunc(s, func(r rune) bool { return r == ' ' || r == '.' || isJoiner(r) })
}

// shorten cuts a component to at most limit bytes, at a character and before
// its extension.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	ext := path.Ext(s)
	if len(ext) > maxExt || len(ext) == len(s) {
		ext = ""
	}
	stem := s[:limit-len(ext)]
	for !utf8.RuneStart(s[len(stem)]) {
		stem = stem[:len(stem)-1]
	}
	if stem = trimEnd(stem); stem == "" {
		stem = "_"
	}
	return stem + ext
}

// reserved reports whether Windows takes a component for a device, whatever
// its extension.
func reserved(s string) bool {
	stem, _, _ := strings.Cut(s, ".")
	stem = strings.TrimRight(stem, " ")
	if len(stem) < 3 || len(stem) > 7 {
		return false
	}
	switch up := strings.ToUpper(stem); up {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	default:
		digit, ok := strings.CutPrefix(up, "COM")
		if !ok {
			digit, ok = strings.CutPrefix(up, "LPT")
		}
		if !ok {
			return false
		}
		switch digit {
		case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
			return true
		}
		return false
	}
}
