package main

import (
	"fmt"
	"html"
	"io"
	"slices"
)

// The chart's measures, in pixels.
const (
	chartWidth = 760
	labelWidth = 210
	valueWidth = 80
	barHeight  = 16
	barStep    = 22
	groupHead  = 34
)

// The colours are readable on white and on black.
const chartHead = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-label="Elapsed time of each program">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600 }
.ours { fill: #0969da }
.peer { fill: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #4493f8 } .peer { fill: #6e7681 } }
</style>
`

// writeChart writes the elapsed times as an SVG picture: a group of bars for
// each workload, the fastest program first, on a scale of its own.
func writeChart(w io.Writer, r *report) error {
	var groups []*result
	height := 8
	for i := range r.Workloads {
		if g := &r.Workloads[i]; len(g.Rows) > 0 {
			groups = append(groups, g)
			height += groupHead + barStep*len(measured(g))
		}
	}
	p := &printer{w: w}
	p.f(chartHead, chartWidth, height)
	y := 0
	for _, g := range groups {
		rows := measured(g)
		p.f("<text class=\"head\" x=\"8\" y=\"%d\">%s, seconds</text>\n", y+22, html.EscapeString(g.Title))
		y += groupHead
		longest := 0.0
		for _, r := range rows {
			longest = max(longest, r.elapsed())
		}
		for _, r := range rows {
			class := "peer"
			if len(r.Name) >= 5 && r.Name[:5] == "trawl" {
				class = "ours"
			}
			width := max(1, float64(chartWidth-labelWidth-valueWidth)*r.elapsed()/longest)
			p.f("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", labelWidth-8, y+13, html.EscapeString(r.Name))
			p.f("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>", class, labelWidth, y, width, barHeight)
			p.f("<text x=\"%.1f\" y=\"%d\">%s</text>\n", labelWidth+width+6, y+13, figure(r.elapsed()))
			y += barStep
		}
	}
	p.f("</svg>\n")
	if p.err != nil {
		return fmt.Errorf("chart: %w", p.err)
	}
	return nil
}

// measured returns the rows that have samples, the fastest first.
func measured(g *result) []*row {
	var rows []*row
	for i := range g.Rows {
		if len(g.Rows[i].Samples) > 0 {
			rows = append(rows, &g.Rows[i])
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		switch x, y := a.elapsed(), b.elapsed(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return rows
}
