package save

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// A file that is cut, or whose process is killed, leaves two files in work:
// ID.part with its bytes, and ID.log, whose first line is the Source in JSON
// and whose others each say how long the file was at some moment, and the hash
// of all bytes until then. Nothing is synced, and the order in which the two
// reach the disk does not matter: the longest beginning that has its hash is
// what is kept, whatever a crash did to the rest.

const (
	// A mark is set in the log when so much was written, or so long after the
	// last one: this is what a killed process loses of each file.
	markBytes = 4 << 20
	markTime  = 5 * time.Second

	// maxPartAge is how long a part waits for someone to go on with it.
	maxPartAge = 30 * 24 * time.Hour
)

// A Source says where a body comes from, so that the beginning of one that is
// cut can be kept and continued.
type Source struct {
	// ID names what is kept: up to 64 letters and digits. Only one Write
	// with an ID may run at a time.
	ID string `json:"-"`

	// URL and Validator identify the version of the file. Nothing is kept
	// without a Validator.
	URL       string `json:"url"`
	Validator string `json:"validator"`

	// Length is that of the whole file, -1 if it is not known.
	Length int64 `json:"length"`
}

// A Part is the beginning of a file, checked against what was written: see
// [Dir.Part]. It belongs to one goroutine.
type Part struct {
	Source
	Size int64 // in bytes, more than 0

	content *content // of these bytes
}

// Part returns what is kept under an ID, nil for nothing. It reads all of it,
// and drops what is damaged. The error is ctx.Err().
func (d *Dir) Part(ctx context.Context, id string) (*Part, error) {
	d.mu.Lock()
	_, ok := d.parts[id]
	d.mu.Unlock()
	if !ok {
		return nil, nil
	}
	p, err := d.readPart(ctx, id)
	if cerr := ctx.Err(); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		d.Forget(id)
		return nil, nil
	}
	return p, nil
}

// Forget removes what is kept under an ID, if anything is.
func (d *Dir) Forget(id string) {
	d.mu.Lock()
	_, ok := d.parts[id]
	delete(d.parts, id)
	d.mu.Unlock()
	if ok {
		// What stays for whatever reason goes with the next Open, or is
		// found damaged.
		d.tmp.Remove(id + ".log")
		d.tmp.Remove(id + ".part")
	}
}

// A mark says that the first size bytes of a file have a hash.
type mark struct {
	size int64
	sum  [32]byte
}

