package save

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A failing is a temporary file on a disk that gives out.
type failing struct {
	file
	room  int // bytes until it is full; -1 for no end
	sync  error
	close error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.room >= 0 && len(p) > f.room {
		n, _ := f.file.Write(p[:f.room])
		f.room = 0
		return n, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	if f.room >= 0 {
		f.room -= len(p)
	}
	return f.file.Write(p)
}

func (f *failing) Sync() error { return errors.Join(f.file.Sync(), f.sync) }

func (f *failing) Close() error { return errors.Join(f.file.Close(), f.close) }

func TestDiskFails(t *testing.T) {
	for _, tt := range []struct {
		name   string
		create error
		disk   failing
		size   int
		want   error
	}{
		{"no room at all", nil, failing{room: 0}, 100, syscall.ENOSPC},
		{"full at the third write", nil, failing{room: 150 << 10}, 300 << 10, syscall.ENOSPC},
		{"sync", nil, failing{room: -1, sync: syscall.EIO}, 100, syscall.EIO},
		{"quota at close", nil, failing{room: -1, close: syscall.EDQUOT}, 100, syscall.EDQUOT},
		{"not allowed", &os.PathError{Err: syscall.EACCES}, failing{}, 100, syscall.EACCES},
		{"read-only", &os.PathError{Err: syscall.EROFS}, failing{}, 100, syscall.EROFS},
		{"too many open files", &os.PathError{Err: syscall.EMFILE}, failing{}, 100, syscall.EMFILE},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			d, err := Open(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			d.create = func(name string, after int64) (file, error) {
				if tt.create != nil {
					return nil, tt.create
				}
				f, err := d.createTemp(name, after)
				tt.disk.file = f
				return &tt.disk, err
			}
			body := bytes.Repeat([]byte{1}, tt.size)
			tmp, err := d.Write(context.Background(), bytes.NewReader(body), Want{Length: -1, Path: "a/1.bin"})
			var e *Error
			if tmp != nil || !errors.As(err, &e) || e.Reason != Disk || !e.Persistent() || !errors.Is(err, tt.want) {
				t.Errorf("Write() = %v, %v, want a persistent disk error %v", tmp, err, tt.want)
			}
			left, err := os.ReadDir(dir + "/" + work)
			if err != nil || len(left) != 0 {
				t.Errorf("temporary files left: %v, %v", left, err)
			}
		})
	}
}

// pending returns the directories that Sync would sync.
func (d *Dir) pending() map[string]struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dirty
}

func TestSyncCoversNewDirectories(t *testing.T) {
	d, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	type set = map[string]struct{}
	for _, step := range []struct {
		path string
		want set
	}{
		{"a/b/1", set{".": {}, "a": {}, "a/b": {}}},
		{"a/b/2", set{"a/b": {}}},
		{"a/c/3", set{"a": {}, "a/c": {}}},
		{"4", set{".": {}}},
	} {
		tmp, err := d.Write(context.Background(), bytes.NewReader([]byte("x")), Want{Length: -1})
		if err != nil {
			t.Fatal(err)
		}
		if err := tmp.Rename(step.path); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, d.pending()); diff != "" {
			t.Errorf("to sync after %s (-want +got):\n%s", step.path, diff)
		}
		if err := d.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(d.pending()) != 0 {
			t.Errorf("left after Sync: %v", d.pending())
		}
	}
}

// What could not be synced is tried again.
func TestSyncFails(t *testing.T) {
	d, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.markDirty("gone")
	for range 2 {
		var e *Error
		if err := d.Sync(context.Background()); !errors.As(err, &e) || e.Reason != Disk {
			t.Errorf("Sync() = %v, want reason disk", err)
		}
	}
	if err := d.root.Mkdir("gone", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(context.Background()); err != nil {
		t.Errorf("Sync() = %v", err)
	}
}

// A name that another call is still syncing is not durable yet.
func TestSyncWaits(t *testing.T) {
	d, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	started, release := make(chan struct{}), make(chan struct{})
	var synced atomic.Bool
	d.sync = func(dir string) error {
		close(started)
		<-release
		synced.Store(true)
		return nil
	}
	d.markDirty(".")
	var wg sync.WaitGroup
	wg.Go(func() { d.Sync(context.Background()) })
	<-started
	wg.Go(func() {
		d.Sync(context.Background())
		if !synced.Load() {
			t.Error("the second Sync returned before the first had synced")
		}
	})
	for range 1000 {
		runtime.Gosched() // give the second every chance to be wrong
	}
	close(release)
	wg.Wait()
}

func TestNoSyncRemembersNothing(t *testing.T) {
	d, err := Open(t.TempDir(), &Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.create = func(name string, after int64) (file, error) {
		f, err := d.createTemp(name, after)
		return &failing{file: f, room: -1, sync: syscall.EIO}, err
	}
	tmp, err := d.Write(context.Background(), bytes.NewReader([]byte("x")), Want{Length: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := tmp.Rename("a/b"); err != nil || len(d.pending()) != 0 {
		t.Errorf("Rename() = %v, to sync: %v", err, d.pending())
	}
}
