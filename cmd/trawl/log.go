package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// openLog has everything that goes to standard error be a line of a log, if the
// command has --log and it is given.
func (a *app) openLog(c *cobra.Command, _ []string) error {
	flag := c.Flags().Lookup("log")
	if flag == nil || !flag.Changed {
		return nil
	}
	given := func(name string) bool { f := c.Flags().Lookup(name); return f != nil && f.Value.String() == "true" }
	level := slog.LevelInfo
	switch {
	case given("verbose"):
		level = slog.LevelDebug
	case given("quiet"):
		level = slog.LevelWarn
	}
	format := flag.Value.String()
	if format != "json" && format != "text" {
		return usagef("--log %q: must be json or text", format)
	}
	w := a.err
	if s, ok := w.(*screen); ok {
		w = s.w
		a.log = newLogger(w, format, level)
		s.log.Store(a.log)
		return nil
	}
	a.log = newLogger(w, format, level)
	return nil
}

// newLogger returns a logger whose lines are JSON objects or text. They hold no
// password that stands in a URL, and nothing that could command a terminal.
func newLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	opt := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value.Any().(type) {
		case string:
			a.Value = slog.StringValue(harmless(v))
		case error:
			a.Value = slog.StringValue(harmless(v.Error()))
		}
		return a
	}}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt))
	}
	return slog.New(slog.NewTextHandler(w, opt))
}

// login is the user's part of a URL in a text.
var login = regexp.MustCompile(`//[^\s/?#"'<>]*@`)

// harmless returns a text from outside for a log.
func harmless(s string) string { return printableLines(login.ReplaceAllString(s, "//")) }

// logLines writes a text to a log, a record for each line.
func logLines(log *slog.Logger, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "warning: "); ok {
			log.Warn(rest)
		} else if line != "" {
			log.Info(line)
		}
	}
}

// workerName is what other processes know this one by, and its log.
func workerName() string {
	host, _ := os.Hostname() // "" is a name too
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
