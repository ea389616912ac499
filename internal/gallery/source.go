package gallery

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/trawl-go/trawl/internal/extract"
)

// A grade tells where the address of a picture was found, the best first.
type grade uint8

const (
	gradeLink  grade = iota // a link around it
	gradeFull               // an attribute that names the full size
	gradeLarge              // one that names a large size
	gradeSet                // srcset
	gradeLazy               // what a lazy-loading script reads
	gradeSrc                // src
	gradeGuess              // any other attribute that holds a picture's address
	gradeNone               // no address
)

// A source is one address of a picture.
type source struct {
	url   string
	grade grade
	width float64 // from srcset, in pixels; 0 if unknown
	dense float64 // from srcset, in pixels per pixel; 0 if unknown
	media int     // smallest width of the window in which it is shown
	avif  bool    // fewer programs can show it
	lazy  bool    // a script puts it in the place of src
}

// compareSources sorts the best one first.
func compareSources(a, b source) int {
	boolInt := func(v bool) int {
		if v {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.grade, b.grade),
		-cmp.Compare(a.width, b.width),
		-cmp.Compare(a.dense, b.dense),
		-cmp.Compare(a.media, b.media),
		cmp.Compare(boolInt(a.avif), boolInt(b.avif)),
	)
}

// attrGrade tells what an attribute of an image holds. set is true if it is a
// list like srcset.
func attrGrade(name string) (g grade, set bool) {
	switch name {
	case "src":
		return gradeSrc, false
	case "srcset", "data-srcset", "data-lazy-srcset", "data-lazysrcset", "data-original-set", "data-src-set", "data-sizes-srcset":
		return gradeSet, true
	case "data-orig-file", "data-full", "data-full-src", "data-fullsrc", "data-full-url", "data-full-image", "data-full-size",
		"data-fullsize", "data-hires", "data-hi-res-src", "data-highres", "data-high-res-src", "data-zoom-image", "data-zoom-src",
		"data-zoom", "data-original-src", "data-orig", "data-raw-src", "data-max-src", "data-pswp-src", "data-master", "zoomfile":
		return gradeFull, false
	case "data-large", "data-large-file", "data-large-src", "data-large-image", "data-large_image", "data-big", "data-big-src",
		"data-image-large", "data-src-large", "data-src-retina", "data-retina", "data-src2x":
		return gradeLarge, false
	case "data-src", "data-original", "data-lazy", "data-lazy-src", "data-lazyload", "data-lazy-load", "data-lazysrc", "data-echo",
		"data-actualsrc", "data-defer-src", "data-ks-lazyload", "data-url", "data-img", "data-image", "data-img-src", "data-img-url",
		"data-image-src", "data-image-url", "data-actual-src", "data-real-src", "data-delayed-url", "data-cfsrc", "data-pagespeed-lazy-src",
		"data-ezsrc", "data-imgurl", "lazysrc", "lazy-src", "original", "_src", "real_src", "real-src", "file":
		return gradeLazy, false
	}
	return gradeNone, false
}

// sources returns the addresses of one image element, the best first, without
// those of links around it.
func (d *document) sources(n *html.Node) []source {
	var all []source
	all = d.ownSources(all, n, 0)
	if pic := closest(n, atom.Picture); pic != nil {
		all = append(all, memo(d.offered, pic, d.pictureSources)...)
	}
	slices.SortStableFunc(all, compareSources)
	return compactSources(all)
}

// pictureSources returns those of the <source> elements of a <picture>.
func (d *document) pictureSources(pic *html.Node) []source {
	var all []source
	for c := range elements(pic) {
		if c.DataAtom != atom.Source {
			continue
		}
		before := len(all)
		all = d.ownSources(all, c, minWidth(attr(c, "media")))
		if strings.Contains(attr(c, "type"), "avif") {
			for i := range all[before:] {
				all[before+i].avif = true
			}
		}
		if len(all) > maxSources {
			break
		}
	}
	return all
}

