// Package robots reads robots.txt as RFC 9309 says: what one robot may ask a
// host for.
//
// [Parse] picks the groups of one robot out of a file, and [Rules.Allows]
// answers for a URL. How the file is fetched, and what follows when it cannot
// be, is the caller's business.
package robots

import (
	"bytes"
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxSize is how much of a file counts, in bytes. What comes after it is not
// looked at.
const MaxSize = 500 << 10

// maxDelay bounds a Crawl-delay.
const maxDelay = 24 * time.Hour

// Rules are what a robots.txt says to one robot. A nil *Rules, like an empty
// one, allows everything. It does not change, so it is safe for concurrent
// use.
type Rules struct {
	// rules are sorted: the longest first, and of equal ones those that allow.
	rules []rule

	// Delay is the pause between two requests that the file asks for
	// (Crawl-delay, which the RFC leaves open); 0 if it asks for none.
	Delay time.Duration
}

// A rule allows or disallows the paths that match.
type rule struct {
	allow  bool
	length int // of the pattern in octets, wildcards among them

	// A path matches if it begins with the first part and has the others
	// behind it in their order; with end set nothing may come after the last.
	parts []string
	end   bool
}

// Parse reads a robots.txt for the robot that calls itself token, a word such
// as "trawl"; see [Token]. The groups that name it count together, and if none
// does those for "*". There is no error: a line that makes no sense says
// nothing. We do not keep data.
func Parse(data []byte, token string) *Rules {
	if len(data) > MaxSize {
		// A line that is cut might say more than the whole one.
		data = data[:bytes.LastIndexAny(data[:MaxSize], "\r\n")+1]
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))

	var (
		own, all Rules
		named    bool     // a group names the robot
		to       []*Rules // the group at hand belongs to these
		agents   bool     // the last line that counted was a user-agent
	)
	for line := range bytes.FieldsFuncSeq(data, func(r rune) bool { return r == '\n' || r == '\r' }) {
		key, value := field(line)
		switch key {
		case "user-agent":
			if !agents {
				to = nil
			}
			agents = true
			switch {
			case value == "*" || strings.HasPrefix(value, "* ") || strings.HasPrefix(value, "*\t"):
				to = append(to, &all)
			case strings.EqualFold(Token(value), token):
				named = true
				to = append(to, &own)
			}
		case "allow", "disallow":
			agents = false
			if value == "" || len(to) == 0 {
				continue
			}
			r := newRule(value, key == "allow")
			for _, g := range to {
				g.rules = append(g.rules, r)
			}
		case "crawl-delay":
			// Not a rule of the RFC, so it does not end a list of user-agents.
			n, err := strconv.ParseFloat(value, 64)
			if err != nil || !(n >= 0) {
				continue
			}
			d := time.Duration(min(n, maxDelay.Seconds()) * float64(time.Second))
			for _, g := range to {
				g.Delay = max(g.Delay, d)
			}
		}
	}
	r := &all
	if named {
		r = &own
	}
	slices.SortStableFunc(r.rules, func(a, b rule) int {
		switch {
		case a.length != b.length:
			return cmp.Compare(b.length, a.length)
		case a.allow == b.allow:
			return 0
		case a.allow:
			return -1
		}
		return 1
	})
	return r
}

// field splits a line into its key, in lower case, and its value.
func field(line []byte) (key, value string) {
	line, _, _ = bytes.Cut(line, []byte("#"))
	k, v, ok := bytes.Cut(line, []byte(":"))
	if !ok { // a colon that was forgotten
		line = bytes.TrimSpace(line)
		i := bytes.IndexAny(line, " \t")
		if i < 0 {
			return "", ""
		}
		k, v = line[:i], line[i:]
	}
	return strings.ToLower(string(bytes.TrimSpace(k))), string(bytes.TrimSpace(v))
}

// Token returns the word by which a robots.txt may name the sender of a
// User-Agent header: what it begins with, as far as that is letters, digits,
// '-' or '_'.
func Token(userAgent string) string {
	i := strings.IndexFunc(userAgent, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	})
	if i < 0 {
		return userAgent
	}
	return userAgent[:i]
}

func newRule(pattern string, allow bool) rule {
	if pattern[0] != '/' && pattern[0] != '*' {
		pattern = "/" + pattern // what its author means, most likely
	}
	pattern, end := strings.CutSuffix(pattern, "$")
	r := rule{allow: allow, end: end}
	query := false
	for part := range strings.SplitSeq(pattern, "*") {
		part, query = normalize(part, query)
		r.parts = append(r.parts, part)
		r.length += len(part) + 1
	}
	r.length-- // one star fewer than parts
	if end {
		r.length++
	}
	return r
}

func (r *rule) matches(path string) bool {
	rest, ok := strings.CutPrefix(path, r.parts[0])
	if !ok {
		return false
	}
	last := len(r.parts) - 1
	for i, p := range r.parts[1:] {
		if r.end && i+1 == last {
			return strings.HasSuffix(rest, p)
		}
		at := strings.Index(rest, p)
		if at < 0 {
			return false
		}
		rest = rest[at+len(p):]
	}
	return !r.end || rest == ""
}

// Size returns about what the rules take in memory, in bytes.
func (r *Rules) Size() int {
	if r == nil {
		return 0
	}
	n := 64
	for i := range r.rules {
		n += 64 + 16*len(r.rules[i].parts) + r.rules[i].length
	}
	return n
}

// Allows reports whether the robot may ask for a URL, of the host that the
// file is from: by the rule with the longest pattern that matches, and by one
// that allows if there are two.
func (r *Rules) Allows(u *url.URL) bool {
	if r == nil || len(r.rules) == 0 || u.Path == "/robots.txt" {
		return true
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" || u.ForceQuery {
		path += "?" + u.RawQuery
	}
	// Of a URL these two are no wildcards.
	if strings.ContainsAny(path, "*$") {
		path = strings.NewReplacer("*", "%2A", "$", "%24").Replace(path)
	}
	path, _ = normalize(path, false)
	for i := range r.rules {
		if r.rules[i].matches(path) {
			return r.rules[i].allow
		}
	}
	return true
}

// normalize brings the percent-encoding of a path with its query, or a part
// of one, into the form in which both sides are compared: an octet that needs
// no encoding has none, any other one has it. A ':' or '/' needs none in the
// query. Whether s begins in the query is said by query, and whether the next
// part does by the result.
func normalize(s string, query bool) (string, bool) {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c, plain := s[i], false
		if c == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			c = byte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			plain = unreserved(c) || query && (c == ':' || c == '/')
		} else {
			plain = c > ' ' && c < 0x7f && c != '%' && c != '$' && c != '"' && c != '<' && c != '>'
			query = query || c == '?'
		}
		if plain {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String(), query
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
