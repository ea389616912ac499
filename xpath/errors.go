package xpath

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrBudget is returned, wrapped, when an evaluation has used up
// EvalOptions.Budget.
var ErrBudget = errors.New("work budget used up")

// An Error says what is wrong with an expression, and where.
type Error struct {
	Expr   string // the expression
	Offset int    // where the trouble is, in bytes from the start of Expr
	Msg    string
}

// Column returns where the trouble is, in characters, counting from 1.
func (e *Error) Column() int {
	return utf8.RuneCountInString(e.Expr[:min(e.Offset, len(e.Expr))]) + 1
}

// Error returns the message, then the expression with a caret below the
// place, on three lines. Long expressions are cut around the place.
func (e *Error) Error() string {
	return fmt.Sprintf("xpath: column %d: %s\n%s", e.Column(), e.Msg, e.caret())
}

// caretWidth is how much of an expression is shown on either side.
const caretWidth = 40

func (e *Error) caret() string {
	at := min(e.Offset, len(e.Expr))
	before, after := []rune(e.Expr[:at]), []rune(e.Expr[at:])
	var line, pad strings.Builder
	line.WriteString("\t")
	pad.WriteString("\t")
	if len(before) > caretWidth {
		before = before[len(before)-caretWidth:]
		line.WriteString("…")
		pad.WriteString(" ")
	}
	for _, r := range before {
		line.WriteRune(printable(r))
		if wide(r) {
			pad.WriteRune('\u3000') // as wide as the character above it
		} else if !unicode.Is(unicode.Mn, r) {
			pad.WriteByte(' ')
		}
	}
	cut := len(after) > caretWidth
	if cut {
		after = after[:caretWidth]
	}
	for _, r := range after {
		line.WriteRune(printable(r))
	}
	if cut {
		line.WriteString("…")
	}
	return line.String() + "\n" + pad.String() + "^"
}

// printable keeps an expression on one line and away from the terminal's
// control sequences.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

func wide(r rune) bool {
	return r >= 0x1100 && (unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) ||
		r >= 0x3000 && r <= 0x303f || r >= 0xff01 && r <= 0xff60)
}
