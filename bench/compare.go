package main

import (
	"io"
)

// writeComparison writes how the measurements of now differ from those of
// old: what took longer than before has a ratio below 1.
func writeComparison(w io.Writer, old, now *report) error {
	p := &printer{w: w}
	p.f("\n## Beside %s\n\nOld / new: above 1 is better than before.\n\n| workload | | elapsed | CPU | memory |\n|---|---|--:|--:|--:|\n", old.Date.Format("2 January 2006 15:04"))
	before := make(map[string]*result)
	for i := range old.Workloads {
		before[old.Workloads[i].Name] = &old.Workloads[i]
	}
	for i := range now.Workloads {
		n := &now.Workloads[i]
		o := before[n.Name]
		if o == nil {
			continue
		}
		for j := range n.Rows {
			b := &n.Rows[j]
			a := o.row(b.Name)
			if a == nil || len(b.Samples) == 0 {
				continue
			}
			p.f("| %s | %s | %s | %s | %s |\n", n.Name, b.Name, over(a.elapsed(), b.elapsed()), over(a.cpu(), b.cpu()), over(a.rss(), b.rss()))
		}
		for _, b := range n.Facts {
			for _, a := range o.Facts {
				if a.Name == b.Name {
					p.f("| %s | %s | %s %s, now %s | | |\n", n.Name, b.Name, figure(a.Value), a.Unit, figure(b.Value))
				}
			}
		}
	}
	return p.err
}

// over writes a ratio, "" if there is none.
func over(a, b float64) string {
	if a <= 0 || b <= 0 {
		return ""
	}
	return figure(a/b) + "x"
}
