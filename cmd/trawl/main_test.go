package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trawl-go/trawl/process"
)

func TestMain(m *testing.M) {
	process.Init()
	// A program with the race detector sleeps for a second before it exits, to
	// catch what happens meanwhile. The scripts run hundreds.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	testscript.Main(m, map[string]func(){
		"trawl": func() {
			os.Args = splitConnect(os.Args)
			main()
		},
	})
}

// splitConnect turns the argument that $CONNECT stands for in a script, which
// arrives as one, into the many that it holds.
func splitConnect(args []string) []string {
	var out []string
	for _, a := range args {
		if strings.HasPrefix(a, "--connect-to ") {
			out = append(out, strings.Fields(a)...)
		} else {
			out = append(out, a)
		}
	}
	return out
}
