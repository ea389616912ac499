package save

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// FuzzPartLog checks that whatever is in a log, the marks that are read from
// it rise, lie within the file, and mean what they mean when they are written
// anew; and that a log which is cut anywhere has a beginning of the marks.
func FuzzPartLog(f *testing.F) {
	head := `{"url":"https://a.com/f","validator":"\"v1\"","length":300000}` + "\n"
	sum := strings.Repeat("0f", 32)
	f.Add(head+"100000 "+sum+"\n200000 "+sum+"\n", 5)
	f.Add(head+"100000 "+sum+"\n100000 "+sum+"\n", 200)
	f.Add(head+"300000 "+sum+"\n", 0)
	f.Add(head+"-1 "+sum+"\n+7 "+sum+"\n", 100)
	f.Add(strings.Replace(head, "300000", "-1", 1)+"9223372036854775807 "+sum+"\n", 100)
	f.Add("{}\n1 "+sum+"\n", 3)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, log string, cut int) {
		var p Part
		marks, err := p.readLog(strings.NewReader(log))
		if err != nil {
			return
		}
		again := bytes.NewBufferString(log[:strings.IndexByte(log, '\n')+1])
		last := int64(0)
		for _, m := range marks {
			if m.size <= last || p.Length >= 0 && m.size >= p.Length {
				t.Fatalf("mark at %d after %d of %d bytes", m.size, last, p.Length)
			}
			last = m.size
			fmt.Fprintf(again, "%d %x\n", m.size, m.sum)
		}
		var q Part
		if got, err := q.readLog(again); err != nil || fmt.Sprint(got) != fmt.Sprint(marks) || q.Source != p.Source {
			t.Fatalf("written anew: %v, %v, want %v", got, err, marks)
		}
		if cut < 0 || cut > len(log) {
			return
		}
		got, err := new(Part).readLog(strings.NewReader(log[:cut]))
		if err == nil && (len(got) > len(marks) || fmt.Sprint(got) != fmt.Sprint(marks[:len(got)])) {
			t.Fatalf("cut at %d: %v, want a beginning of %v", cut, got, marks)
		}
	})
}
