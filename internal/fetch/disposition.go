package fetch

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// SuggestedName returns the name that a response gives its body in
// Content-Disposition (RFC 6266), "" if it gives none. It is valid UTF-8 and
// without slashes and backslashes: of a path only the end counts. Else it is as
// the server wrote it, and not safe to use as a path.
//
// The parameter "filename*" wins, in whatever character encoding it says (RFC
// 8187). "filename" is read as browsers do, since servers write what they like
// there: bytes are UTF-8, else GBK, else Latin-1; percent-escapes that make
// UTF-8 and encoded words (RFC 2047) are decoded; quotation marks may be missing.
func SuggestedName(h http.Header) string {
	var plain, extended string
	for _, p := range dispositionParams(h.Get("Content-Disposition")) {
		switch {
		case p.name == "filename*" && extended == "":
			extended = lastSegment(extendedValue(p.value))
		case p.name == "filename" && plain == "":
			plain = lastSegment(plainValue(p.value))
		}
	}
	if extended != "" {
		return extended
	}
	return plain
}

// A param is one parameter of a header field, its name in lower case, its value
// without the quotation marks.
type param struct{ name, value string }

// dispositionParams splits a Content-Disposition. What is no parameter, such as
// the type at its beginning, is left out.
func dispositionParams(s string) []param {
	var ps []param
	for s != "" {
		end := strings.IndexAny(s, ";=")
		if end < 0 {
			break
		}
		name, sep := strings.ToLower(strings.Trim(s[:end], " \t")), s[end]
		if s = s[end+1:]; sep == ';' {
			continue
		}
		s = strings.TrimLeft(s, " \t")
		var value string
		if strings.HasPrefix(s, `"`) {
			value, s = quoted(s)
			_, s, _ = strings.Cut(s, ";")
		} else {
			value, s, _ = strings.Cut(s, ";")
			value = strings.Trim(value, " \t")
		}
		ps = append(ps, param{name, value})
	}
	return ps
}

// quoted reads the quoted string that s begins with; one without an end goes as
// far as s does. A backslash escapes a quotation mark or another backslash; any
// other is itself, for those who write C:\pictures\1.jpg.
func quoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:]
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// extendedValue decodes a value of the form UTF-8'en'%e6%80%9d; "" if it is not
// of that form, or its encoding is not known.
func extendedValue(s string) string {
	charset, rest, ok := strings.Cut(s, "'")
	if !ok {
		return ""
	}
	if _, rest, ok = strings.Cut(rest, "'"); !ok {
		return ""
	}
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return ""
	}
	raw, err := url.PathUnescape(rest)
	if err != nil {
		return ""
	}
	if name, _ := htmlindex.Name(enc); name == "utf-8" { // which the decoder mends
		if !utf8.ValidString(raw) {
			return ""
		}
		return raw
	}
	text, _ := decodedAs(enc, raw)
	return text
}

// plainValue decodes the value of "filename".
func plainValue(s string) string {
	if !utf8.ValidString(s) {
		return guessed(s)
	}
	if strings.Contains(s, "=?") {
		d := mime.WordDecoder{CharsetReader: charsetReader}
		if text, err := d.DecodeHeader(s); err == nil && utf8.ValidString(text) {
			s = text
		}
	}
	if text, err := url.PathUnescape(s); err == nil && utf8.ValidString(text) {
		return text
	}
	return s
}

func charsetReader(label string, r io.Reader) (io.Reader, error) {
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil, err
	}
	return enc.NewDecoder().Reader(r), nil
}

// guessed decodes bytes that are not UTF-8: as GBK if that finds in them a
// character of the common set, both of whose bytes are beyond ASCII, else as
// Latin-1, in which such bytes are seldom side by side.
func guessed(s string) string {
	for i := 0; i+1 < len(s); i++ {
		if s[i] >= 0xb0 && s[i] <= 0xf7 && s[i+1] >= 0xa1 {
			if text, ok := decodedAs(simplifiedchinese.GB18030, s); ok {
				return text
			}
			break
		}
	}
	text, _ := decodedAs(charmap.Windows1252, s)
	return text
}

// decodedAs decodes s and reports whether all of it could be.
func decodedAs(enc encoding.Encoding, s string) (string, bool) {
	text, err := enc.NewDecoder().String(s)
	if err != nil {
		return "", false
	}
	return text, !strings.ContainsRune(text, utf8.RuneError)
}

// lastSegment returns what comes after the last separator of a path, "" for
// nothing but dots and spaces.
func lastSegment(s string) string {
	s = strings.TrimSpace(s[strings.LastIndexAny(s, `/\`)+1:])
	if strings.Trim(s, ". ") == "" {
		return ""
	}
	return s
}
