package xpath

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"unsafe"
)

// DefaultBudget is the work an evaluation may do unless EvalOptions says
// otherwise.
const DefaultBudget = 100_000_000

// maxText is how much text an evaluation may put together at a time, in bytes.
const maxText = 64 << 20

// workSlice is how much work is done between two looks at the context.
const workSlice = 1 << 16

// exec is one evaluation: the document, what is left of the budget, and
// scratch memory. Execs are pooled; nothing in them outlives a call.
type exec struct {
	doc    *Doc
	ctx    context.Context
	vars   map[string]Value
	expr   *Expr
	work   int64 // left before the next look at the context
	budget int64 // left after work

	codes []int32 // by name slot: the code of that name in doc
	memos []memo
	index *nameIndex // nil until doc has one
	scans int64      // nodes looked at by scans for a name

	attrs     *attrTable // nil until doc has one
	attrCodes []int32    // by attribute slot: the code of that name in attrs
	asked     int64      // elements asked for an attribute without attrs

	sets    [][]ref  // free buffers
	text    []byte   // string-values under construction, see mark
	bits    []uint64 // all zero between uses
	counts  []int32  // all zero between uses
	places  []place
	regexps map[string]*pattern
}

// focus is the context of an expression: a node, its position and the size
// of the list it is from.
type focus struct {
	node      ref
	pos, size int32
}

// thrown carries an error up to the entry point of an evaluation. Checking an
// error after every node would cost more than the work itself.
type thrown struct{ err error }

func (x *exec) throw(err error) { panic(thrown{err}) }

// execs is shared by all expressions, since they take turns on a page.
var execs = sync.Pool{New: func() any { return new(exec) }}

func (e *Expr) begin(ctx context.Context, n Node, opts *EvalOptions) *exec {
	x := execs.Get().(*exec)
	x.doc, x.ctx, x.expr = n.doc, ctx, e
	x.budget, x.vars = DefaultBudget, nil
	if opts != nil {
		x.vars = opts.Vars
		if opts.Budget > 0 {
			x.budget = opts.Budget
		}
	}
	x.work = 0
	x.index = n.doc.byName.Load()
	x.codes = x.codes[:0]
	for i := range e.names {
		x.codes = append(x.codes, n.doc.names.lookup(e.names[i].atom, e.names[i].name))
	}
	x.attrs = n.doc.attrs.Load()
	x.attrCodes = x.attrCodes[:0]
	if x.attrs != nil {
		for _, name := range e.attrNames {
			code, ok := x.attrs.names[name]
			if !ok {
				code = -1
			}
			x.attrCodes = append(x.attrCodes, code)
		}
	}
	x.memos = slices.Grow(x.memos[:0], e.memos)[:e.memos]
	clear(x.memos)
	return x
}

// end puts x back, unless an error cut it short: then its scratch memory may
// hold anything, and is left to the garbage collector.
func (x *exec) end() {
	if x.index == nil && x.scans > 0 {
		x.doc.noteScan(x.scans)
	}
	if x.attrs == nil && x.asked > 0 {
		x.doc.noteAsked(x.asked)
	}
	x.scans, x.asked = 0, 0
	x.doc, x.ctx, x.vars, x.expr, x.index, x.attrs = nil, nil, nil, nil, nil, nil
	x.text = x.text[:0]
	if cap(x.text) > maxPooled {
		x.text = nil
	}
	if len(x.regexps) > 0 {
		clear(x.regexps)
	}
	execs.Put(x)
}

// spend takes n off the budget, and looks at the context now and then.
func (x *exec) spend(n int) {
	if x.work -= int64(n); x.work < 0 {
		x.refill()
	}
}

func (x *exec) refill() {
	if err := x.ctx.Err(); err != nil {
		x.throw(fmt.Errorf("xpath: %w", err))
	}
	x.budget += x.work // what was spent beyond the last slice
	if x.budget < 0 {
		x.throw(fmt.Errorf("xpath: %w", ErrBudget))
	}
	x.work = min(x.budget, workSlice)
	x.budget -= x.work
}

