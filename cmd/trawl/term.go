package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"golang.org/x/term"
)

// A screen is standard error: what is written while there are bars goes above
// them, and scrolls. It is safe for concurrent use as far as w is.
type screen struct {
	w    io.Writer
	bars atomic.Pointer[mpb.Progress] // nil for none
	log  atomic.Pointer[slog.Logger]  // which everything is a line of; nil for none
}

// Write writes whole lines.
func (s *screen) Write(p []byte) (int, error) {
	if log := s.log.Load(); log != nil {
		logLines(log, string(p))
		return len(p), nil
	}
	if bars := s.bars.Load(); bars != nil {
		if n, err := bars.Write(p); err == nil {
			return n, nil
		}
	}
	return s.w.Write(p)
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(w io.Writer) bool {
	if s, ok := w.(*screen); ok {
		w = s.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printable returns a text from outside so that it cannot command the
// terminal: control characters, line breaks, invalid UTF-8 and characters
// that change the direction of writing are replaced by '?'.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, s)
}

// printableLines is printable for a text of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// indented is printableLines with all lines but the first indented.
func indented(s string) string {
	return strings.ReplaceAll(printableLines(strings.TrimSpace(s)), "\n", "\n    ")
}

// size returns a number of bytes for people.
func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/unit, 0
	for v >= 999.5 && i < 4 {
		v /= unit
		i++
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %cB", v, "kMGTP"[i])
	}
	return fmt.Sprintf("%.0f %cB", v, "kMGTP"[i])
}

// span returns a duration for people.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// plural returns "1 page" or "2 pages".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %ss", thousands(n), one)
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
