package tree

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// The kinds of tokens.
type kind uint8

const (
	end kind = iota // of the page
	text
	startTag
	endTag
	comment
	doctype
)

// A token is a piece of the page, valid until the next one is read.
type token struct {
	kind kind
	atom atom.Atom        // of a tag; 0 if its name is none of HTML's
	data string           // name of a tag, in lower case, or what it says
	attr []html.Attribute // of a start tag
}

// maxAttrs is how many attributes a tag may have. Each is compared with all
// before it.
const maxAttrs = 64

// A scanner cuts a page into tokens.
type scanner struct {
	text string
	at   int
	tok  token
	odd  bool // the page is beyond us

	// What references stand for, of the whole page: growing one string costs
	// less than a string for each text that has some.
	plain strings.Builder

	names [64]struct { // that were looked up
		name string
		atom atom.Atom
	}

	memory *Memory
	attrs  []html.Attribute // the slab in use, as far as it is
}

// giveUp leaves the page to another parser.
func (s *scanner) giveUp() {
	s.odd = true
	s.tok = token{}
}

// The classes of bytes inside a tag.
const (
	isSpace  = 1 << iota
	endsName // of a tag
	endsKey  // of an attribute
	endsValue
	isUpper
)

var classes = func() (c [256]uint8) {
	for _, b := range " \n\t\f" { // there is no \r left
		c[b] = isSpace | endsName | endsKey | endsValue
	}
	c['/'] = endsName | endsKey
	c['>'] = endsName | endsKey | endsValue
	c['='] = endsKey
	for b := 'A'; b <= 'Z'; b++ {
		c[b] = isUpper
	}
	return c
}()

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// next reads a token into tok.
func (s *scanner) next() {
	start := s.at
	for s.at < len(s.text) {
		i := strings.IndexByte(s.text[s.at:], '<')
		if i < 0 {
			s.at = len(s.text)
			break
		}
		s.at += i
		if s.at+1 < len(s.text) {
			if c := s.text[s.at+1]; isLetter(c) || c == '/' || c == '!' || c == '?' {
				break
			}
		}
		s.at++ // a "<" that is text
	}
	if s.at > start {
		s.tok = token{kind: text, data: s.unescape(s.text[start:s.at], false)}
		return
	}
	if s.at == len(s.text) {
		s.tok = token{kind: end}
		return
	}
	switch c := s.text[s.at+1]; c {
	case '/':
		if s.at+2 == len(s.text) || !isLetter(s.text[s.at+2]) {
			s.giveUp()
			return
		}
		s.tag(endTag, s.at+2)
	case '!', '?':
		s.declaration()
	default:
		s.tag(startTag, s.at+1)
	}
}

// declaration reads what begins with "<!" or "<?".
func (s *scanner) declaration() {
	rest := s.text[s.at:]
	if body, ok := strings.CutPrefix(rest, "<!--"); ok {
		n := strings.Index(body, "-->")
		if n < 0 || strings.HasPrefix(body, ">") || strings.HasPrefix(body, "->") || strings.Contains(body[:n+2], "--!>") {
			s.giveUp()
			return
		}
		s.at += len("<!---->") + n
		s.tok = token{kind: comment, data: s.unescape(body[:n], false)}
		return
	}
	n := strings.IndexByte(rest, '>')
	if n < 0 {
		s.giveUp()
		return
	}
	s.at += n + 1
	const name = "<!DOCTYPE"
	switch {
	case n >= len(name) && strings.EqualFold(rest[:len(name)], name):
		s.tok = token{kind: doctype, data: rest[:n+1]}
	case rest[1] == '?':
		s.tok = token{kind: comment, data: s.unescape(rest[1:n], false)}
	case n < len("<!xx"):
		s.giveUp()
	default:
		s.tok = token{kind: comment, data: s.unescape(rest[2:n], false)}
	}
}

