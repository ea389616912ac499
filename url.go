package trawl

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// A Key identifies a request: the first 128 bits of the SHA-256 of its kind
// and its canonical URL. With ten billion URLs the chance of one collision is
// below 10^-18.
type Key [16]byte

// String returns the key in 32 hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// KeyOf returns the key of a URL fetched as kind.
// A URL that [Canonical] refuses is keyed as it is written.
func KeyOf(kind Kind, rawURL string) Key {
	c, err := Canonical(rawURL)
	if err != nil {
		c = rawURL
	}
	return keyOf(kind, c)
}

func keyOf(kind Kind, canonical string) Key {
	b := make([]byte, 0, 256)
	b = append(b, byte(kind))
	b = append(b, canonical...)
	sum := sha256.Sum256(b)
	return Key(sum[:16])
}

// Identify returns the key of a URL fetched as kind together with its host,
// with the port if it is not the scheme's own, as they stand in the canonical
// URL. It returns the error of [Canonical].
func Identify(kind Kind, rawURL string) (key Key, host string, err error) {
	c, err := Canonical(rawURL)
	if err != nil {
		return Key{}, "", err
	}
	_, rest, _ := strings.Cut(c, "://")
	host, _, _ = strings.Cut(rest, "/")
	return keyOf(kind, c), host, nil
}

// Canonical returns the form of a URL under which it is remembered, so that
// two spellings of one address are fetched once:
//
//   - scheme and host in lower case, an international host in its ASCII form,
//     no trailing dot, no default port, no user name or password;
//   - the path with "." and ".." resolved, "/" if empty; percent-escapes in
//     upper case, those of unreserved characters undone, everything that is
//     not ASCII escaped as UTF-8;
//   - the query as it is, in its order, escaped the same way; an empty query
//     is dropped;
//   - no fragment.
//
// This is the syntax-based normalization of RFC 3986, section 6.2.2, and the
// scheme-based one of 6.2.3. Parameters are not sorted and none is dropped,
// since a server may give them a meaning.
//
// It returns an error for a URL that is not absolute http or https.
func Canonical(rawURL string) (string, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return "", err
	}
	p := u.EscapedPath()
	if p == "" {
		p = "/"
	}
	p = cleanPath(normalizeEscapes(p))
	var b strings.Builder
	b.Grow(len(rawURL) + 8)
	b.WriteString(u.Scheme)
	b.WriteString("://")
	b.WriteString(u.Host)
	b.WriteString(p)
	if u.RawQuery != "" {
		b.WriteByte('?')
		b.WriteString(normalizeEscapes(u.RawQuery))
	}
	return b.String(), nil
}

// ParseURL parses an absolute http or https URL and puts its scheme and host
// into their canonical form; see [Canonical]. User information and fragment
// are dropped. The error says what is wrong with the URL.
func ParseURL(rawURL string) (*url.URL, error) {
	s := mendPercent(strings.TrimSpace(rawURL))
	if s == "" {
		return nil, errors.New("empty URL")
	}
	u, err := url.Parse(s)
	rawURL = withoutUser(s) // what errors may quote
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("malformed URL %q: %w", rawURL, err)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch u.Scheme {
	case "http", "https":
	case "":
		return nil, fmt.Errorf("URL %q has no scheme; write https://%s", rawURL, strings.TrimPrefix(rawURL, "//"))
	default:
		return nil, fmt.Errorf("URL %q: scheme %q is not http or https", rawURL, u.Scheme)
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return nil, fmt.Errorf("URL %q has no host", rawURL)
	}
	if !isASCII(host) {
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return nil, fmt.Errorf("URL %q: host: %w", rawURL, err)
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := u.Port()
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("URL %q: port %s is not between 1 and 65535", rawURL, port)
		}
	}
	if port != "" && !(u.Scheme == "http" && port == "80") && !(u.Scheme == "https" && port == "443") {
		host += ":" + port
	}
	u.Host = host
	u.User = nil
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// mendPercent escapes a percent sign that begins no escape, as browsers do.
func mendPercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] == '%' && (i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0) {
			b.WriteString("25")
		}
	}
	return b.String()
}

// withoutUser returns a URL, however malformed, without what stands before an
// '@' in its authority, which may be a password.
func withoutUser(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

// cleanPath resolves "." and ".." and keeps a trailing slash and double
// slashes, which servers tell apart.
func cleanPath(p string) string {
	if !strings.Contains(p, "/.") {
		return p
	}
	segs := strings.Split(p, "/")
	out := make([]string, 0, len(segs))
	for i, s := range segs {
		last := i == len(segs)-1
		switch s {
		case ".":
			if last {
				out = append(out, "")
			}
		case "..":
			if len(out) > 1 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, s)
		}
	}
	if len(out) == 1 {
		return "/"
	}
	return strings.Join(out, "/")
}

const upperHex = "0123456789ABCDEF"

// normalizeEscapes upper-cases percent-escapes, undoes those of unreserved
// characters, and escapes bytes that may not stand in a URL.
func normalizeEscapes(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '%' || c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			d := byte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			if unreserved(d) {
				b.WriteByte(d)
			} else {
				b.WriteByte('%')
				b.WriteByte(upperHex[d>>4])
				b.WriteByte(upperHex[d&15])
			}
			i += 2
		case c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>':
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// FileName returns the last element of a URL's path, unescaped, without query:
// the name that its author gave the file. It is "" if the path ends in "/".
// The name is as the server wrote it and not safe to use as a path.
func FileName(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || strings.HasSuffix(u.Path, "/") || u.Path == "" {
		return ""
	}
	return path.Base(u.Path)
}
