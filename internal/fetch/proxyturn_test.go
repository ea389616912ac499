package fetch

import (
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// A proxy rests for twice as long each time, and comes back.
func TestProxyRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rest time.Duration
		p := newProxies(&Options{Proxies: []*url.URL{{Host: "a"}, {Host: "b"}},
			ProxyFailed: func(_ string, d time.Duration, _ error) { rest = d }})
		turns := func() (s string) {
			for range 4 {
				s += p.all[p.next([]bool{false, false})].Host
			}
			return s
		}
		if got := turns(); got != "abab" {
			t.Errorf("turns %s, want abab", got)
		}
		for i, want := range []time.Duration{30, 60, 120, 240, 480, 600, 600} {
			p.fails(0, true, errors.New("x"))
			if want *= time.Second; rest != want {
				t.Errorf("rest %d = %v, want %v", i, rest, want)
			}
			p.fails(0, true, errors.New("x")) // another request that was under way
			if got := turns(); got != "bbbb" {
				t.Errorf("turns %s, want bbbb", got)
			}
			<-time.After(rest - 1)
			if got := turns(); got != "bbbb" {
				t.Errorf("turns %s, want bbbb", got)
			}
			<-time.After(1)
		}
		if got := turns(); got != "abab" && got != "baba" {
			t.Errorf("turns %s, want both", got)
		}
		// Both rest: the one that is back first is used.
		p.worked(0)
		p.fails(0, true, errors.New("x"))
		<-time.After(time.Second)
		p.fails(1, false, errors.New("x"))
		p.fails(1, false, errors.New("x"))
		if got := turns(); got != "bbbb" {
			t.Errorf("turns %s, want bbbb: two failures may be the site's", got)
		}
		p.fails(1, false, errors.New("x"))
		if got := turns(); got != "aaaa" {
			t.Errorf("turns %s, want aaaa", got)
		}
	})
}
