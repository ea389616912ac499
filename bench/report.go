package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A report is what was measured. It is what -json writes.
type report struct {
	Date      time.Time         `json:"date"`
	Machine   machineInfo       `json:"machine"`
	Small     bool              `json:"small,omitempty"` // the figures mean nothing
	Versions  map[string]string `json:"versions"`
	Missing   []missing         `json:"missing,omitempty"`
	Workloads []result          `json:"workloads"`
}

type machineInfo struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory int64  `json:"memory_bytes"`
	OS     string `json:"os"`
	Go     string `json:"go"`
	Files  string `json:"file_system"`
}

// missing is a peer that was not there, and how to install it.
type missing struct {
	Name string `json:"name"`
	Hint string `json:"hint"`
}

// A result is what came out of a workload: rows of programs that were
// measured in turns, or facts, or both.
type result struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Note    string   `json:"note,omitempty"`
	Server  string   `json:"server,omitempty"`
	Rows    []row    `json:"rows,omitempty"`
	Facts   []fact   `json:"facts,omitempty"`
	Targets []target `json:"targets,omitempty"`
}

// A row is a program.
type row struct {
	Name    string   `json:"name"`
	Does    string   `json:"does"`
	Flags   string   `json:"flags,omitempty"`
	Samples []sample `json:"samples"`
	Wrong   string   `json:"wrong,omitempty"` // what it did not do
	Failed  string   `json:"failed,omitempty"`
}

func (r *row) elapsed() float64 {
	return median(r.Samples, func(s sample) float64 { return s.Elapsed })
}
func (r *row) cpu() float64 { return median(r.Samples, func(s sample) float64 { return s.CPU }) }
func (r *row) rss() float64 {
	return median(r.Samples, func(s sample) float64 { return float64(s.RSS) })
}

// A fact is a figure that is no program's run.
type fact struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// A target is a promise and what came of it.
type target struct {
	Text string  `json:"text"`
	Got  float64 `json:"got"`
	Unit string  `json:"unit"`
	Met  bool    `json:"met"`
}

// row returns the row of a program, nil if it has no samples.
func (r *result) row(name string) *row {
	for i := range r.Rows {
		if r.Rows[i].Name == name && len(r.Rows[i].Samples) > 0 {
			return &r.Rows[i]
		}
	}
	return nil
}

// atMost notes the target that a figure is at most so much.
func (r *result) atMost(text string, got, most float64, unit string) {
	r.Targets = append(r.Targets, target{text, got, unit, got <= most})
}

// atLeast notes the target that a figure is at least so much.
func (r *result) atLeast(text string, got, least float64, unit string) {
	r.Targets = append(r.Targets, target{text, got, unit, got >= least})
}

// ratio calls note with f(a)/f(b), if both were measured.
func (r *result) ratio(a, b string, f func(*row) float64, note func(ratio float64)) {
	x, y := r.row(a), r.row(b)
	if x != nil && y != nil && f(y) > 0 {
		note(f(x) / f(y))
	}
}

// readReport reads what -json wrote.
func readReport(name string) (*report, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := &report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: not written by -json: %w", name, err)
	}
	return r, nil
}

// keep adds the workloads of an older report that r does not have. They come
// in the order in which they are always measured.
func (r *report) keep(old *report) {
	var all []result
	for _, w := range workloads(false) {
		named := func(x result) bool { return x.Name == w.name }
		if i := slices.IndexFunc(r.Workloads, named); i >= 0 {
			all = append(all, r.Workloads[i])
		} else if i := slices.IndexFunc(old.Workloads, named); i >= 0 {
			x := old.Workloads[i]
			if day := old.Date.Format("2 January 2006"); !strings.Contains(x.Note, "Measured on ") {
				x.Note = strings.TrimSpace(x.Note + fmt.Sprintf(" Measured on %s, with trawl %s.", day, old.Versions["trawl"]))
			}
			all = append(all, x)
		}
	}
	r.Workloads = all
	r.Small = r.Small || old.Small
}
