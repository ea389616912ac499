package crawl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// outputs write the items of a job to OUTPUT.jsonl, line by line as they are
// committed, and put them in order at the end.
//
// The truth is in the store; a file of lines is a copy that can be made anew.
// Beside it .trawl/OUTPUT.pos tells how much of it is known to be good. After
// a crash the file is cut there and the rest comes from the store.
//
// Methods are called from one goroutine at a time: resume before the workers
// start, write from the committer, finish after it has ended.
type outputs struct {
	st      store.Store
	dir     string
	outs    map[string]*output
	spiders map[string]*spider
	err     error // the first; writing stops there
}

// An output is one file of lines.
type output struct {
	name  string
	file  *os.File
	buf   *bufio.Writer
	pos   position
	saved time.Time // when pos was last written to disk

	// stale says that lines have to go, of items that are no longer. The file
	// is written anew at the end.
	stale bool
}

// A position is a point up to which a file of lines is good.
type position struct {
	Seq   int64 `json:"seq"`   // of the last item in it
	Bytes int64 `json:"bytes"` // its length
	// Revision of the output in the store, when Seq was written.
	Revision int64 `json:"revision,omitempty"`

	// Table says that OUTPUT.csv is the job's, too.
	Table bool `json:"table,omitempty"`
}

// posEvery bounds how much has to be written again after a crash.
const posEvery = 5 * time.Second

func newOutputs(st store.Store, dir string, spiders map[string]*spider) *outputs {
	return &outputs{st: st, dir: dir, outs: make(map[string]*output), spiders: spiders}
}

// outputPaths returns the folded paths that no file gets, because records go
// there: those of the spiders, and the further outputs that the job has.
//
// A spider may write to another one that it does not name in its settings. If
// a file has that path by then, the output finds it in the way.
func outputPaths(spiders map[string]*spider, more []string) map[string]bool {
	m := make(map[string]bool)
	add := func(name string) {
		for _, ext := range []string{".jsonl", ".csv"} {
			m[store.Fold(name+ext)] = true
		}
	}
	for name, s := range spiders {
		add(name)
		for out := range s.set.Outputs {
			add(out)
		}
	}
	for _, name := range more {
		add(name)
	}
	return m
}

