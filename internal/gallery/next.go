package gallery

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/trawl-go/trawl"
)

// Strengths of a link to the next page, the best first.
const (
	nextMarked      = iota // rel=next, and its address is that of the page with another number
	nextSaid               // its text or label says next; such an address too
	nextMarkedOther        // rel=next, and any address
	nextHinted             // its class says next, or its text is one arrow; within a pager
	nextArrows             // its text is a double arrow, which may mean the last page
	nextNone
)

// next returns the address of the next page of the gallery, or "".
func (d *document) next() string {
	best, address := nextNone, ""
	for n := range elements(d.root) {
		if n.DataAtom != atom.A && n.DataAtom != atom.Link || !hasAttr(n, "href") {
			continue
		}
		href := d.abs(attr(n, "href"))
		if href == "" || d.isSelf(href) {
			continue
		}
		if s := d.nextStrength(n, href); s < best {
			best, address = s, href
		}
	}
	if best >= nextHinted && best < nextNone {
		return d.notTheLast(address)
	}
	return address
}

func (d *document) isSelf(address string) bool {
	return trawl.KeyOf(trawl.KindPage, address) == trawl.KeyOf(trawl.KindPage, d.address)
}

func (d *document) nextStrength(n *html.Node, href string) int {
	u, err := url.Parse(href)
	if err != nil || !sameSite(u, d.url) || isFile(u) {
		return nextNone
	}
	marked := slices.ContainsFunc(strings.Fields(attr(n, "rel")), func(r string) bool { return strings.EqualFold(r, "next") })
	if n.DataAtom == atom.Link && !marked {
		return nextNone
	}
	labels := linkLabels(n)
	said := false
	for _, l := range labels {
		if saysOther(l) {
			return nextNone
		}
		said = said || saysNext(l)
	}
	step, alike := stepTo(d.url, u)
	switch {
	case alike && marked:
		return nextMarked
	case alike && said:
		return nextSaid
	case marked:
		// The title of another article: blogs mark their next article so.
		if slices.ContainsFunc(labels, func(l string) bool { return !saysNext(l) && arrows(l) == 0 && len([]rune(l)) > 25 }) ||
			n.DataAtom == atom.Link && attr(n, "title") != "" && !said {
			return nextNone
		}
		return nextMarkedOther
	case !alike || !step.forward() || !d.inPager(n):
		return nextNone
	case classSaysNext(n):
		return nextHinted
	}
	switch arrows(labels[0]) {
	case 1:
		return nextHinted
	case 2:
		return nextArrows
	}
	return nextNone
}

