package thread

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"runtime/pprof"
	"strconv"
	"strings"
)

// Dump writes all living threads: name, state and ID, what each waits in, and
// the stacks of its goroutines; and who started it, if its Scope has
// StartStacks.
//
//	Thread(fetch-3, started 17)
//		waits in thread.(*Queue[...]).Get, called from main.consume at main.go:42
//		goroutine:
//			github.com/trawl-go/trawl/thread.(*waiter[...]).park …
//
// A thread shows the goroutine it runs on and those that it started without
// giving them another thread's context. The main thread shows the goroutine of
// main.main. Threads are told apart by the names they started with; those with
// the same name show the stacks of all of them. Dump stops the program for as long as the runtime takes to copy
// all stacks.
func Dump(w io.Writer) error {
	threads := Enumerate()
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return fmt.Errorf("dump threads: %w", err)
	}
	stacks, others := parseProfile(profile.String())

	var out bytes.Buffer
	for _, t := range threads {
		fmt.Fprintln(&out, t)
		for _, s := range stacks[t.self.labels.name] {
			s.write(&out)
		}
		if started := t.StartStack(); started != "" {
			fmt.Fprintf(&out, "\tstarted by:\n%s", indent(started))
		}
	}
	fmt.Fprintf(&out, "%d threads; %d goroutines that belong to none\n", len(threads), others)
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("dump threads: %w", err)
	}
	return nil
}

// stack is a stack that count goroutines share, innermost frame first.
type stack struct {
	count  int
	frames []frame
}

type frame struct{ function, position string }

func (s stack) write(out *bytes.Buffer) {
	if in, from := s.wait(); in != "" {
		fmt.Fprintf(out, "\twaits in %s, called from %s at %s\n", in, from.function, from.position)
	}
	if s.count == 1 {
		out.WriteString("\tgoroutine:\n")
	} else {
		fmt.Fprintf(out, "\t%d goroutines:\n", s.count)
	}
	for _, f := range s.frames {
		fmt.Fprintf(out, "\t\t%s %s\n", f.function, f.position)
	}
}

// pkgPath is the import path of this package and a dot, as functions have it.
var pkgPath = reflect.TypeFor[Thread]().PkgPath() + "."

// wait returns the function of this package that the stack is waiting in, and
// who called it. Only goroutines that stand still have their innermost frame
// here: the package does nothing else for long.
func (s stack) wait() (in string, from frame) {
	for _, f := range s.frames {
		own := strings.HasPrefix(f.function, pkgPath)
		if !own {
			return in, f
		}
		if strings.HasPrefix(f.function, pkgPath+"(*Thread).run") {
			break // a thread whose own function is one of ours
		}
		in = "thread." + strings.TrimPrefix(f.function, pkgPath)
	}
	return in, frame{"the thread itself", "its start"}
}

// parseProfile reads a goroutine profile in its text form, sorted by label, and
// counts the goroutines of no thread. It looks like this:
//
//	1 @ 0x47f2ae 0x4811c5
//	# labels: {"thread":"fetch-3"}
//	#	0x4811c4	main.consume+0x24	/src/main.go:42
func parseProfile(text string) (stacks map[string][]stack, others int) {
	stacks = make(map[string][]stack)
	_, text, _ = strings.Cut(text, "\n") // the headline
	for _, block := range strings.Split(text, "\n\n") {
		label, s := parseStack(block)
		switch {
		case label != "":
			stacks[label] = append(stacks[label], s)
		case s.ofMain():
			stacks[mainThread.self.labels.name] = append(stacks[mainThread.self.labels.name], s)
		default:
			others += s.count
		}
	}
	return stacks, others
}

func (s stack) ofMain() bool {
	for _, f := range s.frames {
		if f.function == "main.main" {
			return true
		}
	}
	return false
}

func parseStack(block string) (label string, s stack) {
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\n")
		if labels, ok := strings.CutPrefix(line, "# labels: "); ok {
			label = parseLabel(labels)
			continue
		}
		if count, _, ok := strings.Cut(line, " @ "); ok && s.count == 0 {
			s.count, _ = strconv.Atoi(count)
			continue
		}
		// "#", address, function+offset, position: columns padded with tabs.
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == '\t' })
		if len(fields) != 4 {
			continue
		}
		function := fields[2]
		if plus := strings.LastIndexByte(function, '+'); plus > 0 {
			function = function[:plus]
		}
		s.frames = append(s.frames, frame{function, strings.TrimSpace(fields[3])})
	}
	return label, s
}

// parseLabel finds the thread's name in labels such as {"thread":"fetch-3"}.
func parseLabel(labels string) string {
	_, rest, _ := strings.Cut(labels, `"`+labelKey+`":`)
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "" // no such label
	}
	name, _ := strconv.Unquote(quoted)
	return name
}

func indent(lines string) string {
	return "\t\t" + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n\t\t") + "\n"
}
