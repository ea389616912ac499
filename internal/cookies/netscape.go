package cookies

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxFile bounds what is read of a file of cookies, in bytes.
const maxFile = 64 << 20

// Parse reads a file in the format of Netscape's cookies.txt, as curl, wget
// and the add-ons of browsers write it: a line for each cookie, with seven
// fields and a tab between them,
//
//	DOMAIN  SUBDOMAINS  PATH  SECURE  EXPIRES  NAME  VALUE
//
// where SUBDOMAINS and SECURE are TRUE or FALSE and EXPIRES is in seconds
// since 1970, 0 for never. Empty lines and those that begin with '#' are left
// out, but "#HttpOnly_" before a domain is part of the format.
//
// Lines that make no sense are in Set.Mistakes. It is an error if nothing at
// all can be read, or if r fails. name is for Set.Source and for messages.
func Parse(name string, r io.Reader, now time.Time) (*Set, error) {
	s := &Set{Source: name}
	in := bufio.NewReader(io.LimitReader(r, maxFile))
	head, _ := in.Peek(512) // an error comes again below
	if err := otherFormat(head); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 1<<20)
	line := 0
	for sc.Scan() {
		line++
		text := sc.Text()
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		c, ok, err := parseLine(text)
		switch {
		case err != nil:
			s.Mistakes = append(s.Mistakes, Mistake{line, err.Error()})
		case ok:
			s.add(line, c, now)
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: the line is too long for a cookie", name, line+1)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(s.Cookies) == 0 && len(s.Mistakes) > 0 {
		m := s.Mistakes[0]
		return nil, fmt.Errorf("%s:%d: %s; no line of the file is a cookie", name, m.Line, m.Msg)
	}
	return s, nil
}

// otherFormat reports what else a file is that people take for cookies.txt.
func otherFormat(head []byte) error {
	t := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		return errors.New("is a browser's database, not a cookies.txt; see --cookies-from-browser")
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return errors.New("is in UTF-16; save it as UTF-8")
	case bytes.HasPrefix(t, []byte("[")), bytes.HasPrefix(t, []byte("{")):
		return errors.New("is JSON; have the cookies exported in Netscape's format, as cookies.txt")
	case bytes.HasPrefix(t, []byte("<")):
		return errors.New("is HTML or XML, not a cookies.txt")
	}
	return nil
}

// parseLine reads one line; ok is false if it holds no cookie.
func parseLine(text string) (c Cookie, ok bool, err error) {
	text = strings.TrimRight(text, "\r\n")
	text, c.HTTPOnly = strings.CutPrefix(text, "#HttpOnly_")
	if strings.TrimSpace(text) == "" || text[0] == '#' {
		return c, false, nil
	}
	f := strings.Split(text, "\t")
	if len(f) == 6 {
		f = append(f, "") // an editor took the tab before an empty value
	}
	if len(f) != 7 {
		return c, false, fieldsError(text, len(f))
	}
	c.Host, c.Path, c.Name, c.Value = f[0], f[2], f[5], f[6]
	if c.Path == "" {
		c.Path = "/"
	}
	if c.Subdomains, err = truth(f[1]); err != nil {
		return c, false, fmt.Errorf("the second field, for subdomains, %w", err)
	}
	if c.Secure, err = truth(f[3]); err != nil {
		return c, false, fmt.Errorf("the fourth field, for https only, %w", err)
	}
	var at float64
	if f[4] != "" {
		if at, err = strconv.ParseFloat(f[4], 64); err != nil || math.IsInf(at, 0) || math.IsNaN(at) {
			return c, false, errors.New("the fifth field, when it expires, must be a number of seconds since 1970")
		}
	}
	c.Expires = expiry(at)
	return c, true, nil
}

// fieldsError says why a line does not have seven fields.
func fieldsError(text string, n int) error {
	if w := len(strings.Fields(text)); n < 6 && (w == 6 || w == 7) {
		return errors.New("the fields have spaces between them and must have tabs; an editor or a copy on a screen may have changed them")
	}
	fields := "fields"
	if n == 1 {
		fields = "field"
	}
	return fmt.Errorf("%d %s, must be 7 with tabs between them: domain, subdomains, path, secure, expires, name, value", n, fields)
}

func truth(s string) (bool, error) {
	switch strings.ToUpper(s) {
	case "TRUE", "1":
		return true, nil
	case "FALSE", "0":
		return false, nil
	}
	return false, errors.New("must be TRUE or FALSE")
}