// tag reads a tag whose name begins at i.
func (s *scanner) tag(k kind, i int) {
	t := s.text
	start, seen := i, uint8(0)
	for i < len(t) && classes[t[i]]&endsName == 0 {
		seen |= classes[t[i]]
		i++
	}
	s.tok = token{kind: k, data: t[start:i]}
	if seen&isUpper != 0 {
		s.tok.data = lower(s.tok.data)
	}
	s.tok.atom = s.lookup(s.tok.data)

	first := len(s.attrs)
	for {
		for i < len(t) && classes[t[i]]&isSpace != 0 {
			i++
		}
		if i == len(t) || s.odd {
			s.giveUp()
			return
		}
		if t[i] == '>' {
			break
		}
		var a html.Attribute
		a, i = s.attribute(i)
		if k == startTag && a.Key != "" {
			first = s.keep(first, a)
		}
	}
	s.at = i + 1
	if n := len(s.attrs); n > first {
		s.tok.attr = s.attrs[first:n:n]
	}
}

// lookup finds the atom of a name, which is not empty. A page has few names, many
// times each.
func (s *scanner) lookup(name string) atom.Atom {
	slot := &s.names[(uint(len(name))*5+uint(name[0])+uint(name[len(name)-1])<<1)%uint(len(s.names))]
	if slot.name != name {
		slot.name, slot.atom = name, atom.Lookup([]byte(name))
	}
	return slot.atom
}

// keep adds an attribute to those from first on, unless there is one of that
// name. It returns where they begin now.
func (s *scanner) keep(first int, a html.Attribute) int {
	for i := range s.attrs[first:] {
		if s.attrs[first+i].Key == a.Key {
			return first
		}
	}
	if len(s.attrs)-first >= maxAttrs {
		s.odd = true
		return first
	}
	if len(s.attrs) == cap(s.attrs) {
		s.attrs = append(s.memory.attrs.next()[:0], s.attrs[first:]...)
		first = 0
	}
	s.attrs = append(s.attrs, a)
	return first
}

// attribute reads an attribute that begins at i and returns where it ends. Its
// key is empty if it is only a slash.
func (s *scanner) attribute(i int) (a html.Attribute, _ int) {
	t := s.text
	start, seen := i, uint8(0)
	if t[i] == '=' {
		i++
	}
	for i < len(t) && classes[t[i]]&endsKey == 0 {
		seen |= classes[t[i]]
		i++
	}
	a.Key = t[start:i]
	if seen&isUpper != 0 {
		a.Key = lower(a.Key)
	}
	i = skipSpace(t, i)
	if i == len(t) {
		return a, i
	}
	if t[i] == '/' {
		return a, i + 1
	}
	if t[i] != '=' {
		return a, i
	}
	i = skipSpace(t, i+1)
	if i == len(t) {
		return a, i
	}
	switch quote := t[i]; quote {
	case '>':
		return a, i
	case '"', '\'':
		start = i + 1
		n := strings.IndexByte(t[start:], quote)
		if n < 0 {
			return a, len(t)
		}
		i = start + n
		a.Val = s.unescape(t[start:i], true)
		return a, i + 1
	}
	start = i
	for i < len(t) && classes[t[i]]&endsValue == 0 {
		i++
	}
	a.Val = s.unescape(t[start:i], true)
	return a, i
}

func skipSpace(t string, i int) int {
	for i < len(t) && classes[t[i]]&isSpace != 0 {
		i++
	}
	return i
}

// raw reads up to the end tag of the element name, which must follow, and past
// it.
func (s *scanner) raw(name string) string {
	start := s.at
	for {
		i := strings.Index(s.text[s.at:], "</")
		if i < 0 {
			s.giveUp()
			return ""
		}
		s.at += i + 2
		after := s.at + len(name)
		if after >= len(s.text) || lower(s.text[s.at:after]) != name || classes[s.text[after]]&endsName == 0 {
			continue
		}
		body := s.text[start : s.at-2]
		if _, hidden, ok := strings.Cut(body, "<!--"); ok && name == "script" && strings.Contains(lower(hidden), "<script") {
			s.giveUp() // its end tag is not that of the element
			return ""
		}
		s.tag(endTag, s.at)
		return body
	}
}

// lower lowers A to Z and nothing else.
func lower(s string) string {
	for i := range len(s) {
		if classes[s[i]]&isUpper != 0 {
			b := []byte(s)
			for ; i < len(b); i++ {
				if classes[b[i]]&isUpper != 0 {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}
