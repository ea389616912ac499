package trawl_test

import (
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
)

func TestWorkers(t *testing.T) {
	for in, want := range map[string]trawl.Workers{
		"threads(1)": trawl.Threads(1), "processes(12)": trawl.Processes(12), "processes(cpu)": trawl.Processes(0),
	} {
		got, err := trawl.ParseWorkers(in)
		if got != want || err != nil {
			t.Errorf("ParseWorkers(%q) = %+v, %v, want %+v", in, got, err, want)
		}
		if got.String() != in {
			t.Errorf("%+v.String() = %q, want %q", got, got, in)
		}
	}
	// As a spider writes it.
	if got, err := trawl.ParseWorkers(` processes( "cpu" ) `); got != trawl.Processes(0) || err != nil {
		t.Errorf(`processes("cpu") = %+v, %v`, got, err)
	}
	if s := (trawl.Workers{}).String(); s != "" {
		t.Errorf("the zero value is %q, want nothing", s)
	}
	for in, want := range map[string]string{
		"":                 "is not threads(N)",
		"4":                "is not threads(N)",
		"threads":          "is not threads(N)",
		"threads(4":        "is not threads(N)",
		"fibers(4)":        "is not threads(N)",
		"threads(cpu)":     "threads take a number",
		"threads()":        `"" is not a whole number`,
		"processes(all)":   `"all" is not a whole number`,
		"processes(0)":     "0 is not between 1 and 10000",
		"threads(-3)":      "-3 is not between",
		"threads(10001)":   "10001 is not between",
		"threads(1e3)":     "not a whole number",
		"processes(1)(2)x": "is not threads(N)",
	} {
		if got, err := trawl.ParseWorkers(in); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), in) {
			t.Errorf("ParseWorkers(%q) = %+v, %v, want an error with %q", in, got, err, want)
		}
	}
}
