package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/replica"
)

func TestRun(t *testing.T) {
	site := replica.New(nil)
	if err := site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	client := site.Client()
	defer client.CloseIdleConnections()
	var out bytes.Buffer
	if err := run(t.Context(), &out, client); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	films := site.Expected().Films
	if len(lines) != len(films)+2 || len(films) != 250 {
		t.Fatalf("%d lines for %d films", len(lines), len(films))
	}
	for i, f := range films {
		if !strings.HasPrefix(lines[i], fmt.Sprintf("%d ", f.Rank)) {
			t.Errorf("line %d is %q, want film %d", i+1, lines[i], f.Rank)
		}
	}
	if !strings.HasPrefix(lines[250], "250 films in ") {
		t.Errorf("the last line is %q", lines[250])
	}
}
