package gallery

import (
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/trawl-go/trawl/internal/extract"
)

// A level tells how surely an image is what the page is about.
type level uint8

const (
	levelContent  level = iota
	levelMargin         // in the header, footer, nav, aside, in an advertisement; or only named by the page
	levelDoubtful       // called icon, avatar, logo or badge
	levelNever
)

// judge tells whether an image is a picture of the page. linked means that it
// links to a picture; then its own size and name do not matter.
func (d *document) judge(n *html.Node, best source, linked bool) level {
	u, err := url.Parse(best.url)
	if err != nil || isCounter(u) {
		return levelNever
	}
	if n.DataAtom != atom.A && hiddenInNoscript(n) {
		return levelNever
	}
	where := d.place(n)
	if linked {
		return where
	}
	w, h := declaredSize(n)
	if best.grade >= gradeSet && best.width < 200 && tiny(w, h) {
		return levelNever
	}
	name := d.nameLevel(n, u)
	switch {
	case w >= 200 && h >= 200, name == levelContent:
		return where
	case name == levelDoubtful && (where == levelMargin || d.linksHome(n)):
		return levelNever
	}
	return name
}

// tiny tells whether a declared size, 0 for what is not declared, is that of
// an icon, a rule or a counting pixel.
func tiny(w, h int) bool {
	switch {
	case w > 0 && h > 0:
		return max(w, h) < 100 || min(w, h) <= 3
	case w > 0 || h > 0:
		return max(w, h) <= 24
	}
	return false
}

// declaredSize returns the width and height of an image in pixels, by its
// style or its attributes; 0 for unknown ones.
func declaredSize(n *html.Node) (w, h int) {
	return declared(n, "width"), declared(n, "height")
}

func declared(n *html.Node, name string) int {
	for decl := range strings.SplitSeq(attr(n, "style"), ";") {
		if k, v, ok := strings.Cut(decl, ":"); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			if px := pixels(strings.TrimSuffix(strings.ToLower(strings.TrimSpace(v)), "!important"), true); px > 0 {
				return px
			}
		}
	}
	return pixels(attr(n, name), false)
}

