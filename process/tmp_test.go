package process_test
import ("testing";"context";"os";"syscall"
"github.com/trawl-go/trawl/process")

type lk struct { L *process.Lock; E *process.Event; Q *process.Queue[[]byte] ; N int}
var holdLock = process.Register("tmp.hold", func(ctx context.Context, a lk) (int, error) {
	if err := a.L.Acquire(ctx); err != nil { return 0, err }
	a.E.Set()
	select {}
})
var echoQ = process.Register("tmp.putq", func(ctx context.Context, a lk) (int, error) {
	b := make([]byte, 64)
	for range a.N { if err := a.Q.Put(ctx, b); err != nil { return 0, err } }
	return 0, nil
})
func both(t *testing.T, f func(t *testing.T)) {
	t.Run("shared", f)
	t.Run("portable", func(t *testing.T){ process.SetPortable(true); defer process.SetPortable(false); f(t)})
}
func TestTmp(t *testing.T) { both(t, func(t *testing.T) {
	l, _ := process.NewLock(); e, _ := process.NewEvent(); q, _ := process.NewQueue[[]byte](100)
	p, err := holdLock.Start(t.Context(), lk{L: l, E: e}, nil)
	if err != nil { t.Fatal(err) }
	e.Wait(t.Context())
	go syscall.Kill(p.PID(), 9)
	if err := l.Acquire(t.Context()); err != process.ErrOwnerDied { t.Fatal(err) }
	p.Join(t.Context())
	t.Log(p.ExitCode())
	p, err = echoQ.Start(t.Context(), lk{Q: q, N: 10000}, nil)
	for range 10000 { if _, err := q.Get(t.Context()); err != nil { t.Fatal(err) } }
	p.Join(t.Context())
	t.Log(p.Err(), os.Getpid())
})}
func BenchmarkLock(b *testing.B) { 
	l, _ := process.NewLock(); ctx := context.Background()
	for b.Loop() { l.Acquire(ctx); l.Release() } }
func BenchmarkQ(b *testing.B) { 
	q, _ := process.NewQueue[[]byte](1000)
	p, err := echoQ.Start(b.Context(), lk{Q: q, N: b.N}, nil)
	if err != nil { b.Fatal(err) }
	for range b.N { if _, err := q.Get(b.Context()); err != nil { b.Fatal(err) } }
	p.Join(b.Context())
}
