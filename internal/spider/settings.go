package spider

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/extract"
)

// workers is the value of threads(n) and processes(n).
type workers struct {
	starlark.NoneType
	trawl.Workers
}

func (w workers) String() string { return w.Workers.String() }
func (w workers) Type() string   { return "workers" }

func threadsBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &n); err != nil {
		return nil, err
	}
	if n == starlark.String("cpu") {
		return nil, errors.New("threads: write a number; threads mostly wait, and may be more than there are CPUs")
	}
	w := workers{Workers: trawl.Threads(0)}
	if err := readInt(n, maxWorkers, &w.N); err != nil {
		return nil, fmt.Errorf("threads: %w", err)
	}
	return w, nil
}

func processesBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &n); err != nil {
		return nil, err
	}
	w := workers{Workers: trawl.Processes(0)}
	if n == starlark.String("cpu") {
		return w, nil
	}
	if _, ok := n.(starlark.Int); !ok {
		return nil, fmt.Errorf("processes: write a number, or \"cpu\" for one per CPU, not a %s", n.Type())
	}
	if err := readInt(n, maxWorkers, &w.N); err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	}
	return w, nil
}

const (
	maxWorkers = trawl.MaxWorkers
	maxQueue   = 1_000_000
)

// readGlobals makes Settings and the start of the spider's globals.
func (s *Spider) readGlobals() error {
	set := &s.settings
	get := func(name string, read func(starlark.Value) error) error {
		v, ok := s.globals[name]
		if !ok || v == starlark.None {
			return nil
		}
		if err := read(v); err != nil {
			return &Error{Place: s.file, Msg: fmt.Sprintf("%s: %v", name, err)}
		}
		return nil
	}
	set.Name = strings.TrimSuffix(s.file, ".star")
	var err error
	set.Args, err = s.readArgs()
	if err != nil {
		return &Error{Msg: err.Error()}
	}
	for _, g := range []struct {
		name string
		read func(starlark.Value) error
	}{
		{"name", func(v starlark.Value) error { return readString(v, &set.Name) }},
		{"match", func(v starlark.Value) error { return readMatch(v, &set.Match) }},
		{"hosts", func(v starlark.Value) error { return readHosts(v, &set.Hosts) }},
		{"headers", func(v starlark.Value) error { return readHeaders(v, &set.Headers) }},
		{"encoding", func(v starlark.Value) error { return readEncoding(v, &set.Encoding) }},
		{"delay", func(v starlark.Value) error { return readSeconds(v, &set.Delay) }},
		{"per_host", func(v starlark.Value) error { return readInt(v, maxWorkers, &set.PerHost) }},
		{"workers", func(v starlark.Value) error { return readWorkers(v, &set.Workers) }},
		{"producers", func(v starlark.Value) error { return readInt(v, maxWorkers, &set.Producers) }},
		{"consumers", func(v starlark.Value) error { return readInt(v, maxWorkers, &set.Consumers) }},
		{"page_queue", func(v starlark.Value) error { return readInt(v, maxQueue, &set.PageQueue) }},
		{"file_queue", func(v starlark.Value) error { return readInt(v, maxQueue, &set.FileQueue) }},
		{"output", func(v starlark.Value) error { return readOutputs(v, &set.Outputs) }},
		{"start", s.readStart},
	} {
		if err := get(g.name, g.read); err != nil {
			return err
		}
	}
	if s.opts.Workers != (trawl.Workers{}) {
		set.Workers = s.opts.Workers
	}
	if err := checkName(set.Name); err != nil {
		return &Error{Place: s.file, Msg: "name: " + err.Error()}
	}
	if n := size(set); n > maxSettings {
		return &Error{Place: s.file, Msg: fmt.Sprintf("what the spider sets has %d bytes; the limit is %d", n, maxSettings)}
	}
	if _, ok := s.globals["parse"].(*starlark.Function); !ok {
		return &Error{Place: s.file, Msg: "there is no function parse(page)", Hint: "it is what reads a page"}
	}
	return nil
}

// maxSettings bounds what a spider says of itself, in bytes. It lives as long
// as the job.
const maxSettings = 1 << 20

// size returns how many bytes of text there are in settings.
func size(set *trawl.Settings) int {
	n := len(set.Encoding)
	for _, list := range [][]string{set.Match, set.Hosts} {
		for _, s := range list {
			n += len(s) + 16 // a short one takes memory too
		}
	}
	for name, value := range set.Headers {
		n += len(name) + len(value) + 32
	}
	for name, out := range set.Outputs {
		n += len(name) + len(out.Order) + 32
	}
	for _, a := range set.Args {
		n += len(a.Name) + len(a.Default) + 32
	}
	return n
}

// checkName accepts a letter, then letters, digits, '-' and '_'.
func checkName(name string) error {
	for i, r := range name {
		switch {
		case unicode.IsLetter(r):
		case i > 0 && (unicode.IsDigit(r) || r == '-' || r == '_'):
		default:
			return fmt.Errorf("%q: a name is a letter, then letters, digits, '-' or '_'", name)
		}
	}
	if name == "" || len(name) > 100 {
		return fmt.Errorf("%q: a name has 1 to 100 bytes", name)
	}
	return nil
}

func readString(v starlark.Value, to *string) error {
	s, ok := starlark.AsString(v)
	if !ok {
		return fmt.Errorf("want a string, got a %s", v.Type())
	}
	*to = s
	return nil
}

