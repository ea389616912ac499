package xpath

import (
	"math"
	"strconv"
	"strings"
)

// parseNumber converts as number() does: optional white space, an optional
// minus sign, digits with an optional point, and nothing else. There is no
// exponent, no plus sign, no infinity.
func parseNumber(s string) float64 {
	s = trimSpace(s)
	digits := strings.TrimPrefix(s, "-")
	seen, point := false, false
	for i := 0; i < len(digits); i++ {
		switch c := digits[i]; {
		case isDigit(c):
			seen = true
		case c == '.' && !point:
			point = true
		default:
			return math.NaN()
		}
	}
	if !seen {
		return math.NaN()
	}
	if !point && len(digits) <= 15 { // the common case, exact
		n := int64(0)
		for i := 0; i < len(digits); i++ {
			n = 10*n + int64(digits[i]-'0')
		}
		if len(digits) < len(s) {
			return math.Copysign(float64(n), -1)
		}
		return float64(n)
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range gives an infinity, as it should
	return f
}

// trimSpace removes XML white space. NBSP and other spaces stay.
func trimSpace(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// formatNumber converts as string() does: decimal, never an exponent, as many
// digits as it takes to tell the number from its neighbours, no negative zero.
func formatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func formatBool(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func boolNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func numberBool(f float64) bool { return f != 0 && !math.IsNaN(f) }

// round is round(): to the nearest integer, halves towards +∞. Adding 0.5 and
// flooring is wrong for 0.49999999999999994 and above 2^52.
func round(f float64) float64 {
	n := math.Floor(f)
	if f-n >= 0.5 {
		n++
	}
	if n == 0 {
		return math.Copysign(0, f)
	}
	return n
}
