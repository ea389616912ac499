package replica

import (
	"fmt"
	"time"
)

// head opens a page of the site. There is no picture and no h2 in it: the
// first of either on a page is the page's own.
func (m *mzitu) head(p *page, title string) {
	p.s(`<!DOCTYPE html>
<html>
<head>
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
<title>` + esc(title) + `</title>
<link rel="canonical" href="https://www.mzitu.com/" />
<link rel="alternate" media="only screen and(max-width: 640px)" href="https://m.mzitu.com/" >
<meta http-equiv="Cache-Control" content="no-transform" />
<link rel="shortcut icon" href="https://www.mzitu.com/favicon.ico" type="image/x-icon" />
<link href="https://www.mzitu.com/static/pc/style.css?0424" rel="stylesheet" type="text/css" />
<script>
  var _hmt = _hmt || [];
  document.write("<div class='postlist'><h2>not a list<\/h2><\/div>");
</script>
</head>
<body>
  <div class="header">
    <div class="mainnav">
      <h1 class="logo"><a href="https://www.mzitu.com/" title="山水图">山水图</a></h1>
      <ul id="menu-nav" class="menu"><li class="current-menu-item"><a title="首页" href="https://www.mzitu.com/">首页</a></li>
`)
	for _, c := range categories() {
		p.f("<li><a title=\"%s\" href=\"%s/%s/\">%s</a></li>\n", c.name, mzituRoot, c.slug, c.name)
	}
	p.s(`<li><a title="每日更新" href="https://www.mzitu.com/all/">每日更新</a></li>
</ul>      <span class="search">
        <form method="get" class="searchform" action="https://www.mzitu.com/">
          <input class="search-input" name="s" type="text" placeholder="搜一搜，看一看">
        </form>
      </span>
    </div>
  </div>
<div class="main">
`)
}

// foot closes a page: the sidebar of thumbnails and text links, and the footer.
func (m *mzitu) foot(p *page) {
	p.s("  <div class=\"sidebar\">\n    <div class=\"widgets_top\">\n      <h3>排行榜</h3>\n")
	for i := range min(4, m.Galleries) {
		p.f("      <a target=\"_blank\" href=\"%s\"><img src='%s' alt='%s' width='115' height='115' /></a>\n", m.url(i), m.thumb(i, 115), esc(m.title(i)))
	}
	p.s("    </div>\n    <dl class=\"widgets_like\" id=\"like\">\n      <dt><span class=\"on\" id=\"guess\">猜你喜欢</span><span id=\"love\">大家喜欢</span></dt>\n")
	for k := range 20 {
		i := m.dice.below(m.Galleries, "like", k)
		no := ""
		if k >= 10 {
			no = ` class="no"`
		}
		p.f("            <dd%s><a href=\"%s\" target=\"_blank\">%s</a></dd>\n", no, m.url(i), esc(m.title(i)))
	}
	p.s(`          </dl>
  </div>
<div class="clearfloat"></div>
</div>
<div class="friendlinks"></div>
<div class="footer">&copy;&nbsp;2019&nbsp;
  <a href="https://www.mzitu.com/">山水图</a>&nbsp;&nbsp;/&nbsp;
  <a href="https://www.mzitu.com/all/">每日更新</a>
  <br /><br />
  <span>本站图片均由程序生成。</span>
</div>
<script type="text/javascript" src="https://www.mzitu.com/static/pc/js.js?0501"></script>
</body>
</html>
`)
}

// list is a list page of the galleries is. Beyond its end the list is empty, as
// the page of a site that does not check.
func (m *mzitu) list(root string, n int, is []int) answer {
	pages := max(1, (len(is)+m.PerList-1)/m.PerList)
	from := min((n-1)*m.PerList, len(is))
	to := min(from+m.PerList, len(is))

	p := new(page)
	m.head(p, "山水图 - 风景图片每日更新")
	p.s(`  <div class="main-content">
    <div class="subnav"><a href="https://www.mzitu.com/" class="on">最新</a><a href="https://www.mzitu.com/hot/">最热</a><a href="https://www.mzitu.com/best/">推荐</a></div>
    <div class="postlist">
    	<ul id="pins">
`)
	for _, i := range is[from:to] {
		t := esc(m.title(i))
		p.f("            <li><a href=\"%s\" target=\"_blank\"><img class='lazy' src='%s/static/pc/img/lazy.png' data-original='%s' alt='%s' width='236' height='354' /></a><span><a href=\"%s\" target=\"_blank\">%s</a></span><span class=\"time\">%s</span></li>\n",
			m.url(i), mzituRoot, m.thumb(i, 236), t, m.url(i), t, m.date(i).Format(time.DateOnly))
	}
	p.s("          </ul>\n")
	m.listPager(p, root, n, pages)
	p.s("    </div>\n  </div>\n")
	m.foot(p)
	return p.answer()
}

