//go:build unix

package process_test

import (
	"context"
	"testing"

	"github.com/trawl-go/trawl/process"
)

type numbers struct {
	I *process.Value[int32]
	F *process.Value[float64]
	A *process.Array[uint8]
	B *process.Array[float32]
}

var changes = process.Register("changes", func(_ context.Context, n numbers) (none, error) {
	n.I.Store(-n.I.Load())
	n.F.Add(0.25)
	n.A.Set(2, n.A.At(1)+1)
	n.B.CopyFrom([]float32{1.5, 2.5}, 1)
	return none{}, nil
})

func TestItem201_ValueAndArray(t *testing.T) {
	both(t, func(t *testing.T) {
		n := numbers{must(process.NewValue[int32](7)), must(process.NewValue(0.5)), must(process.NewArray[uint8](5)), must(process.NewArray[float32](4))}
		want(t, "start", n.I.Load(), 7)
		want(t, "Len", n.A.Len(), 5)
		all := make([]uint8, 5)
		n.A.CopyTo(all, 0)
		want(t, "zeroed", all, make([]uint8, 5))
		want(t, "Add", n.A.Add(1, 250), 250)
		want(t, "Add past the end", n.A.Add(1, 10), 4)
		want(t, "Swap", n.I.Swap(8), 7)
		want(t, "CompareAndSwap", n.I.CompareAndSwap(8, 9), true)
		want(t, "CompareAndSwap", n.I.CompareAndSwap(8, 10), false)
		p := start(t, changes, n, nil)
		want(t, "exit code", join(t, p), 0)
		want(t, "int", n.I.Load(), -9)
		want(t, "float", n.F.Load(), 0.75)
		n.A.CopyTo(all, 0)
		want(t, "array", all, []uint8{0, 4, 5, 0, 0})
		floats := make([]float32, 3)
		n.B.CopyTo(floats, 1)
		want(t, "floats", floats, []float32{1.5, 2.5, 0})
		for _, i := range []int{-1, 5} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("At(%d) did not panic", i)
					}
				}()
				n.A.At(i)
			}()
		}
	})
}

var adds = process.Register("adds", func(_ context.Context, a *process.Array[uint8]) (none, error) {
	for i := range 10_000 {
		a.Add(i%4, 1)
	}
	return none{}, nil
})

// Bytes of one word are changed by several processes, and none is lost.
func TestItem201_Atomic(t *testing.T) {
	a := must(process.NewArray[uint8](4))
	var ps []*process.Process
	for range 3 {
		ps = append(ps, start(t, adds, a, nil))
	}
	for _, p := range ps {
		want(t, "exit code", join(t, p), 0)
	}
	for i := range 4 {
		want(t, "sum", int(a.At(i)), 3*2500%256)
	}
}
