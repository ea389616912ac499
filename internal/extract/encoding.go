package extract

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/gogs/chardet"
	"golang.org/x/net/html"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const (
	// prescanBytes is how far into a page a declaration is looked for.
	// The standard says 1024; pages with long comments and scripts before
	// their <meta charset> are common enough to look further.
	prescanBytes = 16 << 10

	// detectBytes bounds what the statistical detector reads; its answer
	// does not change beyond this, its cost does.
	detectBytes = 1 << 20

	// minConfidence is the detector's confidence below which it is wrong
	// as often as right.
	minConfidence = 80
)

var (
	bomUTF8    = []byte("\xef\xbb\xbf")
	bomUTF16LE = []byte("\xff\xfe")
	bomUTF16BE = []byte("\xfe\xff")
)

// Decode returns body as UTF-8 text and the name of the encoding it was in.
//
// The first of these that gives an answer decides: the label forced, a byte
// order mark, the charset of contentType, a <meta> or XML declaration, a body
// that is valid UTF-8 throughout, a statistical detector that is sure enough;
// else windows-1252. Labels are those of the WHATWG's standard; an unknown one
// gives no answer. gb2312 and gbk are decoded as gb18030, which holds both.
//
// The text is always valid UTF-8: what cannot be decoded becomes U+FFFD. It may
// be body itself, which must not change then.
func Decode(body []byte, contentType, forced string) (text, name string) {
	enc, name := detect(body, contentType, forced)
	return decodeAs(body, enc), name
}

// EncodingName returns the standard name of an encoding's label, and whether
// there is such an encoding.
func EncodingName(label string) (string, bool) {
	enc, name := lookup(label)
	return name, enc != nil
}

// lookup finds an encoding by its label; nil if there is none.
func lookup(label string) (encoding.Encoding, string) {
	label = strings.Trim(label, " \t\r\n\f\"'")
	if label == "" {
		return nil, ""
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil, ""
	}
	name, err := htmlindex.Name(enc)
	if err != nil {
		return nil, ""
	}
	if name == "gbk" {
		return simplifiedchinese.GB18030, "gb18030"
	}
	return enc, name
}

// mustLookup is lookup for the labels written in this file.
func mustLookup(label string) (encoding.Encoding, string) {
	enc, name := lookup(label)
	if enc == nil {
		panic("extract: unknown encoding " + label)
	}
	return enc, name
}

func detect(body []byte, contentType, forced string) (encoding.Encoding, string) {
	if enc, name := lookup(forced); enc != nil {
		return enc, name
	}
	switch {
	case bytes.HasPrefix(body, bomUTF8):
		return mustLookup("utf-8")
	case bytes.HasPrefix(body, bomUTF16LE):
		return mustLookup("utf-16le")
	case bytes.HasPrefix(body, bomUTF16BE):
		return mustLookup("utf-16be")
	}
	if enc, name := lookup(charsetParam(contentType)); enc != nil {
		return enc, name
	}
	if enc, name := lookup(declared(body)); enc != nil {
		return enc, name
	}
	if validUTF8(body) {
		return mustLookup("utf-8")
	}
	if enc, name := lookup(guess(body)); enc != nil {
		return enc, name
	}
	return mustLookup("windows-1252")
}

// charsetParam returns the charset of a Content-Type, or of the content of a
// <meta http-equiv>. It is lenient: servers write what mime.ParseMediaType
// refuses.
func charsetParam(contentType string) string {
	s := asciiLower(contentType)
	for {
		i := strings.Index(s, "charset")
		if i < 0 {
			return ""
		}
		s = strings.TrimLeft(s[i+len("charset"):], " \t")
		if !strings.HasPrefix(s, "=") {
			continue
		}
		s = strings.TrimLeft(s[1:], " \t")
		if s != "" && (s[0] == '"' || s[0] == '\'') {
			value, _, _ := strings.Cut(s[1:], s[:1])
			return value
		}
		if end := strings.IndexAny(s, "; \t,"); end >= 0 {
			s = s[:end]
		}
		return s
	}
}

