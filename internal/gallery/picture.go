package gallery

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A picture is one of a page's, with all addresses it has there.
type picture struct {
	sources []source // the best first, at least one
	level   level
	page    string // the page that it links to; "" if none or a picture
	thumb   bool   // shown small, or called a thumbnail
	photo   string // page, if it is the page of a single picture and to be read
}

func (p *picture) url() string { return p.sources[0].url }

func (p *picture) offers(address string) bool {
	return slices.ContainsFunc(p.sources, func(s source) bool { return s.url == address })
}

// pictures returns all that the page shows, in its order, icons and all.
func (d *document) pictures() []*picture {
	var all []*picture
	add := func(p *picture) {
		if p != nil {
			all = append(all, p)
		}
	}
	var last *html.Node // the latest image, and what was made of it
	var lastPic *picture
	for n := range elements(d.root) {
		switch {
		case isImage(n):
			p := d.image(n)
			if p != nil && lastPic != nil && sayAgain(last, n) {
				lastPic.absorb(p)
				continue
			}
			add(p)
			last, lastPic = n, p
		case n.DataAtom == atom.Picture && !holdsImage(n):
			add(d.image(n))
		case n.DataAtom == atom.A && !holdsImage(n):
			add(d.link(n))
		case attr(n, "role") == "img" || hasAttr(n, "data-bg"):
			add(d.background(n))
		}
	}
	all = append(all, d.named()...)
	dropShared(all)
	return all
}

// image makes a picture of an <img>, or of a <picture> without one.
func (d *document) image(n *html.Node) *picture {
	var srcs []source
	if n.DataAtom == atom.Picture {
		srcs = slices.Clone(memo(d.offered, n, d.pictureSources))
		slices.SortStableFunc(srcs, compareSources)
		srcs = compactSources(srcs)
	} else {
		srcs = d.sources(n)
	}
	p := &picture{}
	link, page := d.around(n)
	if link != "" {
		rest := slices.DeleteFunc(srcs, func(s source) bool { return s.url == link })
		srcs = slices.Insert(rest, 0, source{url: link, grade: gradeLink})
	}
	if len(srcs) == 0 {
		return nil
	}
	p.sources, p.page = srcs, page
	p.level = d.judge(n, srcs[0], link != "")
	w, h := declaredSize(n)
	p.thumb = max(w, h) > 0 && max(w, h) <= 320 || namesSmall(srcs[0].url)
	// What a script replaces, and what is larger, has no smaller copies worth
	// keeping unless the page says that they are of the same picture.
	if g := srcs[0].grade; g == gradeLazy || g == gradeSrc {
		p.sources = srcs[:1]
	}
	return p
}

// around returns the picture that an image links to, or else the page.
func (d *document) around(n *html.Node) (link, page string) {
	depth := 0
	for p := range ancestors(n, 5) {
		depth++
		if p.DataAtom == atom.A || memo(d.alone, p, onlyPicture) {
			// Light boxes of scripts read these from the element around.
			for _, a := range p.Attr {
				if g, set := attrGrade(a.Key); !set && g < gradeSrc && looksLikePicture(a.Val) {
					if address := d.abs(a.Val); address != "" && !isPlaceholder(address) {
						return address, ""
					}
				}
			}
		}
		if p.DataAtom != atom.A {
			continue
		}
		href := d.abs(attr(p, "href"))
		switch {
		case href == "" || href == d.address:
		case isPicture(href) || isLightbox(p, href):
			return href, ""
		default:
			return "", href
		}
		return "", ""
	}
	return "", ""
}

// isLightbox tells whether a link around an image opens a picture although its
// address does not look like one.
func isLightbox(a *html.Node, href string) bool {
	u, err := url.Parse(href)
	if err != nil || isFile(u) || isPageAboutFile(u) {
		return false
	}
	name := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if strings.Contains(name, ".htm") || strings.Contains(u.Host, "youtube.") || strings.Contains(u.Host, "vimeo.") {
		return false
	}
	kind := strings.ToLower(attr(a, "data-type") + attr(a, "type"))
	if kind != "" {
		return strings.HasPrefix(kind, "image")
	}
	for _, name := range []string{"data-lightbox", "data-fancybox", "data-pswp-width", "data-fslightbox", "data-gallery"} {
		if hasAttr(a, name) {
			return true
		}
	}
	for _, w := range append(strings.Fields(attr(a, "class")), strings.FieldsFunc(attr(a, "rel"), func(r rune) bool { return r == ' ' || r == '[' })...) {
		switch strings.ToLower(w) {
		case "lightbox", "fancybox", "glightbox", "swipebox", "colorbox", "thickbox", "highslide", "venobox", "prettyphoto", "shadowbox", "photoswipe", "magnific-popup", "image-popup":
			return true
		}
	}
	return false
}