// maxSources bounds the addresses of one picture; a page seldom has twenty.
const maxSources = 100

func (d *document) ownSources(all []source, n *html.Node, media int) []source {
	for _, a := range n.Attr {
		g, set := attrGrade(a.Key)
		switch {
		case set:
			for _, c := range parseSrcset(a.Val) {
				all = d.addSource(all, source{url: c.url, grade: g, width: c.width, dense: c.dense, media: media, lazy: a.Key != "srcset"})
			}
		case g != gradeNone:
			all = d.addSource(all, source{url: a.Val, grade: g, media: media, lazy: g == gradeLazy})
		case strings.HasPrefix(a.Key, "data-") && looksLikePicture(a.Val):
			all = d.addSource(all, source{url: a.Val, grade: gradeGuess})
		}
	}
	return all
}

// addSource appends a source unless its address is none or a placeholder's.
func (d *document) addSource(all []source, s source) []source {
	s.url = d.abs(s.url)
	if s.url == "" || isPlaceholder(s.url) || s.url == d.address {
		return all
	}
	_, ext := extract.SplitName(s.url)
	s.avif = ext == ".avif"
	return append(all, s)
}

// compactSources drops repetitions, guesses where something better is known,
// and the src that a script is about to replace: it is a placeholder more
// often than a smaller picture.
func compactSources(all []source) []source {
	if len(all) == 0 {
		return nil
	}
	lazy := slices.ContainsFunc(all, func(s source) bool { return s.lazy })
	out := all[:1]
	for _, s := range all[1:] {
		switch {
		case s.grade == gradeGuess, s.grade == gradeSrc && lazy,
			slices.ContainsFunc(out, func(o source) bool { return o.url == s.url }):
		default:
			out = append(out, s)
		}
	}
	return out
}

// looksLikePicture tells whether the value of an unknown attribute is an
// address of a picture: it has a folder or a scheme, and the right ending.
func looksLikePicture(v string) bool {
	v = strings.TrimSpace(v)
	return len(v) < 2048 && strings.ContainsRune(v, '/') && !strings.ContainsAny(v, " {}\"<>|,;") && isPicture(v)
}

// minWidth returns the number of a media query's min-width, or 0.
func minWidth(media string) int {
	_, rest, ok := strings.Cut(strings.ReplaceAll(media, " ", ""), "min-width:")
	if !ok {
		return 0
	}
	n, _ := strconv.Atoi(rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))])
	return n
}

// A candidate is one address of a srcset, as it is written.
type candidate struct {
	url          string
	width, dense float64
}

// parseSrcset splits a srcset as the standard does, so that commas within
// addresses stay. A candidate without descriptor is of density 1; one with a
// descriptor that makes no sense is left out.
func parseSrcset(s string) []candidate {
	const space = " \t\n\f\r"
	var out []candidate
	for {
		s = strings.TrimLeft(s, space+",")
		if s == "" || len(out) == maxSources {
			return out
		}
		end := strings.IndexAny(s, space)
		if end < 0 {
			end = len(s)
		}
		c := candidate{url: s[:end]}
		s = s[end:]
		desc := ""
		if url := strings.TrimRight(c.url, ","); url != c.url {
			c.url = url
		} else {
			desc, s = cutDescriptor(s)
		}
		if c.read(desc) {
			out = append(out, c)
		}
	}
}

// cutDescriptor cuts at the next comma that is not in parentheses.
func cutDescriptor(s string) (desc, rest string) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth <= 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

// read reads descriptors such as "800w 600h" and "2x".
func (c *candidate) read(desc string) bool {
	for _, f := range strings.Fields(desc) {
		n, err := strconv.ParseFloat(f[:len(f)-1], 64)
		if err != nil || !(n >= 0) {
			return false
		}
		switch f[len(f)-1] {
		case 'w':
			c.width = n
		case 'x':
			c.dense = n
		case 'h':
		default:
			return false
		}
	}
	if c.width == 0 && c.dense == 0 {
		c.dense = 1
	}
	return true
}
