package crawl_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
)

// failing is a spider whose pages fail with an error.
type failing struct {
	goSpider
	err error
}

func (s *failing) Parse(context.Context, *trawl.Page) (*trawl.Result, error) { return nil, s.err }

type worded struct {
	reason string
	fatal  bool
}

func (e worded) Error() string  { return "worded" }
func (e worded) Reason() string { return e.reason }
func (e worded) Fatal() bool    { return e.fatal }

// TestReason has pages that fail for reasons of their own.
func TestReason(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("plain"), "spider"},
		{worded{}, "spider"},
		{worded{reason: "memory"}, "memory"},
		{errors.Join(errors.New("and"), worded{reason: "deadline"}), "deadline"},
	} {
		w := newWorld(t)
		s := &failing{goSpider{start: []string{"https://a.example.test/"}}, tt.err}
		sum, err := w.run(t.Context(), t.TempDir(), s, w.options())
		if err != nil || len(sum.Failed) != 1 || sum.Failed[0].Reason != tt.want {
			t.Errorf("%v: failed %+v, %v; want the reason %s", tt.err, sum.Failed, err, tt.want)
		}
	}
}

// TestFatal has a spider that cannot go on: the job ends, and no page is to
// blame.
func TestFatal(t *testing.T) {
	w := newWorld(t)
	s := &failing{goSpider{start: []string{"https://a.example.test/1", "https://a.example.test/2"}}, worded{reason: "memory", fatal: true}}
	sum, err := w.run(t.Context(), t.TempDir(), s, w.options())
	if err == nil || !strings.Contains(err.Error(), "worded") || len(sum.Failed) != 0 || sum.Left() != 2 {
		t.Errorf("Run = %+v, %v; want the error, and both pages left", sum, err)
	}
}
