package thread

import (
	"context"
	"hash/maphash"
	"runtime/pprof"
	"sync/atomic"
)

// labelKey is the profiler label that carries the thread's name.
const labelKey = "thread"

// labelled is a context whose profiler labels are those of another one, unless
// that is nil.
type labelled struct {
	context.Context
	labels context.Context
}

func (c *labelled) Value(key any) any {
	if c.labels != nil {
		if v := c.labels.Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}

// labelContext returns a context that carries the profiler labels of ctx, the
// thread's name among them.
//
// Labels cost as much as the rest of starting a thread. Most threads have no
// other label than their name, and many share one, so the last ones made are
// kept.
func labelContext(ctx context.Context, name string) context.Context {
	others := false
	pprof.ForLabels(ctx, func(key, _ string) bool {
		others = key != labelKey
		return !others
	})
	if others {
		return pprof.WithLabels(ctx, pprof.Labels(labelKey, name))
	}
	kept := &names[maphash.String(seed, name)%uint64(len(names))]
	if k := kept.Load(); k != nil && k.name == name {
		return k.labels
	}
	k := &keptLabels{name, pprof.WithLabels(context.Background(), pprof.Labels(labelKey, name))}
	kept.Store(k)
	return k.labels
}

type keptLabels struct {
	name   string
	labels context.Context
}

var (
	names [64]atomic.Pointer[keptLabels]
	seed  = maphash.MakeSeed()
)
