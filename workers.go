package trawl

import (
	"fmt"
	"strconv"
	"strings"
)

// Workers says where the pages of a spider are parsed, and how many at a
// time: on threads of this process, or in worker processes with a memory
// limit and a deadline, which a page or a spider cannot take the program down
// from. The zero value leaves it to whoever runs the spider.
//
// Fetching is not meant, which is the program's: see Settings.Producers.
type Workers struct {
	// Processes tells worker processes from threads. The command starts them
	// for spiders in Starlark. The engine of package crawl calls Parse, and
	// where that does its work is the spider's affair.
	Processes bool

	// N is how many there are. Zero means one per CPU if they are processes.
	// Threads are the page workers themselves, which also fetch: N of them
	// are as many Producers, and zero means that there are as many as
	// Producers says.
	N int
}

// MaxWorkers is the largest number of workers that can be asked for.
const MaxWorkers = 10_000

// Threads returns the workers that a spider writes as threads(n).
func Threads(n int) Workers { return Workers{N: n} }

// Processes returns the workers that a spider writes as processes(n), or as
// processes("cpu") if n is zero.
func Processes(n int) Workers { return Workers{Processes: true, N: n} }

// String returns "threads(4)", "processes(4)" or "processes(cpu)", which
// [ParseWorkers] reads, and "" for the zero value.
func (w Workers) String() string {
	switch {
	case w.Processes && w.N == 0:
		return "processes(cpu)"
	case w.Processes:
		return fmt.Sprintf("processes(%d)", w.N)
	case w.N == 0:
		return ""
	}
	return fmt.Sprintf("threads(%d)", w.N)
}

// ParseWorkers reads "threads(N)", "processes(N)" or "processes(cpu)", with
// quotes around cpu or without. N is from 1 to [MaxWorkers]. The error says
// what is wrong and quotes s.
func ParseWorkers(s string) (Workers, error) {
	kind, rest, ok := strings.Cut(strings.TrimSpace(s), "(")
	num, ok2 := strings.CutSuffix(rest, ")")
	kind, num = strings.TrimSpace(kind), strings.Trim(num, ` "'`)
	if !ok || !ok2 || kind != "threads" && kind != "processes" {
		return Workers{}, fmt.Errorf("%q is not threads(N), processes(N) or processes(cpu)", s)
	}
	w := Workers{Processes: kind == "processes"}
	if num == "cpu" {
		if !w.Processes {
			return Workers{}, fmt.Errorf("%q: threads take a number, as they mostly wait; processes(cpu) is one process per CPU", s)
		}
		return w, nil
	}
	n, err := strconv.Atoi(num)
	if err != nil {
		return Workers{}, fmt.Errorf("%q: %q is not a whole number", s, num)
	}
	if n < 1 || n > MaxWorkers {
		return Workers{}, fmt.Errorf("%q: %d is not between 1 and %d", s, n, MaxWorkers)
	}
	w.N = n
	return w, nil
}
