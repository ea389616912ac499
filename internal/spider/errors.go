package spider

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// An Error is something wrong in a spider, or met while it ran.
type Error struct {
	// Place is where: "douban.star:6:20", or the file alone.
	Place string

	// Msg says what is wrong, in one line.
	Msg string

	// Hint says what to write instead; "" if there is nothing to say.
	Hint string

	// Trace lists the calls in the spider that led there, outermost first,
	// one a line; "" if they add nothing to Place.
	Trace string

	// Stack is our own stack when the fault is ours, else "".
	Stack string
}

// Backtrace returns Trace, and Stack if the fault is ours, for whoever shows
// the error at length; "" if they are empty.
func (e *Error) Backtrace() string {
	return strings.Trim(e.Trace+"\n"+e.Stack, "\n")
}

// Error returns place, message and hint in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Place != "" {
		b.WriteString(e.Place)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// place returns a position as messages write it.
func (s *Spider) place(pos syntax.Position) string {
	if pos.Line == 0 {
		return s.file
	}
	return fmt.Sprintf("%s:%d:%d", s.file, pos.Line, pos.Col)
}

// maxMsg bounds a message, in characters: fail("…") takes any text.
const maxMsg = 4000

// wrap makes an [*Error] of what running a spider returned. With instead, the
// message is that of instead and err gives the place.
func (s *Spider) wrap(err, instead error) error {
	var own *Error
	if errors.As(err, &own) && instead == nil {
		return own
	}
	e := &Error{Place: s.file, Msg: err.Error()}
	var eval *starlark.EvalError
	if errors.As(err, &eval) {
		e.Msg = eval.Msg
		e.Place, e.Trace = s.trace(eval.CallStack)
	}
	if instead != nil {
		e.Msg = instead.Error()
		return e
	}
	e.Msg = cutText(e.Msg, maxMsg, "…")
	e.Msg, e.Hint = plainMessage(e.Msg), runtimeHint(e.Msg)
	return e
}

// trace returns the innermost place of a call stack that lies in the spider,
// and the list of calls when there is more than one.
func (s *Spider) trace(stack starlark.CallStack) (place, trace string) {
	place = s.file
	var lines []string
	for i, fr := range stack {
		if fr.Pos.Line == 0 || fr.Pos.Filename() != s.file {
			continue // a builtin
		}
		name := fr.Name
		if name == "lambda" && i > 0 && stack[i-1].Name == "page.item" {
			name = "page.item"
		}
		place = s.place(fr.Pos)
		lines = append(lines, fmt.Sprintf("  %s: in %s", place, name))
	}
	if len(lines) > 1 {
		trace = strings.Join(lines, "\n")
	}
	return place, trace
}

// internalError makes an error of a panic.
func (s *Spider) internalError(thread *starlark.Thread, p any) error {
	e := &Error{Place: s.file, Msg: fmt.Sprintf("internal error: %v", p), Hint: "this is a fault of trawl, not of the spider; please report it"}
	e.Stack = string(debug.Stack())
	if thread.CallStackDepth() > 0 {
		e.Place, e.Trace = s.trace(thread.CallStack())
	}
	return e
}

// syntaxErrors translates what the parser and the resolver say.
func (s *Spider) syntaxErrors(src string, err error) error {
	var syn syntax.Error
	if errors.As(err, &syn) {
		return s.syntaxError(src, syn.Pos, syn.Msg)
	}
	var list resolve.ErrorList
	if errors.As(err, &list) {
		errs := make([]error, 0, len(list))
		for _, e := range list {
			errs = append(errs, s.syntaxError(src, e.Pos, e.Msg))
		}
		return errors.Join(errs...)
	}
	return &Error{Place: s.file, Msg: err.Error()}
}

func (s *Spider) syntaxError(src string, pos syntax.Position, msg string) *Error {
	lines := strings.Split(src, "\n")
	if pos.Col == 1 && pos.Line > 1 && strings.HasPrefix(msg, "got newline") {
		// The parser noticed when the line was over.
		pos.Line--
		pos.Col = int32(utf8.RuneCountInString(lines[pos.Line-1])) + 1
	}
	line := ""
	if pos.Line > 0 && int(pos.Line) <= len(lines) {
		line = lines[pos.Line-1]
	}
	col, better, hint := syntaxHint(line, int(pos.Col), msg)
	if better != "" {
		msg = better
	}
	pos.Col = int32(col)
	return &Error{Place: s.place(pos), Msg: msg, Hint: hint}
}
