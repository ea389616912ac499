package replica

import (
	"fmt"
	"strings"
)

func (s *albums) head(p *page, title, extra string) {
	p.f(`<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<title>%s</title>
%s<link rel="icon" href="/favicon.ico">
<link rel="stylesheet" href="/css/site.css">
<script>document.write("<a rel='next' href='/trap'>下一页</a>");</script>
</head>
<body>
<header><a href="/"><img class="logo" src="https://photos.example.test/img/logo.png" width="120" height="40" alt="logo"></a>
<nav><a href="/"><img src="https://photos.example.test/img/icon-home.png" width="16" height="16" alt=""> 首页</a></nav></header>
<main>
<h1>%s</h1>
`, esc(title), extra, esc(title))
}

func (s *albums) foot(p *page) {
	p.s(`</main>
<aside>
<h3>访客</h3>
<ul class="comments">
<li><img class="avatar" src="https://photos.example.test/img/avatars/3.png" width="48" height="48" alt=""> 真好看。</li>
<li><img class="avatar" src="https://photos.example.test/img/avatars/8.png" width="48" height="48" alt=""> 想去那里喝茶。</li>
</ul>
<a href="javascript:void(0)"><img src="https://photos.example.test/img/icon-share.png" width="16" height="16" alt="share"></a>
<img src="https://photos.example.test/img/blank.gif" width="1" height="1" alt="">
<img src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7" alt="">
</aside>
<footer><a href="mailto:nobody@example.test">信</a> 本站图片均由程序生成。</footer>
</body>
</html>
`)
}

// index links to every album.
func (s *albums) index() answer {
	p := new(page)
	s.head(p, "相册", "")
	p.s("<ul class=\"albums\">\n")
	for _, a := range styles() {
		p.f("<li><a href=\"/album/%s/\">%s</a></li>\n", a.name, esc(a.title))
	}
	p.s("</ul>\n")
	s.foot(p)
	return p.answer()
}

// album is page k of an album.
func (s *albums) album(a style, k int) answer {
	p := new(page)
	extra := ""
	if a.base {
		extra = fmt.Sprintf("<base href=\"https://%s/full/%s/\">\n", albumImages, a.name)
	}
	if a.name == "next-rel" && k < s.pages(a) {
		extra = fmt.Sprintf("<link rel=\"next\" href=\"?page=%d\">\n", k+1)
	}
	s.head(p, a.title, extra)
	p.s("<div class=\"photos\">\n")
	for n := (k-1)*s.Pictures + 1; n <= k*s.Pictures; n++ {
		a.item(s, p, a, n)
	}
	p.s("</div>\n")
	if a.next != nil {
		p.s("<div class=\"pager\">\n")
		a.next(s, p, a, k)
		p.s("</div>\n")
	}
	s.foot(p)
	return p.answer()
}

// detail is the page of one picture.
func (s *albums) detail(a style, n int) answer {
	p := new(page)
	s.head(p, fmt.Sprintf("%s %d", a.title, n), "")
	p.f("<figure><img id=\"photo\" src=\"%s\" width=\"%d\" height=\"%d\" alt=\"%s\"><figcaption>%s</figcaption></figure>\n",
		a.fullURL(n), s.Size.X, s.Size.Y, s.alt(a, n), s.alt(a, n))
	p.f("<p><a href=\"/album/%s/\">返回</a></p>\n", a.name)
	s.foot(p)
	return p.answer()
}

// alt is a caption; neighbours share one, as captions do.
func (s *albums) alt(a style, n int) string { return fmt.Sprintf("%s·%d", esc(a.title), (n+1)/2) }

const blankImage = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

func plainItem(s *albums, p *page, a style, n int) {
	p.f("<img src=\"%s\" width=\"%d\" height=\"%d\" alt=\"%s\">\n", a.fullURL(n), s.Size.X, s.Size.Y, s.alt(a, n))
}

// srcsetItem offers sizes by width and by density in turn.
func srcsetItem(s *albums, p *page, a style, n int) {
	small, mid, full := file(a, "320", n), file(a, "800", n), a.fullURL(n)
	set := fmt.Sprintf("%s 320w, %s 800w, %s 1600w", small, mid, full)
	if n%2 == 0 {
		set = fmt.Sprintf("%s, %s 1.5x,\n  %s 3x", small, mid, full)
	}
	p.f("<img src=\"%s\" srcset=\"%s\" sizes=\"(max-width: 600px) 100vw, 800px\" alt=\"%s\">\n", small, set, s.alt(a, n))
}