// pixels reads "120" and "120px"; other units are not pixels. In a style,
// only the second one counts.
func pixels(v string, unit bool) int {
	v = strings.TrimSpace(v)
	num, px := strings.CutSuffix(v, "px")
	if unit && !px {
		return 0
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	if err != nil || !(f > 0 && f < 1e6) {
		return 0
	}
	return max(1, int(f))
}

// hiddenInNoscript tells whether an image is for counting visitors without
// scripts.
func hiddenInNoscript(n *html.Node) bool {
	return strings.Contains(strings.ReplaceAll(attr(n, "style"), " ", ""), "display:none") && closest(n, atom.Noscript) != nil
}

// place tells whether an element stands in the margin of the page.
func (d *document) place(n *html.Node) level {
	if memo(d.ads, n, isAdvertisement) {
		return levelMargin
	}
	margin := false // in a header, footer or the like, if no article is around it
	for p := range ancestors(n, anyDepth) {
		switch p.DataAtom {
		case atom.Body, atom.Html:
			// Their classes speak of the page as a whole.
			if margin {
				return levelMargin
			}
			return levelContent
		case atom.Main, atom.Article:
			margin = false
		case atom.Nav, atom.Aside:
			return levelMargin
		case atom.Header, atom.Footer:
			margin = true
		}
		switch strings.ToLower(attr(p, "role")) {
		case "navigation", "complementary":
			return levelMargin
		case "banner", "contentinfo":
			margin = true
		}
		// A class is too common a thing to name a place by; an id names one.
		switch strings.ToLower(attr(p, "id")) {
		case "header", "footer", "nav", "navbar", "navigation", "sidebar", "masthead":
			margin = true
		}
		if memo(d.ads, p, isAdvertisement) {
			return levelMargin
		}
	}
	return levelContent // Unreachable: the parser puts all into a body.
}

func isArticle(n *html.Node) bool { return n.DataAtom == atom.Main || n.DataAtom == atom.Article }

// isAdvertisement knows classes and ids such as "ad", "ads-top" and
// "sidebar-ad". An element that holds the article is none, whatever it is
// called: "no-ads".
func isAdvertisement(n *html.Node) bool {
	if isArticle(n) {
		return false
	}
	for _, name := range append(strings.Fields(attr(n, "class")), attr(n, "id")) {
		name = strings.ToLower(name)
		if name == "adsbygoogle" {
			return true
		}
		w := words(name)
		if len(w) == 0 || len(w) > 3 || w[0] == "no" || w[0] == "has" || w[0] == "with" {
			continue
		}
		if adWord(w[0]) || adWord(w[len(w)-1]) {
			for c := range elements(n) {
				if isArticle(c) || c.DataAtom == atom.H1 {
					return false
				}
			}
			return true
		}
	}
	return false
}

func adWord(w string) bool {
	switch w {
	case "ad", "ads", "advert", "adverts", "advertisement", "advertising", "adsense", "sponsor", "sponsors", "sponsored", "guanggao":
		return true
	}
	return false
}

// nameLevel judges an image by what it is called: its own class and id, those
// of the two elements around it if they hold nothing else, and its address.
func (d *document) nameLevel(n *html.Node, u *url.URL) level {
	names := attr(n, "class") + " " + attr(n, "id")
	for p := range ancestors(n, 2) {
		if !memo(d.alone, p, onlyPicture) {
			break
		}
		names += " " + attr(p, "class") + " " + attr(p, "id")
	}
	worst := levelContent
	for _, w := range words(names) {
		worst = max(worst, wordLevel(w))
	}
	return max(worst, addressLevel(u))
}

// wordLevel judges a word of a class or a folder.
func wordLevel(w string) level {
	switch w {
	case "sprite", "sprites", "emoji", "emojis", "emoticon", "emoticons", "smiley", "smileys", "smilies", "captcha", "favicon", "favicons":
		return levelNever
	case "icon", "icons", "ico", "avatar", "avatars", "gravatar", "logo", "logos", "badge", "badges", "button", "buttons", "btn", "arrow", "arrows":
		return levelDoubtful
	}
	return levelContent
}

// addressLevel judges a picture by its address: by whole folders, and by the
// first and last word of a short name. "icon-of-saint-george.jpg" is long
// enough to be a picture.
func addressLevel(u *url.URL) level {
	worst := levelContent
	dirs := strings.Split(strings.ToLower(u.Path), "/")
	for _, dir := range dirs[:len(dirs)-1] {
		worst = max(worst, wordLevel(dir))
		if dir == "spinners" || dir == "placeholders" {
			return levelNever
		}
	}
	if u.Host == "gravatar.com" || strings.HasSuffix(u.Host, ".gravatar.com") || u.Host == "img.shields.io" {
		worst = max(worst, levelDoubtful)
	}
	stem, _ := extract.SplitName(u.String())
	var w []string
	for _, s := range words(stem) {
		if strings.Trim(s, "0123456789x") != "" {
			w = append(w, s)
		}
	}
	if len(w) > 0 && len(w) <= 3 && max(wordLevel(w[0]), wordLevel(w[len(w)-1])) != levelContent {
		// A name alone never rules a picture out.
		worst = max(worst, levelDoubtful)
	}
	return worst
}

// isPlaceholder tells whether an address is that of a picture that stands for
// another one or for nothing: every word of its name says so.
func isPlaceholder(address string) bool {
	stem, ext := extract.SplitName(address)
	if ext != "" && !isPictureExt(ext) {
		return false
	}
	sure := false
	for _, w := range words(stem) {
		switch w {
		case "blank", "spacer", "loading", "loader", "spinner", "placeholder", "transparent", "transp", "trans", "clear",
			"pixel", "1x1", "1px", "2x2", "shim", "dot", "lazyload", "lazyloading", "preloader", "noimg", "noimage", "nopic", "nophoto":
			sure = true
		case "gif", "img", "image", "images", "pic", "ajax", "lazy", "load", "bg", "white", "gray", "grey", "black", "default", "circle", "spin",
			"small", "large", "big", "mini", "icon", "no", "empty", "px", "svg", "anim", "animated", "static", "x":
		default:
			if strings.Trim(w, "0123456789x") != "" && !isHash(w) {
				return false
			}
		}
	}
	return sure
}

// isHash tells whether a word is what a build tool adds to a name.
func isHash(w string) bool {
	return len(w) >= 6 && strings.Trim(w, "0123456789abcdef") == "" && strings.ContainsAny(w, "0123456789")
}

// isCounter knows addresses that exist to count visitors or to advertise.
func isCounter(u *url.URL) bool {
	host := u.Hostname()
	if stem, ext := extract.SplitName(u.String()); !isPictureExt(ext) {
		switch strings.ToLower(stem) {
		case "counter", "count", "pixel", "beacon", "hit", "rtrg", "track", "impression":
			return true
		}
	}
	for _, h := range []string{
		"doubleclick.net", "googlesyndication.com", "google-analytics.com", "googletagmanager.com", "googleadservices.com",
		"scorecardresearch.com", "quantserve.com", "adnxs.com", "amazon-adsystem.com", "pixel.wp.com", "bat.bing.com",
		"cnzz.com", "hm.baidu.com", "51.la", "mc.yandex.ru", "counter.yadro.ru", "analytics.twitter.com", "statcounter.com",
		"amazingcounters.com", "top-fwz1.mail.ru", "smartadserver.com", "adtechus.com", "adform.net", "criteo.com", "taboola.com", "outbrain.com",
	} {
		if host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return strings.HasSuffix(host, "facebook.com") && strings.TrimSuffix(u.Path, "/") == "/tr"
}

// linksHome tells whether an image links to the front page of the site, as
// logos do.
func (d *document) linksHome(n *html.Node) bool {
	a := closest(n, atom.A)
	if a == nil {
		return false
	}
	u, err := url.Parse(d.abs(attr(a, "href")))
	return err == nil && isFrontPage(u, d.url)
}

// isFrontPage tells whether an address is the front page of the site.
func isFrontPage(u, page *url.URL) bool {
	return u.Host != "" && sameSite(u, page) && (u.Path == "" || u.Path == "/") && u.RawQuery == ""
}

// onlyPicture tells whether an element holds one picture at most; what stands
// in noscript says it again.
func onlyPicture(n *html.Node) bool {
	count := 0
	for c := range elements(n) {
		if isImage(c) && closest(c, atom.Noscript) == nil {
			if count++; count > 1 {
				return false
			}
		}
	}
	return true
}

func isImage(n *html.Node) bool { return n.DataAtom == atom.Img || n.Data == "amp-img" }
