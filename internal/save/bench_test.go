package save_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trawl-go/trawl/internal/save"
)

// BenchmarkSave saves 2000 files of 20 KB into galleries of 50, from many
// goroutines, and makes them durable in different ways. docs/decisions/0003
// has its figures.
//
// On ext4, creating a file takes ten times as long where many have been
// removed in the last minutes, so give each run a TMPDIR of its own, in a
// directory with chattr +T.
func BenchmarkSave(b *testing.B) {
	const files = 2000
	body := random(20 << 10)
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(files * 20 << 10)
			for b.Loop() {
				b.StopTimer()
				dir := b.TempDir()
				d, err := save.Open(dir, &way.opts)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				var next atomic.Int64
				var wg sync.WaitGroup
				for range way.workers {
					wg.Go(func() {
						for {
							n := next.Add(1)
							if n > files {
								return
							}
							tmp, err := d.Write(context.Background(), bytes.NewReader(body), save.Want{Length: int64(len(body)), Path: "x.jpg"})
							if err == nil {
								err = tmp.Rename(fmt.Sprintf("gallery %d/%d.jpg", n/50, n))
							}
							if err == nil && n%int64(way.every) == 0 {
								err = way.sync(d, dir)
							}
							if err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				if err := way.sync(d, dir); err != nil {
					b.Error(err)
				}
				d.Close()
			}
			b.ReportMetric(float64(b.N*files)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

// A way to make files durable.
type way struct {
	name    string
	workers int
	opts    save.Options
	every   int                                 // files
	sync    func(d *save.Dir, dir string) error // after so many files
}

func syncNothing(*save.Dir, string) error { return nil }

func syncDirs(d *save.Dir, _ string) error { return d.Sync(context.Background()) }