// lazyItem hides the address in the attributes that lazy-loading scripts read.
func lazyItem(s *albums, p *page, a style, n int) {
	attr := []string{"data-src", "data-original", "data-lazy-src", "data-srcset"}[n%4]
	value := a.fullURL(n)
	if attr == "data-srcset" {
		value += " 1600w"
	}
	src := blankImage
	if n%2 == 0 {
		src = albumRoot + "/img/blank.gif"
	}
	p.f("<img class='lazy'src='%s' %s='%s'alt='%s'>\n", src, attr, value, s.alt(a, n))
}

func pictureItem(s *albums, p *page, a style, n int) {
	p.f("<picture>\n<source media=\"(min-width: 1000px)\" srcset=\"%s 1600w, %s 800w\">\n<img src=\"%s\" alt=\"%s\">\n</picture>\n",
		a.fullURL(n), file(a, "800", n), file(a, "320", n), s.alt(a, n))
}

func noscriptItem(s *albums, p *page, a style, n int) {
	p.f("<div class=\"photo\"><img class=\"js\" src=\"%s\" alt=\"\"><noscript><img src=\"%s\" alt=\"%s\"></noscript></div>\n", blankImage, a.fullURL(n), s.alt(a, n))
}

// linkedItem is a thumbnail that links to the picture, without scheme.
func linkedItem(s *albums, p *page, a style, n int) {
	p.f("<a href=\"%s\" class=\"zoom\"><img src=\"%s\" width=\"120\" height=\"80\" alt=\"%s\"></a>\n",
		strings.TrimPrefix(a.fullURL(n), "https:"), file(a, "thumb", n), s.alt(a, n))
}

// queryItem links to a picture without extension; its & is escaped in two ways.
func queryItem(s *albums, p *page, a style, n int) {
	amp := "&amp;"
	if n%2 == 0 {
		amp = "&#38;"
	}
	href := strings.ReplaceAll(strings.TrimPrefix(a.fullURL(n), albumRoot), "&", amp)
	p.f("<a href=\"%s\" data-type=\"image\"><img src=\"%s\" alt=\"%s\"></a>\n", href, file(a, "thumb", n), s.alt(a, n))
}

// baseItem is relative to the base element.
func baseItem(s *albums, p *page, a style, n int) {
	full := a.fullURL(n)
	p.f("<img src=\"%s\" alt=\"%s\">\n", full[strings.LastIndexByte(full, '/')+1:], s.alt(a, n))
}

// detailItem is a thumbnail that links to the picture's own page.
func detailItem(s *albums, p *page, a style, n int) {
	p.f("<a href=\"%s\"><img src=\"%s\" width=\"120\" height=\"80\" alt=\"%s\"></a>\n",
		strings.TrimPrefix(detailURL(a, n), albumRoot), file(a, "thumb", n), s.alt(a, n))
}

// nextRel marks the next page with rel=next and an arrow.
func nextRel(s *albums, p *page, a style, k int) {
	if k > 1 {
		p.f("<a rel=\"prev\" href=\"?page=%d\">‹</a>\n", k-1)
	}
	if k < s.pages(a) {
		p.f("<a rel=\"next\" href=\"?page=%d\">›</a>\n", k+1)
	}
}

// nextChinese says 下一页; on the last page the link leads to the page itself.
func nextChinese(s *albums, p *page, a style, k int) {
	p.f("<a href=\"%s\">上一页</a>\n<a class=\"pg\" href=\"%s\">下一页</a>\n", s.pageURL(a, max(1, k-1)), s.pageURL(a, min(k+1, s.pages(a))))
}

// nextEnglish says Next, relative to the page; on the last page it is no link.
func nextEnglish(s *albums, p *page, a style, k int) {
	if k < s.pages(a) {
		p.f("<a href=\"p%d.html\"><b>Next</b> &raquo;</a>\n", k+1)
		return
	}
	p.s("<span class=\"disabled\">Next &raquo;</span>\n<a href=\"#top\">Next</a>\n")
}
