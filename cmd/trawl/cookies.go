package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/trawl-go/trawl/internal/cookies"
	"github.com/trawl-go/trawl/internal/fetch"
)

// jar returns a jar with the cookies that the flags name, nil if they name
// none. It says what was left out.
func (a *app) jar(ctx context.Context, f *collectFlags) (http.CookieJar, error) {
	var sets []*cookies.Set
	if f.browser != "" {
		s, err := cookies.FromBrowser(ctx, f.browser, nil, time.Now())
		if err != nil {
			return nil, usagef("--cookies-from-browser %s: %w", f.browser, err)
		}
		sets = append(sets, s)
	}
	if f.cookies != "" { // the later one wins, and a file is what was meant
		s, err := readCookies(f.cookies)
		if err != nil {
			return nil, usagef("--cookies: %w", err)
		}
		sets = append(sets, s)
	}
	if sets == nil {
		return nil, nil
	}
	jar := fetch.NewJar()
	for _, s := range sets {
		for i := range s.Cookies {
			u, c := s.Cookies[i].HTTP()
			jar.Give(u, []*http.Cookie{c})
		}
		if f.quiet {
			continue
		}
		for _, note := range cookieNotes(s) {
			fmt.Fprintln(a.err, printable(note))
		}
	}
	return jar, nil
}

func readCookies(name string) (*cookies.Set, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return cookies.Parse(name, file, time.Now())
}

// cookieNotes says what became of the cookies of a set.
func cookieNotes(s *cookies.Set) []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	note("cookies: %s from %s", thousands(int64(len(s.Cookies))), s.Source)
	for i, m := range s.Mistakes {
		switch {
		case i == maxNotes:
			note("warning: %s: and %d more", s.Source, len(s.Mistakes)-i)
		case i > maxNotes:
		case m.Line == 0:
			note("warning: %s: left out: %s", s.Source, m.Msg)
		default:
			note("warning: %s:%d: left out: %s", s.Source, m.Line, m.Msg)
		}
	}
	if s.Expired > 0 {
		note("warning: %s: left out: %s out of date; export them again", s.Source, plural(int64(s.Expired), "cookie"))
	}
	if s.Apart > 0 {
		note("warning: %s: left out: %s of containers and of sites within sites", s.Source, plural(int64(s.Apart), "cookie"))
	}
	if s.Sealed > 0 {
		note("warning: %s: left out: %s that cannot be decrypted, since the key is in the desktop's keyring; export them to a cookies.txt and use --cookies FILE",
			s.Source, plural(int64(s.Sealed), "cookie"))
	}
	return notes
}
