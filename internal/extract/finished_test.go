package extract

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
)

// TestIsFinished makes addresses up and compares those that need nothing done
// with what is made of them when everything is.
func TestIsFinished(t *testing.T) {
	base, err := url.Parse("http://site.test/dir/page?q#f")
	if err != nil {
		t.Fatal(err)
	}
	pieces := strings.Split("a|B|0|-|_|~|/|/|.|..|?|=|&|:|%20|%|#|中|!|+|//|/./|/../|@|;|https://|x.test|:80|[::1]", "|")
	r := rand.New(rand.NewPCG(6, 7))
	finished := 0
	for range 200_000 {
		ref := []string{"http://a.test/", "https://b-1.test/", "http://a.test", "", "HTTP://x/"}[r.IntN(5)]
		for range r.IntN(8) {
			ref += pieces[r.IntN(len(pieces))]
		}
		if ref = cleanRef(ref); !isFinished(ref) {
			continue
		}
		finished++
		u, err := url.Parse(ref)
		if err != nil {
			t.Fatalf("%q: %v", ref, err)
		}
		u = base.ResolveReference(u)
		u.RawQuery = escapeQuery(u.RawQuery)
		if got := u.String(); got != ref {
			t.Fatalf("%q is finished, and becomes %q", ref, got)
		}
	}
	if finished < 1000 {
		t.Errorf("only %d addresses are finished", finished)
	}
}
