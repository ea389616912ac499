package gallery

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/trawl-go/trawl"
)

// merge takes each picture once, in the place where it is first seen. Two are
// the same if one's best address is among the other's, or if their addresses
// differ in nothing but a size.
func merge(pics []*picture) []*picture {
	var out []*picture
	// Indexes in out: by best address, past ones included, by any address, by
	// best address without its size, and by the page of the picture.
	best, known := make(map[trawl.Key]int), make(map[trawl.Key]int)
	sizes, photos := make(map[string]int), make(map[string]int)

	keys := make(map[string]trawl.Key)
	key := func(address string) trawl.Key {
		k, ok := keys[address]
		if !ok {
			k = trawl.KeyOf(trawl.KindFile, address)
			keys[address] = k
		}
		return k
	}
	find := func(p *picture) (int, bool) {
		if i, ok := photos[p.photo]; ok {
			return i, true
		}
		if i, ok := known[key(p.url())]; ok {
			return i, true
		}
		for _, s := range p.sources[1:] {
			if i, ok := best[key(s.url)]; ok {
				return i, true
			}
		}
		name, _ := sizeless(p.url())
		i, ok := sizes[name]
		return i, ok
	}
	for _, p := range pics {
		i, twin := find(p)
		if !twin {
			i = len(out)
			out = append(out, p)
		}
		for _, s := range p.sources {
			known[key(s.url)] = i
		}
		if twin {
			p = join(out[i], p)
			out[i] = p
		}
		best[key(p.url())] = i
		name, _ := sizeless(p.url())
		sizes[name] = i
		if p.photo != "" {
			photos[p.photo] = i
		}
	}
	return out
}

// maxJoined bounds the addresses that a picture takes over from its twins.
const maxJoined = 24

// join makes one picture of two and returns it. It is a if both are as good.
func join(a, b *picture) *picture {
	if better(b, a) {
		a, b = b, a
	}
	for _, s := range b.sources {
		if len(a.sources) >= maxJoined {
			break
		}
		// A few pixels, blurred, are what a page shows while it loads.
		if _, size := sizeless(s.url); size >= 100 && !a.offers(s.url) {
			a.sources = append(a.sources, s)
		}
	}
	return a
}

// better tells whether a shows more of a picture than b: it knows b's address
// as a smaller one, or is a link to the original, or promises a larger size.
func better(a, b *picture) bool {
	if a.url() == b.url() || b.offers(a.url()) {
		return false
	}
	linkA, linkB := a.sources[0].grade == gradeLink, b.sources[0].grade == gradeLink
	if a.offers(b.url()) || linkA != linkB {
		return a.offers(b.url()) || linkA
	}
	_, sizeA := sizeless(a.url())
	_, sizeB := sizeless(b.url())
	return sizeA > sizeB
}

// sizeless returns a picture's address without what looks like a size in its
// folders, its name and its arguments, and a rank that grows with that size.
// Only what names a size is taken for one: a number alone may be a picture's
// own.
func sizeless(address string) (name string, rank int) {
	u, err := url.Parse(address)
	if err != nil {
		return address, 0
	}
	rank = rankPlain
	parts := strings.Split(u.Path, "/")
	last := len(parts) - 1
	out := make([]string, 0, len(parts))
	for i, dir := range parts[:last] {
		dir = strings.ToLower(dir)
		if r, ok := sizeWord(dir); ok {
			rank = r
			continue
		}
		if i > 0 && strings.ToLower(parts[i-1]) == "max" {
			if px, err := strconv.Atoi(dir); err == nil { // /max/800/photo.jpg
				rank = min(px, rankPlain-1)
				continue
			}
		}
		out = append(out, parts[i])
	}
	stem, ext := parts[last], ""
	if i := strings.LastIndexByte(stem, '.'); i > 0 {
		stem, ext = stem[:i], stem[i:]
	}
	if i := strings.LastIndexAny(stem, "-_."); i > 0 {
		if r, ok := sizeWord(strings.ToLower(stem[i+1:])); ok {
			stem, rank = stem[:i], r
		}
	}
	if i := strings.IndexAny(stem, "-_"); i > 0 && i+1 < len(stem) {
		if r, ok := sizeWord(strings.ToLower(stem[:i])); ok {
			stem, rank = stem[i+1:], r
		}
	}
	query, r := sizelessQuery(u.RawQuery)
	return u.Host + strings.Join(append(out, stem+ext), "/") + "?" + query, min(rank, r)
}

// sizelessQuery drops the arguments that servers which scale pictures take for
// size and quality, and returns the width that they ask for.
func sizelessQuery(query string) (rest string, rank int) {
	rank = rankFull
	if query == "" {
		return "", rank
	}
	var keep []string
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		switch strings.ToLower(k) {
		case "w", "width":
			if px, err := strconv.Atoi(v); err == nil && px > 0 {
				rank = min(px, rankPlain-1)
			}
		case "h", "height", "q", "quality", "dpr", "fit", "resize", "auto", "fm":
		case "size":
			r, ok := sizeWord(strings.ToLower(v))
			if !ok {
				keep = append(keep, pair)
				continue
			}
			rank = r
		default:
			keep = append(keep, pair)
		}
	}
	return strings.Join(keep, "&"), rank
}

// Ranks of sizes; those that name a width are that number of pixels.
const (
	rankThumb  = 150
	rankSmall  = 300
	rankMedium = 600
	rankLarge  = 1200
	rankPlain  = 100_000
	rankFull   = 200_000
)

// sizeWord returns the rank of a word that names a size of a picture.
func sizeWord(w string) (rank int, ok bool) {
	switch w {
	case "thumb", "thumbs", "thumbnail", "thumbnails", "tn", "mini":
		return rankThumb, true
	case "small", "preview", "previews":
		return rankSmall, true
	case "medium", "mid":
		return rankMedium, true
	case "large", "big", "scaled":
		return rankLarge, true
	case "full", "fullsize", "orig", "original", "originals":
		return rankFull, true
	}
	// 300x200, 220px
	if n, ok := strings.CutSuffix(w, "px"); ok {
		px, err := strconv.Atoi(n)
		return min(px, rankPlain-1), err == nil && px > 0
	}
	if a, b, ok := strings.Cut(w, "x"); ok && len(a) <= 5 && len(b) <= 5 {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		return min(max(x, y), rankPlain-1), errX == nil && errY == nil && min(x, y) > 15
	}
	return 0, false
}

// namesSmall tells whether an address names a small size.
func namesSmall(address string) bool {
	_, rank := sizeless(address)
	return rank <= rankSmall
}