// grab returns an empty buffer for refs; drop gives it back.
func (x *exec) grab() []ref {
	if n := len(x.sets); n > 0 {
		b := x.sets[n-1]
		x.sets = x.sets[:n-1]
		return b
	}
	return make([]ref, 0, 64)
}

// maxPooled is the largest buffer kept between evaluations, in its elements.
const maxPooled = 1 << 16

func (x *exec) drop(b []ref) {
	if cap(b) <= maxPooled {
		x.sets = append(x.sets, b[:0])
	}
}

// mark and release bracket the use of string-values that were put together in
// x.text. What stringValue returned in between is invalid after release.
func (x *exec) mark() int     { return len(x.text) }
func (x *exec) release(m int) { x.text = x.text[:m] }

// keep returns the bytes of x.text from m on as a string without copying. It
// is valid until x.text is released to m: by then x has written nothing over
// it, because x.text only grows, and growing moves it to new memory.
func (x *exec) keep(m int) string {
	if len(x.text) > maxText {
		x.throw(fmt.Errorf("xpath: more than %d bytes of text: %w", maxText, ErrBudget))
	}
	b := x.text[m:]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// stringValue returns the string-value of r, valid until released.
func (x *exec) stringValue(r ref) string {
	if r.isAttr() {
		return x.attrValue(r.index(), r.attr())
	}
	x.spend(1 + int(x.doc.recs[r.index()].end-r.index())/8)
	s, rest := x.doc.textParts(r)
	if rest < 0 {
		return s
	}
	m := x.mark()
	x.text = append(x.text, s...)
	for i := rest; i < x.doc.recs[r.index()].end; i++ {
		if x.doc.recs[i].code == codeText {
			x.text = append(x.text, x.doc.nodes[i].Data...)
		}
	}
	x.spend((len(x.text) - m) / 4)
	return x.keep(m)
}

// settle puts s into document order and removes duplicates.
func (x *exec) settle(s []ref) []ref {
	for i := 1; i < len(s); i++ {
		if s[i] <= s[i-1] {
			return x.sort(s)
		}
	}
	return s
}

func (x *exec) sort(s []ref) []ref {
	x.spend(len(s))
	if len(s) < 128 {
		slices.Sort(s)
		return slices.Compact(s)
	}
	for _, r := range s {
		if r.isAttr() {
			slices.Sort(s)
			return slices.Compact(s)
		}
	}
	lo, hi := int32(math.MaxInt32), int32(0)
	for _, r := range s {
		i := x.markBit(r.index())
		lo, hi = min(lo, i), max(hi, i)
	}
	return x.sweepBits(s[:0], lo, hi)
}

// merger keeps a set that is added to piece by piece from growing much beyond
// the number of nodes there are, however often they come.
type merger struct{ limit int }

// add is called with the set after each addition.
func (m *merger) add(x *exec, set []ref) []ref {
	if m.limit == 0 {
		m.limit = 2*len(x.doc.recs) + 1024
	}
	if len(set) > m.limit {
		set = x.settle(set)
		m.limit = max(m.limit, 2*len(set))
	}
	return set
}

// markBit sets the bit of tree node i.
func (x *exec) markBit(i int32) int32 {
	if len(x.bits)*64 < len(x.doc.recs) {
		x.bits = append(x.bits, make([]uint64, (len(x.doc.recs)+63)/64-len(x.bits))...)
	}
	x.bits[i>>6] |= 1 << (i & 63)
	return i
}

// hasBit reports whether the bit of tree node i is set.
func (x *exec) hasBit(i int32) bool {
	w := int(i >> 6)
	return w < len(x.bits) && x.bits[w]&(1<<(i&63)) != 0
}

// sweepBits appends the nodes marked in [lo, hi] to out, and clears the marks.
func (x *exec) sweepBits(out []ref, lo, hi int32) []ref {
	if hi < lo {
		return out
	}
	x.spend(int(hi-lo) / 64)
	for w := lo >> 6; w <= hi>>6; w++ {
		for b := x.bits[w]; b != 0; b &= b - 1 {
			out = append(out, treeRef(w<<6+int32(bits.TrailingZeros64(b))))
		}
		x.bits[w] = 0
	}
	return out
}