// declared returns the charset that the head of a page declares.
func declared(body []byte) string {
	head := body[:min(len(body), prescanBytes)]
	switch { // a "<" of two bytes is as good as a declaration
	case bytes.HasPrefix(head, []byte("<\x00")):
		return "utf-16le"
	case bytes.HasPrefix(head, []byte("\x00<")):
		return "utf-16be"
	}
	if trimmed := bytes.TrimLeft(head, " \t\r\n"); bytes.HasPrefix(trimmed, []byte("<?xml")) {
		decl, _, _ := bytes.Cut(trimmed, []byte("?>"))
		if s := xmlEncoding(string(decl)); s != "" {
			return s
		}
	}
	label := metaDeclared(head)
	// What could be read as ASCII is not in UTF-16.
	if _, name := lookup(label); strings.HasPrefix(name, "utf-16") {
		return "utf-8"
	}
	return label
}

func metaDeclared(head []byte) string {
	z := html.NewTokenizer(bytes.NewReader(head))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			tag, hasAttr := z.TagName()
			switch string(tag) {
			case "body":
				return ""
			case "meta":
				if s := metaCharset(z, hasAttr); s != "" {
					return s
				}
			}
		}
	}
}

func metaCharset(z *html.Tokenizer, more bool) string {
	var charset, equiv, content string
	for more {
		var key, val []byte
		key, val, more = z.TagAttr()
		switch string(key) {
		case "charset":
			charset = string(val)
		case "http-equiv":
			equiv = string(val)
		case "content":
			content = string(val)
		}
	}
	if charset == "" && strings.EqualFold(strings.TrimSpace(equiv), "content-type") {
		charset = charsetParam(content)
	}
	return charset
}

func xmlEncoding(decl string) string {
	_, rest, ok := strings.Cut(decl, "encoding")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, " \t\r\n")
	if !strings.HasPrefix(rest, "=") {
		return ""
	}
	rest = strings.TrimLeft(rest[1:], " \t\r\n")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	value, _, _ := strings.Cut(rest[1:], rest[:1])
	return value
}

// validUTF8 accepts a body whose last character is cut short, as that of one
// truncated in transit may be, if it has others that are not ASCII.
func validUTF8(body []byte) bool {
	if utf8.Valid(body) {
		return true
	}
	for cut := 1; cut < utf8.UTFMax && cut < len(body); cut++ {
		rest, tail := body[:len(body)-cut], body[len(body)-cut:]
		if utf8.RuneStart(tail[0]) {
			return !utf8.FullRune(tail) && utf8.Valid(rest) && utf8.RuneCount(rest) < len(rest)
		}
	}
	return false
}

// guess asks the statistical detector.
func guess(body []byte) string {
	sample := body[:min(len(body), detectBytes)]
	res, err := chardet.NewHtmlDetector().DetectBest(sample)
	if err != nil || res.Confidence < minConfidence {
		return ""
	}
	if res.Charset == "GB-18030" {
		return "gb18030"
	}
	return res.Charset
}

func decodeAs(body []byte, enc encoding.Encoding) string {
	if name, _ := htmlindex.Name(enc); name == "utf-8" {
		body = bytes.TrimPrefix(body, bomUTF8)
		// The text is the body and no copy of it; see [New].
		text := unsafe.String(unsafe.SliceData(body), len(body))
		if utf8.ValidString(text) {
			return text // ToValidUTF8 takes several times as long to see it
		}
		return strings.ToValidUTF8(text, "\ufffd")
	}
	// Decoders replace what they cannot decode; none of them fails.
	out, err := enc.NewDecoder().Bytes(body)
	if err != nil {
		return strings.ToValidUTF8(string(body), "\ufffd")
	}
	return strings.TrimPrefix(string(out), "\ufeff")
}

// asciiLower lowers A to Z and nothing else, so that offsets stay.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
