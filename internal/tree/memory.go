package tree

import "golang.org/x/net/html"

const (
	// slab is how many nodes or attributes are allocated at once.
	slab = 256

	// maxSlabs is how many slabs of each a Memory keeps, about 10 MB in all.
	maxSlabs = 256
)

// A Memory is where trees are made. The zero value is ready. It is not safe for
// concurrent use.
type Memory struct {
	nodes pool[html.Node]
	attrs pool[html.Attribute]
}

// Reset makes room for the next page. The trees that were made before must not
// be used any more; the strings in them stay as they are.
func (m *Memory) Reset() {
	m.nodes.reset()
	m.attrs.reset()
}

// A pool hands out slabs of zero values.
type pool[T any] struct {
	slabs [][]T
	used  int
}

func (p *pool[T]) next() []T {
	if p.used == len(p.slabs) {
		p.slabs = append(p.slabs, make([]T, slab))
	}
	p.used++
	return p.slabs[p.used-1]
}

func (p *pool[T]) reset() {
	if len(p.slabs) > maxSlabs {
		clear(p.slabs[maxSlabs:])
		p.slabs = p.slabs[:maxSlabs]
	}
	for _, s := range p.slabs[:min(p.used, len(p.slabs))] {
		clear(s) // or it would keep the page
	}
	p.used = 0
}
