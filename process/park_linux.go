//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package process

import (
	"context"
	"math/bits"
	"os"
	"sync/atomic"
	"time"
)

// Waiting in the arena. A tool has a bit per slot that says who waits for it.
// Who makes something available takes the bit of one process away and rings
// its bell; the process then lets its goroutines look again. Being woken is
// only ever a hint: who wakes up tries, and waits again if there is nothing.
//
// A hint can be lost with a process that dies after it was chosen. Then the
// sweep that follows each death makes everyone look.

// waitBits are 128 bits in the arena.
type waitBits [2]atomic.Uint64

// A parking is a goroutine that waits.
type parking struct {
	bits *waitBits
	c    chan struct{} // capacity 1
}

func (a *arena) park(b *waitBits) *parking {
	p := &parking{bits: b, c: make(chan struct{}, 1)}
	a.mu.Lock()
	a.parked[p] = struct{}{}
	a.header.slots[a.slot].parked.Add(1)
	b[a.slot/64].Or(1 << (a.slot % 64))
	a.mu.Unlock()
	return p
}

// rearm makes p be woken again.
func (a *arena) rearm(p *parking) { p.bits[a.slot/64].Or(1 << (a.slot % 64)) }

func (a *arena) unpark(p *parking) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.parked, p)
	a.header.slots[a.slot].parked.Add(-1)
	for other := range a.parked {
		if other.bits == p.bits {
			return
		}
	}
	p.bits[a.slot/64].And(^uint64(1 << (a.slot % 64)))
}

// answerBell runs as long as the process does.
func (a *arena) answerBell(bell *os.File) {
	b := make([]byte, 8)
	for {
		if _, err := bell.Read(b); err != nil {
			return
		}
		a.rung()
	}
}

// rung wakes the goroutines whose bit was taken away.
func (a *arena) rung() {
	poke := a.header.slots[a.slot].poke.Swap(0) == 1
	a.mu.Lock()
	hit := poke
	for p := range a.parked {
		if poke || p.bits[a.slot/64].Load()>>(a.slot%64)&1 == 0 {
			hit = true
			select {
			case p.c <- struct{}{}:
			default:
			}
		}
	}
	a.mu.Unlock()
	if !hit {
		// The bit was one that the last owner of our slot left behind, or the
		// waiter has just gone. The hint may have been meant for another.
		a.pokeAll()
	}
}

// wake wakes one process that waits, or all of them.
func (a *arena) wake(b *waitBits, all bool) {
	for i := range b {
		half := (i + a.slot/64) % 2
		for {
			set := b[half].Load()
			if set == 0 {
				break
			}
			// From our own slot onwards, so that everyone gets a turn.
			from := a.slot%64 + 1
			bit := (bits.TrailingZeros64(bits.RotateLeft64(set, -from)) + from) % 64
			if b[half].And(^uint64(1<<bit))>>bit&1 == 0 {
				continue // someone was faster
			}
			s := half*64 + bit
			if s == a.slot {
				a.rung()
			} else if a.header.slots[s].live.Load() == 1 {
				a.ring(s)
			} else {
				continue
			}
			if !all {
				return
			}
		}
	}
}

func (b *waitBits) any() bool { return b[0].Load()|b[1].Load() != 0 }

// lookAgain is after how long who waits looks by himself, and for processes
// that died while their parent was not able to notice.
const lookAgain = 200 * time.Millisecond

// await waits until try succeeds or ctx ends. If several goroutines of this
// process want the same, turn lets one of them wait at a time.
func (a *arena) await(ctx context.Context, b *waitBits, turn chan struct{}, try func() bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if try() {
		return nil
	}
	if turn != nil {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p := a.park(b)
	defer a.unpark(p)
	var tick *time.Ticker
	var ticks <-chan time.Time
	for !try() {
		if tick == nil {
			tick = time.NewTicker(lookAgain)
			defer tick.Stop()
			ticks = tick.C
		}
		select {
		case <-p.c:
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks:
			a.sweep()
		}
		a.rearm(p)
	}
	return nil
}
