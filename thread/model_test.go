package thread_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/trawl-go/trawl/thread"
)

// modelQueue is a queue as simple as can be, to compare the real one with.
type modelQueue struct {
	kind       string
	max        int
	items      []int
	unfinished int
	shut       bool
}

func (m *modelQueue) put(v int) error {
	switch {
	case m.shut:
		return thread.ErrShutDown
	case m.max > 0 && len(m.items) >= m.max:
		return thread.ErrFull
	}
	m.items = append(m.items, v)
	m.unfinished++
	return nil
}

func (m *modelQueue) get() (v int, err error) {
	if len(m.items) == 0 {
		if m.shut {
			return 0, thread.ErrShutDown
		}
		return 0, thread.ErrEmpty
	}
	i := 0
	switch m.kind {
	case "lifo":
		i = len(m.items) - 1
	case "priority":
		i = slices.Index(m.items, slices.Min(m.items))
	}
	v = m.items[i]
	m.items = slices.Delete(m.items, i, i+1)
	return v, nil
}

// Any sequence of calls that do not wait does what the model does.
func TestQueueLikeModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for _, k := range queues {
		for range 300 {
			max := rnd.IntN(6)
			q, m := k.make(max), &modelQueue{kind: k.name, max: max}
			var log []string
			check := func(what string, got, want any) {
				log = append(log, what)
				if got != want {
					t.Fatalf("%s of %d: %v: got %v, want %v", k.name, max, log, got, want)
				}
			}
			for range 60 {
				switch op := rnd.IntN(20); {
				case op < 9:
					v := rnd.IntN(10)
					check(fmt.Sprintf("put %d", v), q.TryPut(v), m.put(v))
				case op < 16:
					v, err := q.TryGet()
					mv, merr := m.get()
					check("get", [2]any{v, err}, [2]any{mv, merr})
				case op < 18:
					var merr error
					if m.unfinished == 0 {
						merr = thread.ErrTaskDone
					} else {
						m.unfinished--
					}
					check("done", q.TaskDone(), merr)
				case op == 18:
					m.max = rnd.IntN(6)
					q.SetCap(m.max)
				default:
					if rnd.IntN(5) > 0 {
						continue
					}
					m.shut = true
					if rnd.IntN(2) == 0 {
						q.Shutdown()
						continue
					}
					left := q.ShutdownNow()
					check("shutdown now", len(left), len(m.items))
					m.unfinished -= min(len(left), m.unfinished)
					m.items = nil
				}
				check("len", q.Len(), len(m.items))
			}
		}
	}
}

// queueOp is one call in a recorded history; queueResult is what it returned.
type queueOp struct {
	put bool
	v   int
}

type queueResult struct {
	v   int
	err error
}

// queueModel tells porcupine what a queue does. A call that gave up because
// its context ended must have changed nothing, at any moment. Calls that wait
// take effect at the moment they succeed.
func queueModel(kind string, max int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, in, out any) (bool, any) {
			op, res := in.(queueOp), out.(queueResult)
			m := modelQueue{kind: kind, max: max}
			for _, r := range state.(string) {
				m.items = append(m.items, int(r))
			}
			if errors.Is(res.err, context.DeadlineExceeded) {
				return true, state
			}
			var v int
			var err error
			if op.put {
				err = m.put(op.v)
			} else {
				v, err = m.get()
			}
			if err != res.err || err == nil && !op.put && v != res.v {
				return false, state
			}
			next := make([]rune, len(m.items))
			for i, v := range m.items {
				next[i] = rune(v)
			}
			return true, string(next)
		},
	}
}

// Histories recorded from many goroutines that put and get, with and without
// waiting, can be explained as if the calls had come one after another.
func TestQueueLinearizable(t *testing.T) {
	for _, k := range queues {
		for _, max := range []int{0, 1, 3} {
			t.Run(fmt.Sprintf("%s of %d", k.name, max), func(t *testing.T) {
				for seed := range uint64(25) {
					history := record(t.Context(), k.make(max), seed)
					switch porcupine.CheckOperationsTimeout(queueModel(k.name, max), history, 5*time.Second) {
					case porcupine.Illegal:
						t.Fatalf("seed %d: no order explains %v", seed, history)
					case porcupine.Unknown:
						t.Logf("seed %d: not decided in time", seed)
					}
				}
			})
		}
	}
}

func record(ctx context.Context, q *thread.Queue[int], seed uint64) []porcupine.Operation {
	const clients, calls = 5, 12
	start := time.Now()
	now := func() int64 { return int64(time.Since(start)) }
	var mu sync.Mutex
	var history []porcupine.Operation
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(c)))
			for i := range calls {
				op := queueOp{put: rnd.IntN(2) == 0, v: 1 + c*calls + i}
				var res queueResult
				short, cancel := context.WithTimeout(ctx, time.Duration(rnd.IntN(80))*time.Microsecond)
				wait := rnd.IntN(2) == 0
				call := now()
				switch {
				case op.put && wait:
					res.err = q.Put(short, op.v)
				case op.put:
					res.err = q.TryPut(op.v)
				case wait:
					res.v, res.err = q.Get(short)
				default:
					res.v, res.err = q.TryGet()
				}
				done := now()
				cancel()
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: c, Input: op, Call: call, Output: res, Return: done})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return history
}

// The model itself must be able to say no.
func TestQueueModelRefuses(t *testing.T) {
	op := func(client int, call, ret int64, in queueOp, out queueResult) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: ret}
	}
	for name, history := range map[string][]porcupine.Operation{
		"an item twice": {
			op(0, 0, 1, queueOp{put: true, v: 1}, queueResult{}),
			op(1, 2, 3, queueOp{}, queueResult{v: 1}), op(2, 2, 3, queueOp{}, queueResult{v: 1}),
		},
		"out of order": {
			op(0, 0, 1, queueOp{put: true, v: 1}, queueResult{}), op(0, 2, 3, queueOp{put: true, v: 2}, queueResult{}),
			op(1, 4, 5, queueOp{}, queueResult{v: 2}),
		},
		"lost": {
			op(0, 0, 1, queueOp{put: true, v: 1}, queueResult{}), op(1, 2, 3, queueOp{}, queueResult{err: thread.ErrEmpty}),
		},
		"put after all by a call that gave up": {
			op(0, 0, 1, queueOp{put: true, v: 1}, queueResult{err: context.DeadlineExceeded}), op(1, 2, 3, queueOp{}, queueResult{v: 1}),
		},
	} {
		if porcupine.CheckOperations(queueModel("fifo", 0), history) {
			t.Errorf("the model takes a history with an item %s", name)
		}
	}
}

// A priority queue of many items against sorting.
func TestPriorityQueueLikeSort(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 50 {
		q := thread.NewPriorityQueue(0, cmp.Compare[int])
		var all []int
		for range rnd.IntN(300) {
			v := rnd.IntN(100)
			all = append(all, v)
			q.TryPut(v)
		}
		slices.Sort(all)
		if got := drain(q); !slices.Equal(got, all) {
			t.Fatalf("got %v, want %v", got, all)
		}
	}
}
