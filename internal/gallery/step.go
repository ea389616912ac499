package gallery

import (
	"net/url"
	"strconv"
	"strings"
)

// A step leads from a page of a gallery to another one, by their numbers.
type step struct {
	from, to int
}

func (s step) forward() bool { return s.to > s.from }

// stepTo tells whether an address is that of a page of the same gallery: the
// same with another number, or with a number added. A page without number is
// the first.
func stepTo(from, to *url.URL) (step, bool) {
	switch {
	case !sameSite(from, to):
		return step{}, false
	case strings.TrimSuffix(from.Path, "/") == strings.TrimSuffix(to.Path, "/"):
		return queryStep(from.Query(), to.Query())
	case from.RawQuery != to.RawQuery:
		return step{}, false
	}
	if s, ok := numberStep(from.Path, to.Path); ok {
		return s, true
	}
	return addedStep(from.Path, to.Path)
}

// queryStep compares two queries of one path: one parameter has another number,
// or is a cursor with another value.
func queryStep(from, to url.Values) (step, bool) {
	var changed []string
	for k := range to {
		if from.Get(k) != to.Get(k) {
			changed = append(changed, k)
		}
	}
	if len(changed) != 1 {
		return step{}, false
	}
	k := changed[0]
	if n, err := strconv.Atoi(to.Get(k)); err == nil {
		s := step{from: 1, to: n}
		if f, err := strconv.Atoi(from.Get(k)); err == nil {
			s.from = f
		}
		return s, true
	}
	switch strings.ToLower(k) {
	case "after", "cursor", "page_token", "pagetoken", "token", "next", "max_id", "continue", "from", "start", "marker":
		return step{from: 0, to: 1}, true
	}
	if !from.Has(k) {
		return step{}, false
	}
	return numberStep(from.Get(k), to.Get(k))
}

// numberStep compares two texts that are the same but for one number.
func numberStep(from, to string) (step, bool) {
	var s step
	found := false
	for from != "" || to != "" {
		textA, numA, restA := cutNumber(from)
		textB, numB, restB := cutNumber(to)
		if textA != textB || (numA == "") != (numB == "") {
			return step{}, false
		}
		if numA != numB {
			a, errA := strconv.Atoi(numA)
			b, errB := strconv.Atoi(numB)
			if found || errA != nil || errB != nil {
				return step{}, false
			}
			found, s = true, step{from: a, to: b}
		}
		from, to = restA, restB
	}
	return s, found
}

// cutNumber cuts a text before and after its first number.
func cutNumber(s string) (text, number, rest string) {
	const digits = "0123456789"
	i := strings.IndexAny(s, digits)
	if i < 0 {
		return s, "", ""
	}
	number = s[i : len(s)-len(strings.TrimLeft(s[i:], digits))]
	return s[:i], number, s[i+len(number):]
}

// addedStep knows the second page from the first by what is added to the
// path: /2, /page/2, /p2, _2.html, index_2.html.
func addedStep(from, to string) (step, bool) {
	base, page := stemOf(from), stemOf(to)
	rest, ok := strings.CutPrefix(page, base)
	if !ok || rest == "" {
		return step{}, false
	}
	number := rest[len(strings.TrimRight(rest, "0123456789")):]
	n, err := strconv.Atoi(number)
	if err != nil {
		return step{}, false
	}
	// What stands between is separators with at most one word.
	between := strings.ToLower(rest[:len(rest)-len(number)])
	switch strings.Trim(between, "/-_.") {
	case "", "p", "pg", "page", "pages", "index", "list", "seite", "pagina", "s", "paged":
	default:
		return step{}, false
	}
	if between == "" || strings.IndexByte("/-_.", between[0]) < 0 {
		return step{}, false // the number, or the word, is part of a longer one
	}
	return step{from: 1, to: n}, true
}

// stemOf returns a path without the ending that its first page may lack.
func stemOf(path string) string {
	path = strings.TrimSuffix(path, "/")
	for _, ext := range []string{".html", ".htm", ".shtml", ".php", ".aspx"} {
		path = strings.TrimSuffix(path, ext)
	}
	return strings.TrimSuffix(path, "/index")
}
