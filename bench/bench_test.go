package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPicture(t *testing.T) {
	for _, size := range []int{800, 1000, 20_000, 500_000} {
		p, err := newPicture(size)
		if err != nil {
			t.Fatalf("newPicture(%d): %v", size, err)
		}
		a, b := p.number(1), p.number(2)
		if len(a) != size || len(b) != size {
			t.Errorf("pictures of %d bytes have %d and %d", size, len(a), len(b))
		}
		if bytes.Equal(a, b) {
			t.Errorf("two pictures of %d bytes are the same", size)
		}
		if !bytes.Equal(a, p.number(1)) {
			t.Errorf("a picture of %d bytes is not the same when it is made again", size)
		}
		if img, err := jpeg.Decode(bytes.NewReader(a)); err != nil {
			t.Errorf("a picture of %d bytes: %v", size, err)
		} else if n := img.Bounds().Dx() * img.Bounds().Dy(); size > 5000 && n < size/4 {
			t.Errorf("a picture of %d bytes has only %d pixels: the rest is padding", size, n)
		}
	}
	if _, err := newPicture(300); err == nil {
		t.Error("newPicture(300): no error, want one: a JPEG's tables alone are longer")
	}
}

// testReport has two programs, and one that failed.
func testReport(ours float64) *report {
	return &report{
		Date:     time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
		Machine:  machineInfo{CPU: "Abacus <9>", CPUs: 2, Memory: 8e9, OS: "linux/amd64", Go: "go1.26", Files: "ext4"},
		Versions: map[string]string{"wget2": "2.1", "trawl": "v1"},
		Missing:  []missing{{"aria2", "apt install aria2"}},
		Workloads: []result{{
			Name: "pictures", Title: "10 pictures & more",
			Rows: []row{
				{Name: "trawl", Does: "all", Samples: []sample{{ours, 3, 10e6}, {90, 3, 10e6}, {0.1, 3, 10e6}}},
				{Name: "wget2", Does: "saves", Wrong: "saved 9 of 10", Samples: []sample{{1, 2, 5e6}, {3, 2, 5e6}}},
				{Name: "broken", Failed: "exit status 1\nmore"},
			},
			Facts:   []fact{{"ideal", 0.5, "s"}},
			Targets: []target{{"fast", 2, "x", true}, {"small", 10, "MB", false}},
		}},
	}
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	if err := writeMarkdown(&b, testReport(4), "c.svg"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"4 May 2026: Abacus <9>, 2 CPUs, 8 GB of memory, files on ext4, linux/amd64, go1.26.",
		"trawl v1 · wget2 2.1",
		"aria2 (apt install aria2)",
		"](c.svg)",
		"| trawl | all | 4.00 | 1.00x | 3.00 | 10 | 3 |",
		"| wget2 | saves; **saved 9 of 10** | 2.00 | 0.50x | 2.00 | 5 | 2 |",
		"| broken | failed: exit status 1 |",
		"| ideal | 0.50 s |",
		"| fast | 2.00x | met |",
		"| small | 10.0 MB | **missed** |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestChart(t *testing.T) {
	var b bytes.Buffer
	if err := writeChart(&b, testReport(4)); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	bars := 0
	for d := xml.NewDecoder(&b); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 2 {
		t.Errorf("the chart has %d bars, want 2, none for the program that failed:\n%s", bars, text)
	}
	if w, o := strings.Index(text, ">wget2<"), strings.Index(text, ">trawl<"); w < 0 || o < w {
		t.Errorf("the fastest program is not the first:\n%s", text)
	}
}

func TestCompare(t *testing.T) {
	name := filepath.Join(t.TempDir(), "old.json")
	b := &bench{opt: &options{json: name}}
	if err := b.write(testReport(8)); err != nil {
		t.Fatal(err)
	}
	old, err := readReport(name)
	if err != nil {
		t.Fatal(err)
	}
	now := testReport(4)
	now.Workloads[0].Rows = append(now.Workloads[0].Rows, row{Name: "newcomer", Samples: []sample{{1, 1, 1}}})
	now.Workloads[0].Facts[0].Value = 0.25
	var out strings.Builder
	if err := writeComparison(&out, old, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| pictures | trawl | 2.00x | 1.00x | 1.00x |",
		"| pictures | wget2 | 1.00x | 1.00x | 1.00x |",
		"| pictures | ideal | 0.50 s, now 0.25 | | |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the comparison lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "newcomer") {
		t.Errorf("the comparison has a program that was not measured before:\n%s", out.String())
	}

	if err := os.WriteFile(name, []byte("no report"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readReport(name); err == nil || !strings.Contains(err.Error(), "not written by -json") {
		t.Errorf("readReport of something else = %v, want an error that says so", err)
	}
}

func TestKeep(t *testing.T) {
	old, now := testReport(8), testReport(4)
	old.Workloads = append([]result{{Name: "start", Title: "Starting"}}, old.Workloads...)
	now.keep(old)
	now.keep(old) // says the date once
	if len(now.Workloads) != 2 || now.Workloads[0].Name != "pictures" || now.Workloads[1].Name != "start" {
		t.Fatalf("workloads are %+v, want pictures and start", now.Workloads)
	}
	if got := now.Workloads[0].Rows[0].elapsed(); got != 4 {
		t.Errorf("a workload that was measured has the older figure %v, want 4", got)
	}
	if got, want := now.Workloads[1].Note, "Measured on 4 May 2026, with trawl v1."; got != want {
		t.Errorf("a workload that was kept says %q, want %q", got, want)
	}
}

func TestUpdateDoc(t *testing.T) {
	name := filepath.Join(t.TempDir(), "b.md")
	put := func(text string) error {
		return updateDoc(name, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
	}
	if err := put("first\n"); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("before\n"+string(page)+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := put("second\n"); err != nil {
		t.Fatal(err)
	}
	page, err = os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(page), "before\n# Benchmarks\n\n"+docBegin+"\nsecond\n\n"+docEnd+"after\n"; got != want {
		t.Errorf("the page is %q, want %q", got, want)
	}
	if err := os.WriteFile(name, []byte("something else\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := put("third\n"); err == nil {
		t.Error("a page without the lines was written over")
	}
}

func TestFrontierURL(t *testing.T) {
	if n := len(frontierURL(19_999, 99_999_999)); n != 80 {
		t.Errorf("the frontier's URLs have %d bytes, want 80: the table says so", n)
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-run", "("}, {"-rounds", "0"}, {"-jobs", "0"}, {"more"}} {
		if _, err := parseFlags(args, io.Discard); err == nil {
			t.Errorf("parseFlags(%q): no error", args)
		}
	}
	o, err := parseFlags([]string{"-small"}, io.Discard)
	if err != nil || o.rounds != 1 {
		t.Errorf("parseFlags(-small) = %+v, %v, want one round", o, err)
	}
}
