package storetest

import (
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// robots returns what is kept of an origin.
func (e *env) robots(origin string) store.Robots {
	e.Helper()
	r, err := e.s.Robots(bg, origin)
	e.must(err)
	return r
}

var robotsTests = []test{
	{"are kept as they were fetched", func(e *env) {
		e.equal("at first", e.robots("https://a.example"), store.Robots{})
		kept := []store.Robots{
			{Origin: "https://a.example", At: t0, Body: []byte("User-agent: *\nDisallow: /思考中\x00\xff\n")},
			{Origin: "http://a.example", At: t0.Add(time.Hour), Body: []byte("User-agent: trawl\n")},
			{Origin: "http://a.example:8080", At: t0}, // has none
		}
		for _, r := range kept {
			e.must(e.s.KeepRobots(bg, r))
		}
		e.reopen()
		for _, r := range kept {
			e.equal(r.Origin, e.robots(r.Origin), r)
		}
		e.equal("another origin", e.robots("https://b.example"), store.Robots{})
	}},
	{"take the place of those before", func(e *env) {
		for i, body := range []string{"a", "", "bb"} {
			r := store.Robots{Origin: "https://a.example", At: t0.Add(time.Duration(i)), Body: []byte(body)}
			e.must(e.s.KeepRobots(bg, r))
			e.equal("kept", e.robots(r.Origin), r)
		}
	}},
	{"belong to the caller", func(e *env) {
		r := store.Robots{Origin: "https://a.example", At: t0, Body: []byte("body")}
		e.must(e.s.KeepRobots(bg, r))
		r.Body[0] = 'B'
		e.robots(r.Origin).Body[0] = 'x'
		e.equal("kept", string(e.robots(r.Origin).Body), "body")
	}},
}
