package thread

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/trawl-go/trawl/thread"
)

func run(b *testing.B, name string, w work) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		w(b.N)
	})
}

func BenchmarkLock(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(locks)) {
		run(b, "uncontended/"+name, times(locks[name]()))
	}
	for _, name := range slices.Sorted(maps.Keys(locks)) {
		pair := locks[name]()
		run(b, "contended4/"+name, func(n int) { contended(n, pair) })
	}
}

func BenchmarkQueue(b *testing.B) {
	for _, producers := range []int{1, 4} {
		for _, max := range []int{0, 128} {
			name := fmt.Sprintf("%dto%d/max%d/", producers, producers, max)
			run(b, name+"thread.Queue", overThread(thread.NewQueue[int](max), producers))
			if max == 0 {
				continue // channels cannot be unbounded
			}
			run(b, name+"chan", overChan(make(chan int, max), producers))
			run(b, name+"thread.Queue+ctx", overThreadCtx(thread.NewQueue[int](max), producers))
			run(b, name+"chan+ctx", overChanCtx(make(chan int, max), producers))
		}
	}
}

func BenchmarkPool(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		run(b, name, pools[name])
	}
}

func BenchmarkThread(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(threads)) {
		run(b, name, times(threads[name]))
	}
}
