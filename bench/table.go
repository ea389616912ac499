package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// writeMarkdown writes a report as Markdown, with the chart of that name if it
// is not "".
func writeMarkdown(w io.Writer, r *report, chart string) error {
	p := &printer{w: w}
	p.f("Measured on %s: %s.\n", r.Date.Format("2 January 2006"), describe(r.Machine))
	if r.Small {
		p.f("\n**These figures mean nothing**: the workloads were small ones, to see that everything works.\n")
	}
	var vs []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		if v := r.Versions[name]; strings.Contains(v, " ") {
			vs = append(vs, v)
		} else {
			vs = append(vs, name+" "+v)
		}
	}
	p.f("\nVersions: %s.\n", strings.Join(vs, " · "))
	for _, m := range r.Missing {
		p.f("\nNot there, and so not measured: %s (%s).\n", m.Name, m.Hint)
	}
	if chart != "" {
		p.f("\n![elapsed time of each program, by workload](%s)\n", chart)
	}
	for i := range r.Workloads {
		p.workload(&r.Workloads[i])
	}
	return p.err
}

func describe(m machineInfo) string {
	var parts []string
	if m.CPU != "" {
		parts = append(parts, m.CPU)
	}
	parts = append(parts, fmt.Sprintf("%d CPUs", m.CPUs))
	if m.Memory > 0 {
		parts = append(parts, fmt.Sprintf("%.0f GB of memory", float64(m.Memory)/1e9))
	}
	if m.Files != "" {
		parts = append(parts, "files on "+m.Files)
	}
	return strings.Join(append(parts, m.OS, m.Go), ", ")
}

// A printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) workload(r *result) {
	p.f("\n## %s\n", r.Title)
	if r.Note != "" {
		p.f("\n%s\n", r.Note)
	}
	if r.Server != "" {
		p.f("\nServed by %s.\n", r.Server)
	}
	if len(r.Rows) > 0 {
		base := r.Rows[0].elapsed()
		p.f("\n| program | what it does | elapsed, s | beside %s | CPU, s | memory, MB | runs |\n|---|---|--:|--:|--:|--:|--:|\n", r.Rows[0].Name)
		for i := range r.Rows {
			p.row(&r.Rows[i], base)
		}
		p.f("\nCalled with:\n\n")
		for i := range r.Rows {
			if f := r.Rows[i].Flags; f != "" {
				p.f("- %s: `%s`\n", r.Rows[i].Name, f)
			}
		}
	}
	if len(r.Facts) > 0 {
		p.f("\n| | |\n|---|--:|\n")
		for _, f := range r.Facts {
			p.f("| %s | %s %s |\n", f.Name, figure(f.Value), f.Unit)
		}
	}
	if len(r.Targets) > 0 {
		p.f("\n| target | measured | |\n|---|--:|---|\n")
		for _, t := range r.Targets {
			met := "met"
			if !t.Met {
				met = "**missed**"
			}
			p.f("| %s | %s | %s |\n", t.Text, strings.Replace(figure(t.Got)+" "+t.Unit, " x", "x", 1), met)
		}
	}
}

func (p *printer) row(r *row, base float64) {
	if r.Failed != "" && len(r.Samples) == 0 {
		line, _, _ := strings.Cut(r.Failed, "\n")
		p.f("| %s | failed: %s | | | | | |\n", r.Name, strings.ReplaceAll(line, "|", `\|`))
		return
	}
	does := r.Does
	if r.Wrong != "" {
		does += "; **" + r.Wrong + "**"
	}
	beside := ""
	if base > 0 {
		beside = figure(r.elapsed()/base) + "x"
	}
	p.f("| %s | %s | %s | %s | %s | %.0f | %d |\n", r.Name, does, figure(r.elapsed()), beside, figure(r.cpu()), r.rss()/1e6, len(r.Samples))
}

// figure writes a number with three digits that count.
func figure(v float64) string {
	switch {
	case v != v:
		return "?"
	case v >= 1000:
		return thousands(int(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1 || v == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
