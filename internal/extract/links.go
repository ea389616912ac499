package extract

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/idna"
)

// setBase reads the first <base href> of the page.
func (d *Doc) setBase() {
	for n := range d.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.DataAtom == atom.Body {
			return
		}
		if n.DataAtom != atom.Base {
			continue
		}
		for _, a := range n.Attr {
			if a.Key == "href" {
				if u, err := url.Parse(Join(d.opts.URL, a.Val)); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
					d.base = u
				}
				return
			}
		}
	}
}

// Abs returns a link of the page as an absolute address, "" for a blank one.
// Like a browser it is lenient: stray white space is dropped, backslashes and
// lonely percent signs are mended, and on a page that is not in UTF-8 a query
// is escaped in the page's encoding. A link that still makes no sense is
// returned as it is.
func (d *Doc) Abs(ref string) string {
	ref = cleanRef(ref)
	if ref == "" {
		return ""
	}
	base := d.base
	// <base> matters to relative links only, and pages that are not markup
	// have none.
	if !d.parsed && !hasScheme(ref) && d.looksLikeMarkup() && d.tree() == nil {
		base = d.base
	}
	return join(base, ref, d.encodeQuery)
}

// Join returns ref as an absolute address, seen from a page at base. It is as
// lenient as [Doc.Abs]; what makes no sense is returned as it is.
func Join(base, ref string) string {
	ref = cleanRef(ref)
	if ref == "" {
		return base
	}
	u, err := url.Parse(cleanRef(base))
	if err != nil {
		u = nil
	}
	return join(u, ref, nil)
}

func join(base *url.URL, ref string, encodeQuery func(string) string) string {
	if isFinished(ref) {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	switch {
	case u.Opaque != "":
		return ref // mailto:, javascript:, data:
	case base == nil && !u.IsAbs():
		return ref
	case base != nil:
		fragment, raw := u.Fragment, u.RawFragment
		u = base.ResolveReference(u)
		u.Fragment, u.RawFragment = fragment, raw
	}
	if !isASCII(u.Host) {
		// As it is, String would escape it byte by byte.
		if host, err := idna.Lookup.ToASCII(u.Hostname()); err == nil {
			u.Host = strings.Replace(u.Host, u.Hostname(), host, 1)
		}
	}
	if encodeQuery != nil && !isASCII(u.RawQuery) {
		u.RawQuery = encodeQuery(u.RawQuery)
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	return u.String()
}

// isFinished tells whether join would return an address as it is, without
// deciding it for all: https, a host, and a path and query of letters, digits
// and what is as harmless.
func isFinished(ref string) bool {
	rest, ok := strings.CutPrefix(ref, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(ref, "http://"); !ok {
			return false
		}
	}
	slash := strings.IndexByte(rest, '/')
	if slash <= 0 {
		return false
	}
	for i := range slash {
		if c := rest[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	query := false
	for i := slash; i < len(rest); i++ {
		switch c := rest[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '~':
		case c == '/' || c == '.':
			if rest[i-1] == '/' && !query { // "//" and what "." and ".." begin with
				return false
			}
		case query && (c == '=' || c == '&'):
		case c == '?' && !query:
			query = true
		default:
			return false
		}
	}
	return true
}

// encodeQuery puts the non-ASCII characters of a query into the encoding of
// the page, which is what its server expects.
func (d *Doc) encodeQuery(q string) string {
	d.decode()
	if d.encName == "utf-8" || strings.HasPrefix(d.encName, "utf-16") {
		return q
	}
	if enc, err := d.enc.NewEncoder().String(q); err == nil {
		return enc
	}
	return q
}

const hexDigits = "0123456789ABCDEF"

// escapeQuery escapes the bytes of a query that may not stand in a URL.
func escapeQuery(q string) string {
	bad := func(c byte) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' }
	n := 0
	for i := range len(q) {
		if bad(q[i]) {
			n++
		}
	}
	if n == 0 {
		return q
	}
	b := make([]byte, 0, len(q)+2*n)
	for i := range len(q) {
		if c := q[i]; bad(c) {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// cleanRef mends a link as a browser does before it is parsed. What comes out
// has an escaped path, so that net/url keeps it as it is: on its own it would
// escape the "!" of "照片.jpg!w300" too, and image servers mind.
func cleanRef(ref string) string {
	ref = strings.TrimFunc(ref, func(r rune) bool { return r <= ' ' || r == '\u00a0' || r == '\u3000' })
	clean := true
	for i := range len(ref) {
		if !plainByte(ref[i]) {
			clean = false
			break
		}
	}
	if clean {
		return ref
	}
	ref = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(ref)
	if hasScheme(ref) && !hasHTTPScheme(ref) {
		return ref
	}
	rest := ref
	if i := strings.IndexAny(ref, "?#"); i >= 0 {
		rest = ref[:i]
	}
	tail := ref[len(rest):]
	rest = strings.ReplaceAll(rest, "\\", "/")
	host := 0
	if i := strings.Index(rest, "//"); i == 0 || i > 0 && hasHTTPScheme(rest) {
		host = i + 2
		if j := strings.IndexByte(rest[host:], '/'); j >= 0 {
			host += j
		} else {
			host = len(rest)
		}
	}
	return rest[:host] + escapePath(rest[host:]) + mendPercent(tail)
}

// plainByte tells whether a byte may stand anywhere in a link as it is.
// A percent sign may not, as it may stand alone.
func plainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~!$&'()*+,;=:@/?#[]", c) >= 0
}

// escapePath escapes what may not stand in a path.
func escapePath(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case plainByte(c), c == '%' && startsEscape(s[i:]):
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

// mendPercent escapes percent signs that do not start an escape.
func mendPercent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '%' && !startsEscape(s[i:]) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func startsEscape(s string) bool { return len(s) > 2 && isHex(s[1]) && isHex(s[2]) }

func hasHTTPScheme(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// hasScheme tells whether a link starts with a scheme, such as "https:".
func hasScheme(ref string) bool {
	for i := range len(ref) {
		switch c := ref[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return i > 0 && c == ':'
		}
	}
	return false
}

// SplitName splits the last part of an address's path, unescaped, into the
// name and the extension: "photo" and ".jpg" of "https://h/a/photo.jpg!w300?x".
// What follows an exclamation mark is an image server's size and no part of
// the name, and so is "@160w" after an extension; neither is a made-up
// extension such as ".null". The extension is in lower case, at most five
// letters and digits, or "".
func SplitName(address string) (stem, ext string) {
	path := cleanRef(address)
	if u, err := url.Parse(path); err == nil {
		path = u.Path
	} else {
		path, _, _ = strings.Cut(path, "?")
	}
	name := strings.ToValidUTF8(path[strings.LastIndexByte(path, '/')+1:], "\ufffd")
	if i := strings.LastIndexByte(name, '!'); i > 0 && strings.Contains(name[:i], ".") {
		name = name[:i]
	}
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, ""
	}
	ext = asciiLower(name[i:])
	if e, size, ok := strings.Cut(ext, "@"); ok && (size == "" || strings.ContainsAny(size, "0123456789")) {
		ext = e
	}
	switch {
	case ext == ".null" || ext == ".undefined" || ext == ".none":
		return name[:i], ""
	case len(ext) < 2 || len(ext) > 6 || strings.Trim(ext[1:], "abcdefghijklmnopqrstuvwxyz0123456789") != "":
		return name, ""
	}
	return name[:i], ext
}
