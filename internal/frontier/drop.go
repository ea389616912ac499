package frontier

import "github.com/trawl-go/trawl/internal/store"

// Drop forgets the requests in the window for which drop returns true, after
// they have ended in the store by other means than an outcome. One that is
// being read at this moment may still be handed out. drop is called with the
// frontier locked.
func (f *Frontier) Drop(drop func(*store.Entry) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		for k := range h.q {
			for range h.q[k].len() {
				e := h.q[k].pop()
				if !drop(e) {
					h.q[k].push(e)
					continue
				}
				f.leaveLocked(h, e)
				h.holds[k]--
				delete(f.held, e.Key)
			}
		}
		h.found(0)
		h.found(1)
		f.refileLocked(h)
	}
	signal(f.wake)
}
