package thread

// ring is a growing circular buffer. Its zero value is empty.
type ring[T any] struct {
	buf  []T // its length is zero or a power of two
	head int
	n    int
}

// keepEmpty is the largest buffer, in items, that an empty ring holds on to.
const keepEmpty = 1024

func (r *ring[T]) push(v T) {
	if r.n == len(r.buf) {
		r.grow()
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
}

func (r *ring[T]) grow() {
	buf := make([]T, max(8, 2*len(r.buf)))
	k := copy(buf, r.buf[r.head:])
	copy(buf[k:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}

func (r *ring[T]) popFront() T {
	v := r.take(r.head)
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.shrink()
	return v
}

func (r *ring[T]) popBack() T {
	v := r.take((r.head + r.n - 1) & (len(r.buf) - 1))
	r.shrink()
	return v
}

// take empties slot i, so that the ring does not keep alive what left it.
func (r *ring[T]) take(i int) T {
	var zero T
	v := r.buf[i]
	r.buf[i] = zero
	r.n--
	return v
}

func (r *ring[T]) shrink() {
	if r.n == 0 && len(r.buf) > keepEmpty {
		r.buf, r.head = nil, 0
	}
}

// ranked is an item of a heap; seq keeps equal items in order of arrival.
type ranked[T any] struct {
	v   T
	seq uint64
}

// heap is a binary heap, smallest first. All comparisons of an operation are
// done before its first change, so a compare function that panics leaves the
// heap as it was.
type heap[T any] struct {
	items   []ranked[T]
	seq     uint64
	compare func(a, b T) int
}

func (h *heap[T]) less(a, b ranked[T]) bool {
	c := h.compare(a.v, b.v)
	return c < 0 || c == 0 && a.seq < b.seq
}

func (h *heap[T]) push(v T) {
	x := ranked[T]{v, h.seq}
	i := len(h.items)
	for i > 0 && h.less(x, h.items[(i-1)/2]) {
		i = (i - 1) / 2
	}
	h.seq++
	h.items = append(h.items, x)
	j := len(h.items) - 1
	for ; j != i; j = (j - 1) / 2 {
		h.items[j] = h.items[(j-1)/2]
	}
	h.items[i] = x
}

func (h *heap[T]) pop() T {
	n := len(h.items) - 1
	last := h.items[n]
	// The path of smaller children, down to where the last item belongs.
	var path [64]int
	depth := 0
	for i := 0; ; depth++ {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && h.less(h.items[c+1], h.items[c]) {
			c++
		}
		if !h.less(h.items[c], last) {
			break
		}
		path[depth], i = c, c
	}
	top, i := h.items[0], 0
	for _, c := range path[:depth] {
		h.items[i] = h.items[c]
		i = c
	}
	h.items[i] = last
	h.items[n] = ranked[T]{}
	h.items = h.items[:n]
	if n == 0 && cap(h.items) > keepEmpty {
		h.items = nil
	}
	return top.v
}
