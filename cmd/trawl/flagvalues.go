package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/trawl-go/trawl"
)

// seconds is a flag: a number of seconds or a duration of Go's.
type seconds time.Duration

func (s *seconds) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

func (s *seconds) Type() string { return "SPAN" }

func (s *seconds) Set(v string) error {
	d, err := time.ParseDuration(v)
	if n, nerr := strconv.ParseFloat(v, 64); nerr == nil && n >= 0 && n < 1e9 {
		d, err = time.Duration(n*float64(time.Second)), nil
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a span of time like 1.5, 500ms or 2m", v)
	}
	*s = seconds(d)
	return nil
}

// A spanRange is a flag: a span, or two with a '-' between them.
type spanRange struct{ from, to seconds }

func (r *spanRange) String() string {
	if r.to == 0 {
		return r.from.String()
	}
	return r.from.String() + "-" + r.to.String()
}

func (r *spanRange) Type() string { return "SPAN" }

func (r *spanRange) Set(v string) error {
	from, to, two := strings.Cut(v, "-")
	var n spanRange
	if err := n.from.Set(from); err != nil {
		return fmt.Errorf("%q is not a span of time like 1.5, 500ms or 2m, or a range like 2-4", v)
	}
	if two && (n.to.Set(to) != nil || n.to < n.from) {
		return fmt.Errorf("%q is not a range of time like 2-4 or 500ms-2s", v)
	}
	*r = n
	return nil
}

// byteSize is a flag: a number of bytes, with k, M or G for 1024 of the
// smaller one.
type byteSize int64

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*b), 10)
}

func (b *byteSize) Type() string { return "SIZE" }

func (b *byteSize) Set(v string) error {
	num, unit := v, float64(1)
	if v != "" {
		if i := strings.IndexByte("kmg", v[len(v)-1]|0x20); i >= 0 {
			num, unit = v[:len(v)-1], float64(int64(1024)<<(10*i))
		}
	}
	n, err := strconv.ParseFloat(num, 64)
	if err != nil || !(n > 0) || n*unit > 1<<60 { // NaN is no size
		return fmt.Errorf("%q is not a size like 5000, 500k or 2.5M", v)
	}
	*b = byteSize(n * unit)
	return nil
}

// workersFlag is a flag: trawl.Workers.
type workersFlag trawl.Workers

func (w *workersFlag) String() string { return trawl.Workers(*w).String() }
func (w *workersFlag) Type() string   { return "WORKERS" }

func (w *workersFlag) Set(v string) error {
	parsed, err := trawl.ParseWorkers(v)
	*w = workersFlag(parsed)
	return err
}

var (
	_ pflag.Value = (*workersFlag)(nil)
	_ pflag.Value = (*seconds)(nil)
	_ pflag.Value = (*spanRange)(nil)
	_ pflag.Value = (*byteSize)(nil)
)
