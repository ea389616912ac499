package main

import (
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-go/trawl"
)

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// filenameTemplate returns the function behind --filename.
func filenameTemplate(t string) (func(trawl.Request) string, error) {
	known := []string{"{path}", "{dir}", "{name}", "{ext}", "{host}", "{spider}"}
	t = strings.NewReplacer("{filename}", "{name}", "{extension}", "{ext}").Replace(t) // gallery-dl's words
	for _, p := range placeholder.FindAllString(t, -1) {
		if !slices.Contains(known, p) {
			return nil, usagef("--filename %q: %s is not one of %s", t, p, strings.Join(known, " "))
		}
	}
	if !placeholder.MatchString(t) {
		return nil, usagef("--filename %q: all files would get one name; use %s", t, strings.Join(known, " "))
	}
	t = strings.ReplaceAll(t, ".{ext}", "{ext}") // it brings its dot, if there is one
	return func(r trawl.Request) string {
		host := ""
		if u, err := trawl.ParseURL(r.URL); err == nil {
			host = u.Hostname()
		}
		dir, file := path.Split(r.Path)
		ext := path.Ext(file)
		return strings.NewReplacer(
			"{path}", r.Path, "{dir}", strings.TrimSuffix(dir, "/"), "{name}", strings.TrimSuffix(file, ext),
			"{ext}", ext, "{host}", host, "{spider}", r.Spider,
		).Replace(t)
	}, nil
}

// An interval is a range of numbers: every step-th from the first to the last.
type interval struct{ from, to, step int }

func (s interval) has(n int) bool { return s.from <= n && n <= s.to && (n-s.from)%s.step == 0 }

// parseRanges returns the function behind --range: whether a number, from 1
// on, is in one of the ranges: 3, 1-5, 20-, -5, or as in gallery-dl 1:24:3,
// every third from 1 to 23.
func parseRanges(s string) (func(int) bool, error) {
	var spans []interval
	for part := range strings.SplitSeq(s, ",") {
		parse := parseDash
		if strings.Contains(part, ":") {
			parse = parseSlice
		}
		sp, ok := parse(strings.TrimSpace(part))
		if !ok || sp.from < 1 || sp.to < sp.from || sp.step < 1 {
			return nil, usagef("--range %q: %q is not a range like 3, 1-5, 20- or 1:24:3", s, part)
		}
		spans = append(spans, sp)
	}
	return func(n int) bool {
		return slices.ContainsFunc(spans, func(sp interval) bool { return sp.has(n) })
	}, nil
}

// parseDash reads a number or a range like 1-5, 20- or -5.
func parseDash(s string) (interval, bool) {
	from, to, dash := strings.Cut(s, "-")
	if from == "" && to == "" {
		return interval{}, false
	}
	sp := interval{step: 1}
	ok := numberOr(from, 1, &sp.from)
	if !dash {
		sp.to = sp.from
		return sp, ok
	}
	return sp, ok && numberOr(to, math.MaxInt, &sp.to)
}

// parseSlice reads a range like 1:24, :24 or 1:24:3, the end of which is not
// in it.
func parseSlice(s string) (interval, bool) {
	f := append(strings.Split(s, ":"), "")
	if len(f) > 4 {
		return interval{}, false
	}
	sp := interval{}
	ok := numberOr(f[0], 1, &sp.from) && numberOr(f[1], math.MaxInt, &sp.to) && numberOr(f[2], 1, &sp.step)
	if f[1] != "" {
		sp.to--
	}
	return sp, ok
}

// numberOr reads a number that may be left out.
func numberOr(s string, ifEmpty int, n *int) (ok bool) {
	if *n = ifEmpty; s == "" {
		return true
	}
	var err error
	*n, err = strconv.Atoi(s)
	return err == nil
}
