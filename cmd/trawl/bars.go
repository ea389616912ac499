package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/trawl-go/trawl/crawl"
)

// refresh is the time between two pictures of the progress.
const refresh = 150 * time.Millisecond

// A barsUI shows live progress on a terminal: pages and files with what is
// known of their total, the speed, and the slowest hosts. Lines about what
// went wrong scroll above it.
type barsUI struct {
	*linesUI
	scr  *screen // has bars between start and stop
	last atomic.Pointer[progress]
	quit chan struct{}
	done sync.WaitGroup
}

// A progress is what the bars show.
type progress struct {
	crawl.Snapshot
	speed float64 // bytes a second, lately
}

func newBarsUI(plain *linesUI, w io.Writer) *barsUI {
	scr, ok := w.(*screen)
	if !ok {
		scr = &screen{w: w}
	}
	u := &barsUI{linesUI: plain, scr: scr, quit: make(chan struct{})}
	u.last.Store(&progress{})
	u.err = &printer{w: scr}
	return u
}

func (u *barsUI) events() crawl.Events { return u.linesUI.events() }

func (u *barsUI) start(snapshot func(int) (crawl.Snapshot, error)) {
	p := mpb.New(mpb.WithOutput(u.scr.w), mpb.WithRefreshRate(refresh), mpb.WithAutoRefresh())
	pages := u.bar(p, "pages", func(s *progress) crawl.Tally { return s.Pages }, func(s *progress) string {
		if s.Items == 0 {
			return ""
		}
		return plural(s.Items, "record")
	})
	files := u.bar(p, "files", func(s *progress) crawl.Tally { return s.Files }, func(s *progress) string {
		return fmt.Sprintf("%s  %s/s", size(s.Bytes), size(int64(s.speed)))
	})
	hosts := p.New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(d decor.Statistics) string {
		return fit(hostLine(u.last.Load()), d.AvailableWidth)
	})))
	u.scr.bars.Store(p)
	all := []*mpb.Bar{pages, files, hosts}
	u.done.Go(func() { u.watch(snapshot, all) })
}

// bar adds the bar of one kind of request.
func (u *barsUI) bar(p *mpb.Progress, name string, tally func(*progress) crawl.Tally, more func(*progress) string) *mpb.Bar {
	return p.New(0, mpb.BarStyle().Lbound("▕").Filler("█").Tip("█").Padding(" ").Rbound("▏"),
		mpb.BarWidth(28),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			s := u.last.Load()
			t := tally(s)
			text := fmt.Sprintf("%s of %s", thousands(t.Done+t.Already), thousands(t.Total()))
			if t.Failed > 0 {
				text += fmt.Sprintf(", %s failed", thousands(t.Failed))
			}
			return text
		}, decor.WCSyncSpaceR), decor.Any(func(decor.Statistics) string { return "  " + more(u.last.Load()) })),
	)
}

// watch takes snapshots until stop.
func (u *barsUI) watch(snapshot func(int) (crawl.Snapshot, error), bars []*mpb.Bar) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	var received int64
	at := time.Now()
	for {
		if s, err := snapshot(3); err == nil {
			now := time.Now()
			speed := u.last.Load().speed
			if d := now.Sub(at).Seconds(); d > 0 {
				speed += (float64(s.Received-received)/d - speed) / 8
			}
			received, at = s.Received, now
			u.last.Store(&progress{s, speed})
			for i, t := range []crawl.Tally{s.Pages, s.Files} {
				bars[i].SetTotal(t.Total(), false)
				bars[i].SetCurrent(t.Done + t.Already + t.Failed + t.LeftOut)
			}
		}
		select {
		case <-u.quit:
			for _, b := range bars {
				b.Abort(true)
			}
			return
		case <-tick.C:
		}
	}
}

func (u *barsUI) stop() {
	p := u.scr.bars.Load()
	if p == nil {
		return
	}
	close(u.quit)
	u.done.Wait()
	p.Wait()
	u.scr.bars.Store(nil)
}

// hostLine names the hosts that keep the job waiting.
func hostLine(s *progress) string {
	var parts []string
	for _, h := range s.Hosts {
		name := printable(h.Name)
		switch {
		case h.Stopped != "":
			parts = append(parts, name+" stopped")
		case !h.Rests.IsZero():
			parts = append(parts, fmt.Sprintf("%s rests %s", name, time.Until(h.Rests).Round(time.Second)))
		case h.Latency > 0:
			parts = append(parts, fmt.Sprintf("%s %s", name, h.Latency.Round(time.Millisecond)))
		}
	}
	line := span(s.Elapsed.Round(time.Second))
	if len(parts) > 0 {
		line += "  slowest: " + strings.Join(parts, " · ")
	}
	return line
}

// fit cuts a line to a width, in characters.
func fit(s string, width int) string {
	r := []rune(s)
	if width > 1 && len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}