// readPart reads a part as far as it is good.
func (d *Dir) readPart(ctx context.Context, id string) (*Part, error) {
	log, err := d.tmp.Open(id + ".log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Part{Source: Source{ID: id}}
	marks, err := p.readLog(log)
	if err != nil {
		return nil, err
	}
	f, err := d.tmp.Open(id + ".part")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p.content = newContent()
	good := d.readTo(ctx, f, p.content, marks)
	if good == 0 {
		return nil, errDamaged
	}
	if p.Size = marks[good-1].size; p.content.size != p.Size {
		// Bytes after the last good mark went into the content.
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		p.content = newContent()
		if d.readTo(ctx, f, p.content, marks[:good]) != good {
			return nil, errDamaged
		}
	}
	return p, nil
}

// readTo adds the bytes of f to c, up to the last mark, and returns how many
// of the marks hold.
func (d *Dir) readTo(ctx context.Context, f io.Reader, c *content, marks []mark) (good int) {
	buf := d.buffers.Get().(*[]byte)
	defer d.buffers.Put(buf)
	for _, m := range marks {
		for c.size < m.size {
			if ctx.Err() != nil {
				return good
			}
			b := (*buf)[:min(int64(len(*buf)), m.size-c.size)]
			if _, err := io.ReadFull(f, b); err != nil {
				return good
			}
			c.add(b)
		}
		if c.sum() != m.sum {
			return good
		}
		good++
	}
	return good
}

// readLog reads the source and the marks of a part. A line that was not
// written to its end ends the marks.
func (p *Part) readLog(r io.Reader) ([]mark, error) {
	br := bufio.NewReader(r)
	head, err := br.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(head, &p.Source); err != nil {
		return nil, err
	}
	if p.URL == "" || p.Validator == "" {
		return nil, errDamaged
	}
	var marks []mark
	for {
		line, err := br.ReadString('\n')
		m, ok := parseMark(strings.TrimSuffix(line, "\n"))
		// A part that is whole could not be asked to go on: there is nothing
		// after its end.
		if err != nil || !ok || p.Length >= 0 && m.size >= p.Length {
			return marks, nil
		}
		if len(marks) > 0 && m.size <= marks[len(marks)-1].size {
			return marks, nil
		}
		marks = append(marks, m)
	}
}

// parseMark parses "SIZE HASH".
func parseMark(line string) (m mark, ok bool) {
	size, sum, ok := strings.Cut(line, " ")
	if !ok || len(sum) != hex.EncodedLen(len(m.sum)) {
		return m, false
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n <= 0 {
		return m, false
	}
	if _, err := hex.Decode(m.sum[:], []byte(sum)); err != nil {
		return m, false
	}
	m.size = n
	return m, true
}

// A keeper writes the log of a part.
type keeper struct {
	dir    *Dir
	source Source
	begun  bool      // there is a log, and it is ours
	last   mark      // the latest; of an earlier process at first, or none
	at     time.Time // when it was set, or when all this began
}

// due reports whether it is time for a mark.
func (k *keeper) due(size int64) bool {
	return size-k.last.size >= markBytes || time.Since(k.at) >= markTime
}

// mark notes that all of c is in the file. The first one begins the log anew,
// as one that was found may go on with marks that are no good.
func (k *keeper) mark(c *content) error {
	m := mark{c.size, c.sum()}
	line := fmt.Appendf(nil, "%d %x\n", m.size, m.sum)
	var err error
	if k.begun {
		err = k.dir.appendTo(k.source.ID+".log", line)
	} else {
		err = k.begin(line)
	}
	if err == nil {
		k.last, k.at = m, time.Now()
	}
	return err
}

// begin writes a new log, in one step, for a process that is killed meanwhile.
func (k *keeper) begin(line []byte) error {
	log, err := json.Marshal(k.source)
	if err != nil {
		return err // Unreachable: strings and a number.
	}
	log = append(log, '\n')
	if k.last.size > 0 {
		log = fmt.Appendf(log, "%d %x\n", k.last.size, k.last.sum)
	}
	id, d := k.source.ID, k.dir
	d.tmp.Remove(id + ".new")
	if err := d.appendTo(id+".new", append(log, line...)); err != nil {
		return err
	}
	if err := d.tmp.Rename(id+".new", id+".log"); err != nil {
		return err
	}
	d.mu.Lock()
	d.parts[id] = struct{}{}
	d.mu.Unlock()
	k.begun = true
	return nil
}

// appendTo adds to a file in work, which is made if it is not there.
func (d *Dir) appendTo(name string, data []byte) error {
	f, err := d.tmp.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// sweep removes what dead processes left in work, except for the parts, which
// it takes down.
func (d *Dir) sweep(now time.Time) error {
	dir, err := d.tmp.Open(".")
	if err != nil {
		return err
	}
	entries, err := dir.ReadDir(-1)
	dir.Close()
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		there[e.Name()] = e.Type().IsRegular()
	}
	for name := range there {
		id, ok := strings.CutSuffix(name, ".log")
		if ok && there[name] && there[id+".part"] && d.isYoung(name, now) {
			d.parts[id] = struct{}{}
		}
	}
	for name := range there {
		id := strings.TrimSuffix(strings.TrimSuffix(name, ".log"), ".part")
		if _, ok := d.parts[id]; ok && id != name {
			continue
		}
		if err := d.tmp.RemoveAll(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// isYoung reports whether a log is worth keeping.
func (d *Dir) isYoung(name string, now time.Time) bool {
	info, err := d.tmp.Stat(name)
	return err == nil && now.Sub(info.ModTime()) < maxPartAge
}
