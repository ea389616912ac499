package process_test

import (
	"context"
	"os"
	"testing"

	"github.com/trawl-go/trawl/process"
)

func TestMain(m *testing.M) {
	process.Init()
	os.Exit(m.Run())
}

var double = process.Register("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

func TestSmoke(t *testing.T) {
	p := process.NewPool(&process.PoolOptions{Workers: 2})
	for i := range 10 {
		r, err := double.Apply(t.Context(), p, i)
		if err != nil || r != 2*i {
			t.Fatal(r, err)
		}
	}
	in := make([]int, 10000)
	rs, err := double.Map(t.Context(), p, in, 0)
	t.Log(len(rs), err, p.Stats())
	p.Close()
	if err := p.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkApply(b *testing.B) {
	p := process.NewPool(&process.PoolOptions{Workers: 2})
	defer p.Terminate()
	double.Apply(b.Context(), p, 1)
	for b.Loop() {
		double.Apply(context.Background(), p, 1)
	}
}
func BenchmarkMap(b *testing.B) {
	p := process.NewPool(&process.PoolOptions{Workers: 2})
	defer p.Terminate()
	double.Apply(b.Context(), p, 1)
	b.ResetTimer()
	double.Map(context.Background(), p, make([]int, b.N), 0)
}
