package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/job"
)

// TestStatusOfSummary checks that the lowest status that occurred counts, 1
// only alone, and an interruption above all.
func TestStatusOfSummary(t *testing.T) {
	failed := func(reasons ...fetch.Reason) crawl.Summary {
		var s crawl.Summary
		for _, r := range reasons {
			s.Failed = append(s.Failed, crawl.FailedCount{Reason: string(r), Count: 1})
		}
		return s
	}
	with := func(s crawl.Summary, edit func(*crawl.Summary)) crawl.Summary {
		edit(&s)
		return s
	}
	badItem := func(s *crawl.Summary) { s.ItemsFailed = 1 }
	for _, c := range []struct {
		name string
		sum  crawl.Summary
		want int
	}{
		{"all well", crawl.Summary{}, 0},
		{"left out by size", failed(crawl.Filtered), 0},
		{"left out by robots.txt", failed(crawl.Robots), 0},
		{"malformed", failed(fetch.BadRequest), 2},
		{"disk", failed(fetch.Disk), 3},
		{"network", failed(fetch.Network), 4},
		{"TLS", failed(fetch.TLS), 5},
		{"login", failed(fetch.Auth), 6},
		{"cut", failed(fetch.Cut), 7},
		{"type", failed(fetch.Type), 7},
		{"too large", failed(fetch.Size), 7},
		{"no document", failed(fetch.Parse), 7},
		{"HTTP", failed(fetch.HTTP), 8},
		{"login wall", failed(fetch.Login), 8},
		{"redirects", failed(fetch.Redirect), 8},
		{"spider", failed(fetch.Spider), 1},
		{"the lowest", failed(fetch.HTTP, fetch.Network, fetch.Cut), 4},
		{"the lowest, in another order", failed(fetch.Network, fetch.Cut, fetch.HTTP), 4},
		{"1 first", failed(fetch.Spider, fetch.HTTP), 8},
		{"1 last", failed(fetch.HTTP, fetch.Spider), 8},
		{"filtered and 1", failed(crawl.Filtered, fetch.Spider), 1},
		{"bad item", with(crawl.Summary{}, badItem), 1},
		{"bad item and HTTP", with(failed(fetch.HTTP), badItem), 8},
		{"bad start", with(failed(fetch.Network), func(s *crawl.Summary) { s.BadSeeds = []crawl.Note{{Text: "x"}} }), 2},
		{"stopped host", with(crawl.Summary{}, func(s *crawl.Summary) { s.Stopped = map[string]string{"a": "b"} }), 8},
		{"stopped host and network", with(failed(fetch.Network), func(s *crawl.Summary) { s.Stopped = map[string]string{"a": "b"} }), 4},
		{"interrupted", with(failed(fetch.BadRequest), func(s *crawl.Summary) { s.Interrupted = true }), 130},
		{"warnings", with(crawl.Summary{}, func(s *crawl.Summary) { s.Warnings = []crawl.Note{{Text: "x"}} }), 0},
	} {
		if got := statusOfSummary(&c.sum); got != c.want {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{usagef("x"), 2},
		{&job.OtherJobError{}, 2},
		{&spider.Error{}, 2},
		{&crawl.BadSeed{Err: errors.New("x")}, 2},
		{&job.LockedError{}, 3},
		{&save.Error{Reason: save.Disk, Err: errors.New("x")}, 3},
		{&fs.PathError{Err: fs.ErrPermission}, 3},
		{&fetch.Error{Reason: fetch.TLS}, 5},
		{context.Canceled, 130},
		{errors.New("x"), 1},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err), errors.Join(errors.New("other"), c.err)} {
			if got := statusOf(err); got != c.want {
				t.Errorf("statusOf(%T: %v) = %d, want %d", c.err, err, got, c.want)
			}
		}
	}
}