// resume brings the files of an earlier run, the outputs of these names, up to
// date with the store.
func (o *outputs) resume(ctx context.Context, names []string) error {
	if err := o.checkFree(); err != nil {
		return err
	}
	for _, name := range names {
		out, err := o.open(ctx, name)
		if err == nil {
			err = o.catchUp(ctx, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkFree looks for files in the way of the outputs that the spider names in
// its settings, so that they are reported before anything is fetched. Of
// several spiders it is not known which will have records; what is in the way
// of those is found with the first one.
func (o *outputs) checkFree() error {
	if len(o.spiders) != 1 {
		return nil
	}
	for _, s := range o.spiders {
		for name, how := range s.set.Outputs {
			if _, err := os.Lstat(o.posPath(name)); !errors.Is(err, fs.ErrNotExist) {
				continue // they are the job's
			}
			if st, err := os.Stat(o.path(name, ".jsonl")); err == nil && st.Size() > 0 {
				return inTheWay(o.path(name, ".jsonl"))
			}
			if _, err := os.Lstat(o.path(name, ".csv")); err == nil && how.CSV {
				return inTheWay(o.path(name, ".csv"))
			}
		}
	}
	return nil
}

// catchUp adds the items that the store has beyond the position.
func (o *outputs) catchUp(ctx context.Context, out *output) error {
	for it, err := range o.st.Items(ctx, out.name, out.pos.Seq) {
		if err != nil {
			return err
		}
		if err := out.add(it); err != nil {
			return o.diskError(out, err)
		}
	}
	if err := out.buf.Flush(); err != nil {
		return o.diskError(out, err)
	}
	return nil
}

// write adds the items that a commit kept; revised are the outputs that have
// lost some by it. The first failure stays until finish reports it; the items
// are safe in the store.
func (o *outputs) write(outs []store.Outcome, revised []string) {
	if o.err != nil {
		return
	}
	ctx := context.Background() // what is committed is written, whatever has ended meanwhile
	for _, name := range revised {
		out, err := o.open(ctx, name)
		if err != nil {
			o.err = err
			return
		}
		out.stale = true
	}
	touched := make(map[*output]bool)
	for i := range outs {
		for _, it := range outs[i].Items {
			if it.Seq == 0 {
				continue // of an outcome that was skipped
			}
			out, err := o.open(ctx, it.Output)
			if err == nil && out.stale {
				continue
			}
			if err == nil {
				if err = out.add(it); err != nil {
					err = o.diskError(out, err)
				}
			}
			if err != nil {
				o.err = err
				return
			}
			touched[out] = true
		}
	}
	for out := range touched {
		err := out.buf.Flush()
		if err == nil && time.Since(out.saved) > posEvery {
			err = o.savePos(out)
		}
		if err != nil {
			o.err = o.diskError(out, err)
			return
		}
	}
}

// finish puts the files in order, makes them durable and closes them.
func (o *outputs) finish(ctx context.Context) error {
	err := o.err
	for _, out := range o.outs {
		if e := o.finishOne(ctx, out); e != nil && err == nil {
			err = o.diskError(out, e)
		}
	}
	return err
}

func (o *outputs) finishOne(ctx context.Context, out *output) error {
	if out.stale {
		// The position on disk is that of another revision: after a kill the
		// next run begins this anew.
		err := out.restart(ctx, o.st)
		if err == nil {
			err = o.catchUp(ctx, out)
		}
		if err != nil {
			return errors.Join(err, out.file.Close())
		}
	}
	err := errors.Join(out.buf.Flush(), o.savePos(out), out.file.Close())
	if err != nil {
		return err
	}
	how := o.how(out.name)
	path := o.path(out.name, ".jsonl")
	if how.Order != "" {
		if err := sortLines(o.temp(), path, how.Order); err != nil {
			return err
		}
	}
	if !how.CSV {
		return nil
	}
	table := o.path(out.name, ".csv")
	if !out.pos.Table {
		if _, err := os.Lstat(table); err == nil {
			return inTheWay(table)
		}
		out.pos.Table = true
		if err := o.writePos(out); err != nil {
			return err
		}
	}
	return writeCSV(o.temp(), table, path)
}

// publish copies the files to where the job's files go. After a run that was
// killed the next one does it.
func (o *outputs) publish(ctx context.Context, p save.Publisher) error {
	names := slices.Collect(maps.Keys(o.outs))
	if o.outs[filesList] == nil {
		names = append(names, filesList)
	}
	for _, name := range names {
		for _, ext := range []string{".jsonl", ".csv"} {
			f, err := os.Open(o.path(name, ext))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = errors.Join(p.Publish(ctx, name+ext, f), f.Close())
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// inTheWay is the error of a file that the job did not write, in a place that
// it needs.
func inTheWay(path string) error {
	return &save.Error{Reason: save.Disk, Path: path,
		Err: errors.New("in the way: the job did not write it, and its records go there; move it away")}
}

// how returns what a spider says of an output.
func (o *outputs) how(name string) trawl.Output {
	for _, s := range o.spiders {
		if how, ok := s.set.Outputs[name]; ok {
			return how
		}
	}
	return trawl.Output{}
}

func (o *outputs) path(name, ext string) string { return filepath.Join(o.dir, name+ext) }

// temp is where files are written before they take their place: package save
// empties it when a job is opened, of what a dead process left.
func (o *outputs) temp() string { return filepath.Join(o.dir, ".trawl", "tmp") }

func (o *outputs) posPath(name string) string { return filepath.Join(o.dir, ".trawl", name+".pos") }

// restart empties an output.
func (out *output) restart(ctx context.Context, st store.Store) (err error) {
	out.pos = position{Table: out.pos.Table}
	if out.pos.Revision, err = st.Revision(ctx, out.name); err != nil {
		return err
	}
	if err := out.file.Truncate(0); err != nil {
		return err
	}
	_, err = out.file.Seek(0, io.SeekStart)
	return err
}

// open returns an output, opened at its position.
func (o *outputs) open(ctx context.Context, name string) (*output, error) {
	if out := o.outs[name]; out != nil {
		return out, nil
	}
	out := &output{name: name}
	path := o.path(name, ".jsonl")
	data, err := os.ReadFile(o.posPath(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if st, err := os.Stat(path); err == nil && st.Size() > 0 {
			return nil, inTheWay(path)
		}
	case err != nil:
		return nil, o.diskError(out, err)
	default:
		if json.Unmarshal(data, &out.pos) != nil {
			out.pos = position{}
		}
	}
	if out.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return nil, o.diskError(out, err)
	}
	revision, err := o.st.Revision(ctx, name)
	if err != nil {
		return nil, err
	}
	if st, err := out.file.Stat(); err != nil || st.Size() < out.pos.Bytes || out.pos.Revision != revision {
		// Somebody cut it, or items are no longer: write it anew.
		out.pos = position{Revision: revision, Table: out.pos.Table}
	}
	if err := out.file.Truncate(out.pos.Bytes); err != nil {
		return nil, o.diskError(out, err)
	}
	if _, err := out.file.Seek(out.pos.Bytes, io.SeekStart); err != nil {
		return nil, o.diskError(out, err)
	}
	out.buf = bufio.NewWriterSize(out.file, 64<<10)
	if err := o.savePos(out); err != nil {
		return nil, o.diskError(out, err)
	}
	o.outs[name] = out
	return out, nil
}

func (out *output) add(it store.Item) error {
	out.buf.Write(it.Body)
	err := out.buf.WriteByte('\n')
	out.pos.Seq = it.Seq
	out.pos.Bytes += int64(len(it.Body)) + 1
	return err
}

// savePos makes the file durable and then says so.
func (o *outputs) savePos(out *output) error {
	if err := out.file.Sync(); err != nil {
		return err
	}
	return o.writePos(out)
}

func (o *outputs) writePos(out *output) error {
	data, err := json.Marshal(out.pos)
	if err != nil {
		return err
	}
	out.saved = time.Now()
	return replaceFile(o.temp(), o.posPath(out.name), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func (o *outputs) diskError(out *output, err error) error {
	if se := (*save.Error)(nil); errors.As(err, &se) {
		return err
	}
	return &save.Error{Reason: save.Disk, Path: o.path(out.name, ".jsonl"), Err: err}
}

// replaceFile writes a file in the directory temp and then puts it in the
// place of the one at path, so that path always holds a whole one.
func replaceFile(temp, path string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(temp, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already if all went well
	w := bufio.NewWriterSize(tmp, 64<<10)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
