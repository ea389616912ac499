package thread

import (
	"context"
	"runtime/pprof"
	"sync/atomic"
)

// labelKey is the profiler label that carries the thread's name.
const labelKey = "thread"

// labels are the profiler labels of a thread.
type labels struct {
	name string          // the value of labelKey
	ctx  context.Context // carries them all
}

// labelsFor returns the profiler labels of ctx with the thread's name among them.
//
// Labels cost as much as the rest of starting a thread. Most threads have no
// other label than their name, and many share one, so the last ones made are
// kept.
func labelsFor(ctx context.Context, name string) *labels {
	if ctx != context.Background() && hasOtherLabels(ctx) {
		return &labels{name, pprof.WithLabels(ctx, pprof.Labels(labelKey, name))}
	}
	kept := &keptLabels[labelSlot(name)]
	if l := kept.Load(); l != nil && l.name == name {
		return l
	}
	l := &labels{name, pprof.WithLabels(context.Background(), pprof.Labels(labelKey, name))}
	kept.Store(l)
	return l
}

// hasOtherLabels tells whether ctx has more labels than the name of a thread.
func hasOtherLabels(ctx context.Context) (others bool) {
	pprof.ForLabels(ctx, func(key, _ string) bool {
		others = key != labelKey
		return !others
	})
	return others
}

var keptLabels [64]atomic.Pointer[labels]

// labelSlot is where the labels of that name are kept. Names that are used
// together mostly differ at their end: "fetch-1", "fetch-2".
func labelSlot(name string) int {
	h := len(name)
	for _, c := range []byte(name[max(0, len(name)-2):]) {
		h = h*31 + int(c)
	}
	return h % len(keptLabels)
}