func (m *mzitu) listPager(p *page, root string, cur, total int) {
	if total < 2 {
		return
	}
	gap := " " // 2018 forgot the space between two attributes
	if m.Vintage == Mzitu2018 {
		gap = ""
	}
	open := "<nav class=\"navigation pagination\"" + gap + "role=\"navigation\">\n<h2 class=\"screen-reader-text\">Posts navigation</h2>\n"
	meta, end := `<span class="meta-nav screen-reader-text"></span>`, "</nav>"
	if m.Vintage == Mzitu2020 {
		open, meta, end = "<div class=\"pagination\" role=\"navigation\">", "", "</div>"
	}
	link := func(n int) string { return fmt.Sprintf("%s%spage/%d/", mzituRoot, root, n) }
	p.s(open + "<div class=\"nav-links\">")
	if cur > 1 {
		p.f("<a class=\"prev page-numbers\"%shref=\"%s\">&laquo;上一页</a>\n", gap, link(cur-1))
	}
	for _, n := range numbers(cur, total, 3) {
		switch n {
		case 0:
			p.s("<span class=\"page-numbers dots\">&hellip;</span>\n")
		case cur:
			p.f("<span aria-current='page'%sclass='page-numbers current'>%s%d%s</span>\n", gap, meta, n, meta)
		default:
			p.f("<a class='page-numbers'%shref='%s'>%s%d%s</a>\n", gap, link(n), meta, n, meta)
		}
	}
	if cur < total {
		p.f("<a class=\"next page-numbers\"%shref=\"%s\">下一页&raquo;</a>", gap, link(cur+1))
	}
	p.s("</div>\n" + end + "\n")
}

// gallery is page n of gallery i.
func (m *mzitu) gallery(i, n int) answer {
	total, title, c := m.count(i), esc(m.title(i)), m.category(i)
	p := new(page)
	m.head(p, m.title(i)+" - 山水图")
	p.s("  <div class=\"content\">\n")
	if !(m.Flawed && i == flawNoTitle) {
		p.f("    <h2 class=\"main-title\">%s</h2>\n", title)
	}
	p.f("    <div class=\"main-meta\"><span>分类：<a href=\"%s/%s/\" rel=\"category tag\">%s</a></span><span>发布于 %s 22:29</span></div>\n",
		mzituRoot, c.slug, c.name, m.date(i).Format(time.DateOnly))

	next := m.url((i + 1) % m.Galleries)
	if n < total {
		next = m.pageURL(i, n+1)
	}
	if img := m.image(i, n); img != "" {
		size := ""
		if m.Vintage == Mzitu2020 {
			size = fmt.Sprintf(` width="%d" height="%d"`, m.size(i).X, m.size(i).Y)
		}
		p.f("    <div class=\"main-image\"><p><a href=\"%s\" ><img src=\"%s\" alt=\"%s\"%s /></a></p>\n</div>\n", next, img, title, size)
	} else {
		p.s("    <div class=\"main-image\"><p></p></div>\n")
	}
	m.pagenavi(p, i, n, total)
	p.f("    <div class=\"main-tags\"><a href=\"%s/tag/%s/\" rel=\"tag\">%s</a></div>\n  </div>\n", mzituRoot, c.slug, c.name)
	m.foot(p)
	return p.answer()
}

// pagenavi is the pager of a gallery. Its second-last link holds the number of
// pages, but for the last page and for galleries of one page.
func (m *mzitu) pagenavi(p *page, i, cur, total int) {
	link := func(href, text string) {
		p.f("<a href='%s'><span>%s</span></a>", href, text)
		if m.Vintage == Mzitu2018 {
			p.s("\n")
		}
	}
	p.s("    <div class=\"pagenavi\">\n         ")
	if cur == 1 {
		link(m.url((i+m.Galleries-1)%m.Galleries), "&laquo;上一组")
	} else {
		link(m.pageURL(i, cur-1), "&laquo;上一页")
	}
	for _, n := range numbers(cur, total, 3) {
		switch n {
		case 0:
			p.s("<span class='dots'>…</span>")
		case cur:
			p.f("<span>%d</span>", n)
		default:
			link(m.pageURL(i, n), fmt.Sprint(n))
		}
	}
	if cur == total {
		link(m.url((i+1)%m.Galleries), "下一组&raquo;")
	} else {
		link(m.pageURL(i, cur+1), "下一页&raquo;")
	}
	p.s("      </div>\n")
}

// archive is one page with every gallery, month by month.
func (m *mzitu) archive() answer {
	p := new(page)
	m.head(p, "每日更新 - 山水图")
	p.s("  <div class=\"all\">\n    <ul class=\"archives\">\n")
	for i, month := 0, ""; i < m.Galleries; i++ {
		if now := m.date(i).Format("2006-01"); now != month {
			if month != "" {
				p.s("</p></li>\n")
			}
			month = now
			p.f("      <li><p class=\"month\"><em>%s</em></p><p class=\"url\">", month)
		}
		p.f("%s日: <a href=\"%s\" target=\"_blank\">%s</a>", m.date(i).Format("02"), m.url(i), esc(m.title(i)))
	}
	p.s("</p></li>\n    </ul>\n  </div>\n")
	m.foot(p)
	return p.answer()
}
