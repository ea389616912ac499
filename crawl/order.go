package crawl

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
)

// sortLines puts the lines of a JSONL file in the order of a field: numbers,
// then strings, then the lines that have neither; equal ones stay as they
// were. It keeps the field and the place of each line in memory, not the
// lines.
func sortLines(temp, path, field string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()

	type line struct {
		key      sortKey
		off, len int64
	}
	var lines []line
	var off int64
	err = eachLine(f, func(b []byte) error {
		lines = append(lines, line{keyOf(b, field), off, int64(len(b)) + 1})
		off += int64(len(b)) + 1
		return nil
	})
	if err != nil {
		return err
	}
	less := func(a, b line) int { return a.key.compare(b.key) }
	if slices.IsSortedFunc(lines, less) {
		return nil
	}
	slices.SortStableFunc(lines, less)
	return replaceFile(temp, path, func(w io.Writer) error {
		for _, l := range lines {
			if _, err := io.Copy(w, io.NewSectionReader(f, l.off, l.len)); err != nil {
				return err
			}
		}
		return f.Close() // it is replaced next, which an open one would hinder on Windows
	})
}

// A sortKey is the value by which a line is sorted.
type sortKey struct {
	rank int // 0 number, 1 string, 2 neither
	num  float64
	str  string
}

func keyOf(lineJSON []byte, field string) sortKey {
	var m map[string]json.RawMessage
	if json.Unmarshal(lineJSON, &m) != nil {
		return sortKey{rank: 2}
	}
	var v any
	if json.Unmarshal(m[field], &v) != nil {
		return sortKey{rank: 2}
	}
	switch v := v.(type) {
	case float64:
		return sortKey{num: v}
	case string:
		return sortKey{rank: 1, str: v}
	}
	return sortKey{rank: 2}
}

func (a sortKey) compare(b sortKey) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.num, b.num), cmp.Compare(a.str, b.str))
}

// writeCSV writes the items of a JSONL file as CSV (RFC 4180, UTF-8). The
// columns are the fields of all items in the order of their first appearance;
// a list or an object is written as JSON.
func writeCSV(temp, csvPath, jsonlPath string) error {
	f, err := os.Open(jsonlPath)
	if err != nil {
		return err
	}
	defer f.Close()
	var cols []string
	known := make(map[string]bool)
	err = eachLine(f, func(b []byte) error {
		return eachField(b, func(name string, _ json.RawMessage) {
			if !known[name] {
				known[name] = true
				cols = append(cols, name)
			}
		})
	})
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return replaceFile(temp, csvPath, func(w io.Writer) error {
		cw := csv.NewWriter(w)
		if err := cw.Write(cols); err != nil {
			return err
		}
		row := make([]string, len(cols))
		err := eachLine(f, func(b []byte) error {
			clear(row)
			err := eachField(b, func(name string, v json.RawMessage) {
				row[slices.Index(cols, name)] = cell(v)
			})
			if err != nil {
				return err
			}
			return cw.Write(row)
		})
		cw.Flush()
		return errors.Join(err, cw.Error())
	})
}

// cell returns a JSON value as the text of a cell.
func cell(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s // null gives ""
	}
	return string(v)
}

// eachField passes the fields of a JSON object on in their order.
func eachField(obj []byte, do func(name string, v json.RawMessage)) error {
	dec := json.NewDecoder(bytes.NewReader(obj))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return err
		}
		do(name.(string), v)
	}
	return nil
}

// eachLine passes the lines of r on, without their ends. The slice is valid
// during the call.
func eachLine(r io.Reader, do func([]byte) error) error {
	br := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		b, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, b...)
			continue
		}
		if len(long) > 0 {
			long = append(long, b...)
			b = long
		}
		if b = bytes.TrimSuffix(b, []byte("\n")); len(b) > 0 {
			if err := do(b); err != nil {
				return err
			}
		}
		long = long[:0]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
