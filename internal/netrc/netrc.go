// Package netrc reads the file .netrc, in which people keep their logins for
// ftp, curl, wget and git.
//
// Start with [Parse]. What is wrong in a file is told by its line and never
// by what stands there, which may be a password.
package netrc

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// maxFile bounds what is read, in bytes.
const maxFile = 1 << 20

// A File is what a .netrc says. It does not change and is safe for concurrent
// use.
type File struct {
	entries []entry

	// Mistakes are the lines that make no sense; the others count.
	Mistakes []Mistake
}

// A Mistake is something in a file that makes no sense.
type Mistake struct {
	Line int
	Msg  string
}

type entry struct {
	machine         string // "" for default
	login, password string
}

// Login returns the login for a host, "name" or "name:port": that of the
// first entry for it, with or without its port, or of a default before it. ok
// is false if there is none.
func (f *File) Login(host string) (login, password string, ok bool) {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	for _, e := range f.entries {
		if e.machine == "" || strings.EqualFold(e.machine, name) || strings.EqualFold(e.machine, host) {
			return e.login, e.password, e.login != "" || e.password != ""
		}
	}
	return "", "", false
}

// Parse reads a .netrc: the words machine NAME or default, and for each of
// them login NAME, password WORD and account WORD, in any order and over any
// lines. A value in double quotes may hold spaces, and \", \\, \n, \r and \t.
// A '#' in the place of one of these words begins a comment; macdef and what
// it defines, up to an empty line, is left out.
//
// The error is that of r.
func Parse(r io.Reader) (*File, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile))
	if err != nil {
		return nil, err
	}
	s := &scanner{rest: strings.TrimPrefix(string(data), "\ufeff"), line: 1}
	f := &File{}
	wrong := func(line int, format string, args ...any) {
		f.Mistakes = append(f.Mistakes, Mistake{line, fmt.Sprintf(format, args...)})
	}
	lost := 0 // line of an unknown word; those after it on the same line say nothing new
	for {
		word, line, ok := s.word()
		if !ok {
			return f, nil
		}
		if strings.HasPrefix(word, "#") {
			s.skipLine()
			continue
		}
		switch word {
		case "default":
			f.entries = append(f.entries, entry{})
			continue
		case "macdef":
			s.skipMacro()
			continue
		case "machine", "login", "password", "account":
		default:
			if line != lost {
				wrong(line, "expected machine, default, login, password, account or macdef; a value with spaces needs quotation marks")
			}
			lost = line
			continue
		}
		value, err := s.value()
		switch {
		case err != nil:
			wrong(line, "%s: %v", word, err)
		case word == "machine":
			f.entries = append(f.entries, entry{machine: value})
		case len(f.entries) == 0:
			wrong(line, "%s before any machine", word)
		case word == "login":
			f.entries[len(f.entries)-1].login = value
		case word == "password":
			f.entries[len(f.entries)-1].password = value
		}
	}
}

// A scanner splits a file into words.
type scanner struct {
	rest string
	line int
}

const space = " \t\r\n\f\v"

// skipSpace goes on to the next word.
func (s *scanner) skipSpace() {
	t := strings.TrimLeft(s.rest, space)
	s.line += strings.Count(s.rest[:len(s.rest)-len(t)], "\n")
	s.rest = t
}

// word returns the next word, as it is, and its line.
func (s *scanner) word() (word string, line int, ok bool) {
	s.skipSpace()
	if s.rest == "" {
		return "", s.line, false
	}
	word = s.rest
	if i := strings.IndexAny(word, space); i >= 0 {
		word = word[:i]
	}
	s.rest = s.rest[len(word):]
	return word, s.line, true
}

// value returns the next word, without its quotation marks.
func (s *scanner) value() (string, error) {
	s.skipSpace()
	if !strings.HasPrefix(s.rest, `"`) {
		word, _, ok := s.word()
		if !ok {
			return "", fmt.Errorf("the file ends before its value")
		}
		return word, nil
	}
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		c := s.rest[i]
		switch {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String(), nil
		case c == '\n':
			s.rest = s.rest[i:]
			return "", fmt.Errorf("no quotation mark at its end")
		case c == '\\' && i+1 < len(s.rest):
			i++
			if c = s.rest[i]; strings.IndexByte("nrt", c) >= 0 {
				c = "\n\r\t"[strings.IndexByte("nrt", c)]
			}
		}
		b.WriteByte(c)
	}
	s.rest = ""
	return "", fmt.Errorf("no quotation mark at its end")
}

func (s *scanner) skipLine() {
	if i := strings.IndexByte(s.rest, '\n'); i >= 0 {
		s.rest = s.rest[i:]
		return
	}
	s.rest = ""
}

// skipMacro goes on behind the empty line that ends a macro.
func (s *scanner) skipMacro() {
	for {
		s.skipLine()
		if s.rest == "" {
			return
		}
		s.rest = s.rest[1:]
		s.line++
		if line, _, _ := strings.Cut(s.rest, "\n"); strings.TrimSpace(line) == "" {
			return
		}
	}
}