// notTheLast returns the page after this one if the pager links to it: then an
// arrow that leads farther means the last page.
func (d *document) notTheLast(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	chosen, _ := stepTo(d.url, u)
	for n := range elements(d.root) {
		if n.DataAtom != atom.A {
			continue
		}
		href := d.abs(attr(n, "href"))
		v, err := url.Parse(href)
		if href == "" || err != nil || d.isSelf(href) || !sameSite(v, d.url) {
			continue
		}
		if s, ok := stepTo(d.url, v); ok && s.forward() && s.to < chosen.to && isNumber(text(n)) {
			chosen, address = s, href
		}
	}
	return address
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// linkLabels returns all that a link says: its text first, then its labels and
// those of the images in it.
func linkLabels(n *html.Node) []string {
	labels := []string{text(n)}
	add := func(s string) {
		if s != "" {
			labels = append(labels, s)
		}
	}
	add(attr(n, "aria-label"))
	add(attr(n, "title"))
	for c := range elements(n) {
		if isImage(c) {
			add(attr(c, "alt"))
			add(attr(c, "title"))
		}
	}
	return labels
}

// saysNext tells whether a label means "next page" and nothing else.
func saysNext(label string) bool {
	if len(label) > 100 {
		return false
	}
	letters := strings.FieldsFunc(strings.ToLower(label), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	switch strings.Join(letters, " ") {
	case "next", "next page", "next image", "next images", "next photo", "next photos", "next picture", "next pictures", "next slide",
		"go to next page", "go to the next page", "next page of results", "older", "older posts", "older entries",
		"下一页", "下一頁", "下页", "下頁", "下一张", "下一張", "下一幅", "下一图", "后一页", "後一頁", "后页", "下一页 next", "next 下一页",
		"次へ", "次のページ", "次ページ", "次のページへ", "次", "다음", "다음 페이지", "다음페이지",
		"suivant", "suivante", "page suivante", "siguiente", "siguientes", "página siguiente", "siguiente página",
		"weiter", "nächste", "nächste seite", "вперёд", "вперед", "далее", "следующая", "следующая страница", "следующее", "дальше",
		"próxima", "próximo", "próxima página", "seguinte", "página seguinte", "successiva", "successivo", "pagina successiva", "avanti",
		"volgende", "volgende pagina", "nästa", "nästa sida", "næste", "næste side", "neste", "neste side", "seuraava",
		"następna", "następny", "następna strona", "dalej", "další", "další strana", "ďalšia", "következő", "următoarea", "înainte",
		"sonraki", "sonraki sayfa", "επόμενη", "επόμενο", "наступна", "tiếp", "trang sau", "trang tiếp", "berikutnya", "selanjutnya",
		"ถัดไป", "หน้าถัดไป", "التالي", "الصفحة التالية", "הבא", "בعدی", "بعدی", "अगला":
		return true
	}
	return false
}

// saysOther tells whether a label means the next of something else.
func saysOther(label string) bool {
	l := strings.ToLower(label)
	for _, w := range []string{"下一篇", "下一组", "下一組", "下一章", "下一集", "下一期", "下一部", "下一话", "下一話", "下一个图集", "下一套", "下一辑"} {
		if strings.Contains(l, w) {
			return true
		}
	}
	for _, w := range []string{"post", "article", "story", "chapter", "gallery", "album", "episode", "project", "topic", "thread", "entry", "set"} {
		if strings.Contains(l, "next "+w) {
			return true
		}
	}
	return false
}

// arrows returns 1 for a text that is one arrow to the right, 2 for a double
// one, else 0.
func arrows(s string) int {
	switch strings.TrimSpace(s) {
	case "›", "→", ">", "▶", "►", "❯", "〉", "⟩", "＞", "⇒", "➡", "->", "-->", "→→":
		return 1
	case "»", ">>", "≫", "»»", "››", "⏩":
		return 2
	}
	return 0
}

// classSaysNext tells whether the class or the id of a link, or of the list
// item around it, is next's.
func classSaysNext(n *html.Node) bool {
	names := attr(n, "class") + " " + attr(n, "id")
	if p := n.Parent; p != nil && p.DataAtom == atom.Li {
		names += " " + attr(p, "class")
	}
	for _, name := range strings.Fields(names) {
		w := words(name)
		if slices.Contains(w, "next") && !slices.Contains(w, "prev") && !slices.Contains(w, "previous") || name == "nxt" || name == "nextpage" {
			return true
		}
	}
	return false
}

// inPager tells whether a link stands among links to pages.
func (d *document) inPager(n *html.Node) bool {
	for p := range ancestors(n, 4) {
		if p.DataAtom == atom.Body || p.DataAtom == atom.Main {
			return false
		}
		if memo(d.pagers, p, isPager) {
			return true
		}
	}
	return false
}

// isPager tells whether an element is called a pager, or has numbers side by
// side.
func isPager(n *html.Node) bool {
	for _, w := range words(attr(n, "class") + " " + attr(n, "id") + " " + attr(n, "aria-label") + " " + attr(n, "role")) {
		switch w {
		case "page", "pages", "pager", "paging", "pagination", "paginator", "paginate", "pagenavi", "pagenav", "pagelist", "pg", "pgs",
			"fenye", "nav", "navi", "navigation", "pagebar", "links":
			return true
		}
	}
	numbers := 0
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode && isNumber(text(c)) {
			if numbers++; numbers == 2 {
				return true
			}
		}
	}
	return false
}
