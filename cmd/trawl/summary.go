package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/trawl-go/trawl/crawl"
)

// printSummary tells what a run came to. dir is where the files are, "" in a
// simulation, and where is how other commands find the job.
func printSummary(w io.Writer, name, dir, where string, s *crawl.Summary) {
	row := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-11s %s\n", label, fmt.Sprintf(format, args...))
	}
	state := "done"
	switch {
	case s.Interrupted:
		state = "interrupted"
	case s.Enough:
		state = "done as far as it was new"
	case s.Left() > 0: // hosts were stopped, or an error ended it
		state = "stopped short"
	}
	fmt.Fprintf(w, "%s: %s in %s\n", name, state, span(s.Elapsed))
	saved := "saved"
	if dir == "" {
		saved = "found"
	}
	row("pages", "%s", tally(s.Pages, "fetched"))
	if s.Files.Total() > 0 {
		line := tally(s.Files, saved)
		if s.Bytes > 0 {
			line += ", " + size(s.Bytes)
		}
		if s.Duplicates > 0 {
			line += fmt.Sprintf(", %s with content that was there already", thousands(s.Duplicates))
		}
		row("files", "%s", line)
	}
	if s.ItemsTotal > 0 || s.ItemsFailed > 0 {
		line := thousands(s.Items)
		if before := s.ItemsTotal - s.Items; before > 0 {
			line += fmt.Sprintf(", %s already there", thousands(before))
		}
		if s.ItemsFailed > 0 {
			line += fmt.Sprintf(", %s failed", thousands(s.ItemsFailed))
		}
		row("records", "%s", line)
	}
	if s.Retries > 0 {
		row("retries", "%s", thousands(s.Retries))
	}
	for _, f := range s.Failed {
		label := "failed"
		if crawl.LeftOut(f.Reason) {
			label = "left out"
		}
		row(label, "%s: %s, such as %s", thousands(int64(f.Count)), reasonText(f.Reason, f.Status), printable(f.Example))
	}
	printNotes(w, "bad items", s.BadItems)
	printNotes(w, "bad starts", s.BadSeeds)
	printNotes(w, "warning", s.Warnings)
	printStopped(w, s)
	if dir != "" {
		row("in", "%s", dir)
	}
	switch {
	case s.Enough && s.Left() > 0:
		row("next", "%s left behind the files that were known; the same command goes on", plural(s.Left(), "request"))
	case s.Interrupted:
		row("next", "%s left; the same command goes on", plural(s.Left(), "request"))
	case failures(s) > 0 && dir != "":
		row("next", "trawl status %s lists what failed; trawl retry %s takes it again", where, where)
	}
}

// maxNotes bounds the texts of one kind that are printed.
const maxNotes = 8

func printNotes(w io.Writer, label string, notes []crawl.Note) {
	for i, n := range notes {
		if i == maxNotes {
			fmt.Fprintf(w, "  %-11s and %d more\n", label, len(notes)-i)
			return
		}
		times := ""
		if n.Count > 1 {
			times = fmt.Sprintf(" (%s times)", thousands(int64(n.Count)))
		}
		fmt.Fprintf(w, "  %-11s %s%s\n", label, printable(n.Text), times)
	}
}

// printStopped names the hosts that were stopped.
func printStopped(w io.Writer, s *crawl.Summary) {
	if len(s.Stopped) == 0 {
		return
	}
	for _, host := range slices.Sorted(maps.Keys(s.Stopped)) {
		fmt.Fprintf(w, "  %-11s %s: %s\n", "stopped", printable(host), printable(s.Stopped[host]))
	}
	fmt.Fprintf(w, "  %-11s %s wait; run the same command later\n", "", plural(s.Left(), "request"))
}

// tally tells of one kind of request in a line.
func tally(t crawl.Tally, done string) string {
	parts := []string{fmt.Sprintf("%s %s", thousands(t.Done), done)}
	add := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, thousands(n)+" "+what)
		}
	}
	add(t.Already, "already there")
	add(t.Failed, "failed")
	add(t.Waiting, "left")
	return strings.Join(parts, ", ")
}

// failures counts what failed, without what was left out on purpose.
func failures(s *crawl.Summary) int {
	n := 0
	for _, f := range s.Failed {
		if !crawl.LeftOut(f.Reason) {
			n += f.Count
		}
	}
	return n
}

// reasonText says a reason in plain words.
func reasonText(reason string, status int) string {
	text := map[string]string{
		"request": "malformed URL", "network": "network", "tls": "no trustworthy encrypted connection",
		"private": "a private address that was not asked for (--allow-private)",
		"auth":    "the site wants a login", "http": "HTTP error", "login": "redirected to a login",
		"redirect": "too many or forbidden redirects", "cut": "body cut short", "type": "not what it claims to be",
		"size": "too large", "filtered": "larger than --filesize-max", "robots": "disallowed by robots.txt", "disk": "could not be written",
		"held": "placeholders, put aside in .trawl/held", "parse": "could not be parsed", "spider": "the spider failed",
		"crash": "the worker process crashed", "memory": "over the limit of memory", "deadline": "over the limit of time",
	}[reason]
	if text == "" {
		text = reason
	}
	if status != 0 && (reason == "http" || reason == "auth") {
		text += fmt.Sprintf(" %d", status)
	}
	return text
}
