package spider

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// numBuiltin is num(s, default=None).
func numBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v, def starlark.Value = nil, starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "s", &v, "default?", &def); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case starlark.Int, starlark.Float:
		return v, nil
	case starlark.NoneType:
		return def, nil
	case starlark.String:
		if n, ok := findNumber(string(v)); ok {
			return n, nil
		}
		return def, nil
	case *selection:
		return nil, fmt.Errorf("num: this is a selection; write .text")
	}
	return nil, fmt.Errorf("num: want a string, got a %s", v.Type())
}

// findNumber returns the first number in a text. A comma followed by three
// digits is a thousands separator; 万 and 亿 after the number multiply it.
// Full-width digits are digits.
func findNumber(s string) (starlark.Value, bool) {
	s = strings.Map(func(r rune) rune {
		if '！' <= r && r <= '～' { // the full-width forms of ASCII
			return r - '！' + '!'
		}
		return r
	}, s)
	start := strings.IndexAny(s, "0123456789")
	if start < 0 {
		return nil, false
	}
	var digits strings.Builder
	if before, _ := utf8.DecodeLastRuneInString(s[:max(start-1, 0)]); start > 0 && s[start-1] == '-' &&
		!unicode.IsLetter(before) && !unicode.IsDigit(before) {
		digits.WriteByte('-') // a sign, and not the dash of a range
	}
	rest := s[start:]
	n := digitsLen(rest)
	digits.WriteString(rest[:n])
	rest = rest[n:]
	for n <= 3 && strings.HasPrefix(rest, ",") && digitsLen(rest[1:]) == 3 {
		digits.WriteString(rest[1:4])
		rest = rest[4:]
	}
	isFloat := false
	if strings.HasPrefix(rest, ".") {
		if n := digitsLen(rest[1:]); n > 0 {
			digits.WriteString(rest[:n+1])
			rest = rest[n+1:]
			isFloat = true
		}
	}
	zeros := 0
	switch r, _ := utf8.DecodeRuneInString(strings.TrimLeft(rest, " ")); r {
	case '万', '萬':
		zeros = 4
	case '亿', '億':
		zeros = 8
	}
	return makeNumber(digits.String(), isFloat, zeros)
}

// makeNumber returns a decimal with its point moved by zeros digits.
func makeNumber(digits string, isFloat bool, zeros int) (starlark.Value, bool) {
	whole, frac, _ := strings.Cut(digits, ".")
	if zeros > 0 {
		frac += strings.Repeat("0", max(zeros-len(frac), 0))
		whole, frac = whole+frac[:zeros], frac[zeros:]
		isFloat = strings.Trim(frac, "0") != ""
	}
	if isFloat {
		f, err := strconv.ParseFloat(whole+"."+frac, 64)
		return starlark.Float(f), err == nil
	}
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		return starlark.MakeInt64(n), true
	}
	return nil, false // longer than any count
}

func digitsLen(s string) int {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return i
		}
	}
	return len(s)
}

// cutBuiltin is cut(s, n, end="").
func cutBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var s, end string
	var n int
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "s", &s, "n", &n, "end?", &end); err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, fmt.Errorf("cut: n is %d; want 0 or more", n)
	}
	return starlark.String(cutText(s, n, end)), nil
}

// cutText returns the first n characters of s, and end if there were more.
func cutText(s string, n int, end string) string {
	for i := range s {
		if n == 0 {
			return s[:i] + end
		}
		n--
	}
	return s
}