// readStrings reads a list of strings, or a single one.
func readStrings(v starlark.Value, to *[]string) error {
	if s, ok := starlark.AsString(v); ok {
		*to = []string{s}
		return nil
	}
	it, ok := v.(starlark.Iterable)
	if _, isDict := v.(starlark.Mapping); !ok || isDict {
		return fmt.Errorf("want a list of strings, got a %s", v.Type())
	}
	list := []string{}
	for e := range starlark.Elements(it) {
		s, ok := starlark.AsString(e)
		if !ok {
			return fmt.Errorf("want strings in the list, got a %s", e.Type())
		}
		list = append(list, s)
	}
	*to = list
	return nil
}

func readMatch(v starlark.Value, to *[]string) error {
	if err := readStrings(v, to); err != nil {
		return err
	}
	for _, m := range *to {
		if !strings.HasPrefix(m, "https://") && !strings.HasPrefix(m, "http://") {
			return fmt.Errorf("%q: write the whole address, such as \"https://host/path/*\"", m)
		}
	}
	return nil
}

func readHosts(v starlark.Value, to *[]string) error {
	if err := readStrings(v, to); err != nil {
		return err
	}
	for _, h := range *to {
		if h == "" || strings.ContainsAny(h, "/ ") {
			return fmt.Errorf("%q: write the host alone, such as \"example.com\"", h)
		}
	}
	return nil
}

func readHeaders(v starlark.Value, to *map[string]string) error {
	dict, ok := v.(starlark.IterableMapping)
	if !ok {
		return fmt.Errorf("want a dict, got a %s", v.Type())
	}
	headers := make(map[string]string)
	for name, value := range starlark.Entries(dict) {
		n, ok := starlark.AsString(name)
		text, ok2 := starlark.AsString(value)
		if !ok || !ok2 {
			return fmt.Errorf("want strings, got %s: %s", name, value)
		}
		if n == "" || strings.ContainsAny(n, " :\r\n") || strings.ContainsAny(text, "\r\n") {
			return fmt.Errorf("%q: %q is not a header", n, text)
		}
		headers[n] = text
	}
	*to = headers
	return nil
}

func readEncoding(v starlark.Value, to *string) error {
	if err := readString(v, to); err != nil {
		return err
	}
	if _, ok := extract.EncodingName(*to); !ok {
		return fmt.Errorf("%q is not an encoding that web pages use; gbk, big5 and shift_jis are", *to)
	}
	return nil
}

func readSeconds(v starlark.Value, to *time.Duration) error {
	f, ok := starlark.AsFloat(v)
	if !ok {
		return fmt.Errorf("want seconds as a number, got a %s", v.Type())
	}
	if math.IsNaN(f) || f < 0 || f > 86400 {
		return fmt.Errorf("%v seconds is not between 0 and a day", v)
	}
	*to = time.Duration(f * float64(time.Second))
	return nil
}

func readInt(v starlark.Value, most int, to *int) error {
	n, err := starlark.AsInt32(v)
	if err != nil {
		return fmt.Errorf("want a whole number, got %s", v)
	}
	if n < 1 || n > most {
		return fmt.Errorf("%d is not between 1 and %d", n, most)
	}
	*to = n
	return nil
}

func readWorkers(v starlark.Value, to *trawl.Workers) error {
	w, ok := v.(workers)
	if !ok {
		return errors.New("write threads(n), processes(n) or processes(\"cpu\")")
	}
	*to = w.Workers
	return nil
}

func readOutputs(v starlark.Value, to *map[string]trawl.Output) error {
	dict, ok := v.(starlark.IterableMapping)
	if !ok {
		return fmt.Errorf("want a dict such as {\"books\": {\"order\": \"title\", \"csv\": True}}, got a %s", v.Type())
	}
	outputs := make(map[string]trawl.Output)
	for key, value := range starlark.Entries(dict) {
		name, ok := starlark.AsString(key)
		if !ok {
			return fmt.Errorf("the name %s is not a string", key)
		}
		if err := checkName(name); err != nil {
			return err
		}
		how, ok := value.(starlark.IterableMapping)
		if !ok {
			return fmt.Errorf("%s: want a dict such as {\"order\": \"title\", \"csv\": True}, got a %s", name, value.Type())
		}
		var out trawl.Output
		for k, v := range starlark.Entries(how) {
			switch k, _ := starlark.AsString(k); k {
			case "order":
				if err := readString(v, &out.Order); err != nil {
					return fmt.Errorf("%s: order: %w", name, err)
				}
			case "csv":
				b, ok := v.(starlark.Bool)
				if !ok {
					return fmt.Errorf("%s: csv: want True or False, got %s", name, v)
				}
				out.CSV = bool(b)
			default:
				return fmt.Errorf("%s: there is order and csv, not %s", name, k)
			}
		}
		outputs[name] = out
	}
	*to = outputs
	return nil
}

// readStart keeps the start pages, or the function that gives them.
func (s *Spider) readStart(v starlark.Value) error {
	if fn, ok := v.(*starlark.Function); ok {
		if fn.NumParams() != 0 {
			return errors.New("the function takes no parameters")
		}
		s.startFn = fn
		return nil
	}
	var err error
	s.starts, err = s.startURLs(v)
	return err
}

// startURLs reads a list of addresses.
func (s *Spider) startURLs(v starlark.Value) ([]string, error) {
	var urls []string
	if err := readStrings(v, &urls); err != nil {
		return nil, err
	}
	n := 0
	for i, u := range urls {
		if n += len(u) + 16; n > s.opts.Limits.Bytes {
			return nil, fmt.Errorf("the addresses are larger than %d bytes; a list that long goes into a file, for trawl get -i", s.opts.Limits.Bytes)
		}
		parsed, err := trawl.ParseURL(u)
		if err != nil {
			return nil, err
		}
		urls[i] = parsed.String()
	}
	return urls, nil
}
