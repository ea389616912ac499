package spider

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// reModule returns the module re: Python's names over Go's regular
// expressions, which take linear time.
func (s *Spider) reModule() *starlarkstruct.Module {
	m := &starlarkstruct.Module{Name: "re", Members: starlark.StringDict{}}
	add := func(name string, fn func(*starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)) {
		m.Members[name] = starlark.NewBuiltin("re."+name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return fn(b, args, kwargs)
		})
	}
	find := func(name string, accept func(pat *pattern) *regexp.Regexp) {
		add(name, func(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var expr, text string
			if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &expr, "string", &text); err != nil {
				return nil, err
			}
			pat, err := s.patterns.forText(expr, text)
			if err != nil {
				return nil, err
			}
			re := accept(pat)
			return &match{re, text, re.FindStringSubmatchIndex(text)}, nil
		})
	}
	find("search", func(p *pattern) *regexp.Regexp { return p.search })
	find("match", func(p *pattern) *regexp.Regexp { return p.match })
	find("fullmatch", func(p *pattern) *regexp.Regexp { return p.full })
	add("findall", s.reFindall)
	add("split", s.reSplit)
	add("sub", s.reSub)
	add("escape", reEscape)
	return m
}

func (s *Spider) reFindall(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var expr, text string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &expr, "string", &text); err != nil {
		return nil, err
	}
	pat, err := s.patterns.forText(expr, text)
	if err != nil {
		return nil, err
	}
	var found []starlark.Value
	for _, loc := range pat.search.FindAllStringSubmatchIndex(text, -1) {
		m := &match{pat.search, text, loc}
		switch groups := len(loc)/2 - 1; groups {
		case 0, 1:
			found = append(found, starlark.String(m.text(groups)))
		default:
			tuple := make(starlark.Tuple, groups)
			for g := range groups {
				tuple[g] = starlark.String(m.text(g + 1))
			}
			found = append(found, tuple)
		}
	}
	return starlark.NewList(found), nil
}

func (s *Spider) reSplit(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var expr, text string
	most := 0
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &expr, "string", &text, "maxsplit?", &most); err != nil {
		return nil, err
	}
	pat, err := s.patterns.forText(expr, text)
	if err != nil {
		return nil, err
	}
	if most <= 0 {
		most = -1
	}
	var parts []starlark.Value
	from := 0
	for _, loc := range pat.search.FindAllStringSubmatchIndex(text, most) {
		m := &match{pat.search, text, loc}
		parts = append(parts, starlark.String(text[from:loc[0]]))
		for g := 1; g < len(loc)/2; g++ {
			parts = append(parts, starlark.String(m.text(g)))
		}
		from = loc[1]
	}
	return starlark.NewList(append(parts, starlark.String(text[from:]))), nil
}

func (s *Spider) reSub(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var expr, repl, text string
	most := 0
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &expr, "repl", &repl, "string", &text, "count?", &most); err != nil {
		return nil, err
	}
	pat, err := s.patterns.forText(expr, text)
	if err != nil {
		return nil, err
	}
	parts, err := parseReplacement(repl, pat.search)
	if err != nil {
		return nil, fmt.Errorf("re.sub: %w", err)
	}
	if most <= 0 {
		most = -1
	}
	locs := pat.search.FindAllStringSubmatchIndex(text, most)
	if len(locs) == 0 {
		return starlark.String(text), nil
	}
	var out strings.Builder
	from := 0
	for _, loc := range locs {
		m := &match{pat.search, text, loc}
		out.WriteString(text[from:loc[0]])
		for _, p := range parts {
			if p.group < 0 {
				out.WriteString(p.text)
			} else {
				out.WriteString(m.text(p.group))
			}
		}
		from = loc[1]
	}
	out.WriteString(text[from:])
	return starlark.String(out.String()), nil
}

func reEscape(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "pattern", &text); err != nil {
		return nil, err
	}
	return starlark.String(regexp.QuoteMeta(text)), nil
}

// A part of a replacement is a text, or the group of that number.
type replacement struct {
	text  string
	group int // -1 for a text
}