// link makes a picture of a link to one that has no image inside.
func (d *document) link(a *html.Node) *picture {
	href := d.abs(attr(a, "href"))
	if href == "" || !isPicture(href) || isPlaceholder(href) {
		return nil
	}
	best := source{url: href, grade: gradeLink}
	return &picture{sources: []source{best}, level: d.judge(a, best, true)}
}

// background makes a picture of an element's background.
func (d *document) background(n *html.Node) *picture {
	ref := attr(n, "data-bg")
	if _, rest, ok := strings.Cut(attr(n, "style"), "url("); ok && ref == "" {
		ref, _, _ = strings.Cut(rest, ")")
	}
	ref = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(ref), "url("), ")")
	srcs := d.addSource(nil, source{url: strings.Trim(ref, "'\" "), grade: gradeSrc})
	if len(srcs) == 0 {
		return nil
	}
	return &picture{sources: srcs, level: d.judge(n, srcs[0], false)}
}

func holdsImage(n *html.Node) bool {
	for c := range elements(n) {
		if isImage(c) || c.DataAtom == atom.Picture {
			return true
		}
	}
	return false
}

// sayAgain tells whether one of two images that follow each other stands in a
// noscript beside the other, and so is the same for readers without scripts.
func sayAgain(a, b *html.Node) bool {
	return besideNoscript(a, b) || besideNoscript(b, a)
}

func besideNoscript(n, inside *html.Node) bool {
	ns := closest(inside, atom.Noscript)
	if ns == nil || closest(n, atom.Noscript) != nil {
		return false
	}
	images := 0
	for c := range elements(ns) {
		if isImage(c) {
			if images++; images > 1 {
				return false
			}
		}
	}
	for _, s := range []*html.Node{sibling(ns, false), sibling(ns, true)} {
		if s == nil {
			continue
		}
		if s == n {
			return true
		}
		for c := range elements(s) {
			if c == n {
				return true
			}
		}
	}
	return false
}

// sibling returns the next or the previous element beside n, or nil.
func sibling(n *html.Node, next bool) *html.Node {
	for {
		if next {
			n = n.NextSibling
		} else {
			n = n.PrevSibling
		}
		if n == nil || n.Type == html.ElementNode {
			return n
		}
	}
}

// absorb adds what another image of the same picture offers.
func (p *picture) absorb(o *picture) {
	p.level = min(p.level, o.level)
	p.thumb = p.thumb && o.thumb
	if p.page == "" {
		p.page = o.page
	}
	for _, s := range o.sources {
		if len(p.sources) < maxJoined && !p.offers(s.url) {
			p.sources = append(p.sources, s)
		}
	}
	slices.SortStableFunc(p.sources, compareSources)
	if p.sources[0].grade == gradeLink {
		p.page = ""
	}
}

// dropShared removes addresses that several different pictures have beside
// their best one: they are placeholders, or a button's.
func dropShared(all []*picture) {
	count := make(map[string]int)
	seen := make(map[[2]string]bool)
	for _, p := range all {
		for _, s := range p.sources[1:] {
			if k := [2]string{p.url(), s.url}; !seen[k] {
				seen[k] = true
				count[s.url]++
			}
		}
	}
	for _, p := range all {
		rest := slices.DeleteFunc(p.sources[1:], func(s source) bool { return count[s.url] > 1 })
		p.sources = p.sources[:1+len(rest)]
	}
}

// selectBest returns the pictures of the best level that there is, each once.
// Those in photos are to be read from their own pages.
func selectBest(all []*picture, d *document, photos map[*picture]string) []*picture {
	var chosen []*picture
	for _, want := range []level{levelContent, levelMargin, levelDoubtful} {
		for _, p := range all {
			if photo := photos[p]; photo != "" && want == levelContent {
				p.photo = photo
				chosen = append(chosen, p)
			} else if p.level == want && p.url() != d.address {
				chosen = append(chosen, p)
			}
		}
		if len(chosen) > 0 {
			break
		}
	}
	return merge(chosen)
}
