package replica

import "strconv"

// dice is the seed of one replica. Equal seeds and keys give equal rolls, in
// any order and on any machine, so nothing has to be remembered to answer the
// same request twice alike.
type dice uint64

// roll is a number for a key and a few integers, evenly spread.
func (d dice) roll(key string, ns ...int) uint64 {
	h := uint64(14695981039346656037) ^ mix(uint64(d))
	for i := 0; i < len(key); i++ {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	for _, n := range ns {
		h = mix(h ^ uint64(n)*0x9e3779b97f4a7c15)
	}
	return mix(h)
}

// below is a roll in [0, n).
func (d dice) below(n int, key string, ns ...int) int {
	return int(d.roll(key, ns...) % uint64(n))
}

// oneIn is true for about one roll in n.
func (d dice) oneIn(n int, key string, ns ...int) bool {
	return n > 0 && d.below(n, key, ns...) == 0
}

// mix is the finalizer of splitmix64: every bit of x reaches every bit.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// pick is the i-th of all combinations of words, counted around. Two indexes
// less than the number of combinations apart give different ones.
func (d dice) pick(i int, join func(w []string) string, lists ...[]string) string {
	total := 1
	for _, l := range lists {
		total *= len(l)
	}
	round := i / total
	// A stride with no factor in common with total visits every combination.
	n := (i%total*strideFor(total) + d.below(total, "pick")) % total
	w := make([]string, len(lists))
	for j, l := range lists {
		w[j] = l[n%len(l)]
		n /= len(l)
	}
	s := join(w)
	if round > 0 {
		s += " " + strconv.Itoa(round+1)
	}
	return s
}

// strideFor is the first number from 61.8 % of n on with no factor in common
// with it: neighbours land far apart.
func strideFor(n int) int {
	for s := n*618/1000 + 1; ; s++ {
		if gcd(s, n) == 1 {
			return s
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