// parseReplacement reads the replacement of re.sub as Python does: \1, \g<1>,
// \g<name> and \n, \t, \\.
func parseReplacement(repl string, re *regexp.Regexp) ([]replacement, error) {
	var parts []replacement
	var lit strings.Builder
	group := func(n int) error {
		if n > re.NumSubexp() {
			return fmt.Errorf("the pattern has no group %d", n)
		}
		parts = append(parts, replacement{lit.String(), -1}, replacement{group: n})
		lit.Reset()
		return nil
	}
	for i := 0; i < len(repl); i++ {
		if repl[i] != '\\' {
			lit.WriteByte(repl[i])
			continue
		}
		i++
		if i == len(repl) {
			return nil, errors.New(`the replacement ends in a single \`)
		}
		switch c := repl[i]; {
		case '0' <= c && c <= '9':
			end := i + 1
			if end < len(repl) && '0' <= repl[end] && repl[end] <= '9' {
				end++
			}
			n, _ := strconv.Atoi(repl[i:end])
			if err := group(n); err != nil {
				return nil, err
			}
			i = end - 1
		case c == 'g':
			name, _, ok := strings.Cut(repl[i+1:], ">")
			if !ok || !strings.HasPrefix(name, "<") {
				return nil, errors.New(`\g is not followed by <name>`)
			}
			i += len(name) + 1
			name = name[1:]
			n, err := strconv.Atoi(name)
			if err != nil {
				n = re.SubexpIndex(name)
			}
			if n < 0 {
				return nil, fmt.Errorf("the pattern has no group %q", name)
			}
			if err := group(n); err != nil {
				return nil, err
			}
		case c == 'n':
			lit.WriteByte('\n')
		case c == 't':
			lit.WriteByte('\t')
		case c == '\\':
			lit.WriteByte('\\')
		default:
			lit.WriteByte('\\')
			lit.WriteByte(c)
		}
	}
	return append(parts, replacement{lit.String(), -1}), nil
}

// match is what re.search returns: falsy, with empty groups, if the pattern
// was not found.
type match struct {
	re  *regexp.Regexp
	str string
	loc []int // nil if not found
}

var (
	_ starlark.HasAttrs  = (*match)(nil)
	_ starlark.Indexable = (*match)(nil)
)

func (m *match) String() string {
	if m.loc == nil {
		return "<no match>"
	}
	return fmt.Sprintf("<match %q>", m.text(0))
}
func (m *match) Type() string               { return "match" }
func (m *match) Freeze()                    {}
func (m *match) Truth() starlark.Bool       { return m.loc != nil }
func (m *match) Hash() (uint32, error)      { return 0, errors.New("unhashable: match") }
func (m *match) Len() int                   { return m.re.NumSubexp() + 1 }
func (m *match) Index(i int) starlark.Value { return starlark.String(m.text(i)) }

// text returns a group, "" if it took no part in the match.
func (m *match) text(group int) string {
	if m.loc == nil || m.loc[2*group] < 0 {
		return ""
	}
	return m.str[m.loc[2*group]:m.loc[2*group+1]]
}

func (m *match) Attr(name string) (starlark.Value, error) {
	if b, ok := matchMethods[name]; ok {
		return b.BindReceiver(m), nil
	}
	return nil, nil
}

func (m *match) AttrNames() []string { return []string{"end", "group", "groups", "start"} }

var matchMethods = map[string]*starlark.Builtin{
	"group":  starlark.NewBuiltin("group", matchGroup),
	"groups": starlark.NewBuiltin("groups", matchGroups),
	"start":  starlark.NewBuiltin("start", matchStart),
	"end":    starlark.NewBuiltin("end", matchEnd),
}

// groupNumber returns the number of the group that a builtin of a match was
// called with: a number, a name, or nothing for the whole match.
func (m *match) groupNumber(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (int, error) {
	var which starlark.Value = starlark.MakeInt(0)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "group?", &which); err != nil {
		return 0, err
	}
	n := -1
	switch which := which.(type) {
	case starlark.String:
		n = m.re.SubexpIndex(string(which))
	case starlark.Int:
		if i, err := starlark.AsInt32(which); err == nil {
			n = i
		}
	}
	if n < 0 || n > m.re.NumSubexp() {
		return 0, fmt.Errorf("%s: the pattern has no group %s", b.Name(), which)
	}
	return n, nil
}

func matchGroup(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	m := b.Receiver().(*match)
	n, err := m.groupNumber(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	return starlark.String(m.text(n)), nil
}

func matchGroups(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	m := b.Receiver().(*match)
	groups := make(starlark.Tuple, m.re.NumSubexp())
	for g := range groups {
		groups[g] = starlark.String(m.text(g + 1))
	}
	return groups, nil
}

func matchStart(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return b.Receiver().(*match).offset(b, args, kwargs, 0)
}

func matchEnd(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return b.Receiver().(*match).offset(b, args, kwargs, 1)
}

// offset returns where a group starts or ends, in bytes as strings count, or
// -1 if it is not there.
func (m *match) offset(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple, end int) (starlark.Value, error) {
	n, err := m.groupNumber(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	if m.loc == nil {
		return starlark.MakeInt(-1), nil
	}
	return starlark.MakeInt(m.loc[2*n+end]), nil
}
