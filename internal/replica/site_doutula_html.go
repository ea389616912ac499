package replica

import "fmt"

func (s *doutula) head(p *page, title string) {
	p.f(`<!DOCTYPE html>
<head>
<link rel="stylesheet" type="text/css" href="//static.doutula.com/css/bootstrap.css?id=1">
<meta charset="UTF-8">
<meta http-equiv="content-language" content="zh-CN">
<meta name="renderer" content="webkit">
<link rel="shortcut icon" href="https://www.doutula.com/favicon.ico" type="image/x-icon">
<title>%s</title>
<script>
            function isMobile() {return /iPhone|iPad|iPod|Android/i.test(navigator.userAgent)}
        </script>
</head>
<body>
<div class="bg"></div>
<nav id="header" class="navbar navbar-default navbar-fixed-top">
<div class="container">
<a class="navbar-brand" href="https://www.doutula.com"></a>
<ul class="nav navbar-nav">
<li class=""><a href="https://www.doutula.com/photo/list/">最新表情</a></li>
</ul>
</div>
</nav>
<div class="container_">
<div class="container" id="pic-detail">
<div class="row">
<div style="margin-left: 15px; display: none;" id="abptip">
<a href="https://www.doutula.com/">
<img src="//static.doutula.com/img/banner.jpg" style="width: 100%%;" />
</a>
</div>
<div class="col-sm-9">
`, esc(title))
}

func (s *doutula) foot(p *page) {
	p.s(`</div>
<div class="col-sm-3" style="padding-left: 0; padding-right: 0;">
<div class="panel panel-success" style="margin-bottom: 5px;">
<div class="panel-body">
<a href="https://www.doutula.com/" title="本站">
<img class="img-responsive" src="//static.doutula.com/img/sidebar/tea.jpg" />
</a>
</div>
</div>
<div class="panel panel-success" id="sidebar_float">
<div class="panel-body" style="padding: 0;">
<script>
            if (! isMobile()) {
                document.writeln("<script type=\'text/javascript\' src=\'//static.doutula.com/js/a.js?q=1\' async=\'async\' ><\/script>");
            }
        </script>
</div>
</div>
</div>
</div>
</div>
</div>
<footer class="text-center container-fluid navbar-default">
<a href="https://www.doutula.com"><img class="footer-logo" src="//static.doutula.com/css/img/logo.png?1"></a>
<p>本站图片均由程序生成。</p>
</footer>
<script src="/js/main.js"></script>
</body>
</html>
`)
}

// list is list page n; beyond the last it has no pictures.
func (s *doutula) list(n int) answer {
	p := new(page)
	s.head(p, "最新表情 - 图片站")
	p.s(`<div class="random_picture">
<ul class="list-group">
<li class="list-group-item" style="margin-bottom: 0;">
<div class="page-content text-center">
<div>
`)
	if n <= s.Pages {
		for i := range stickersOnPage {
			s.item(p, n, i)
		}
	}
	p.s("</div>\n</div>\n</li>\n</ul>\n</div>\n<div class=\"text-center\">\n")
	s.pager(p, n)
	p.s("</div>\n")
	s.foot(p)
	return p.answer()
}

func (s *doutula) item(p *page, n, i int) {
	st := s.sticker(n, i)
	p.f("<a class=\"col-xs-6 col-sm-3\" href=\"%s\" style=\"padding:5px;\">\n", st.Detail)
	if s.dice.oneIn(11, "badge", n, i) || i == 5 {
		p.s("<img class=\"gif\" style=\"min-height: inherit;left: 5px;top:5px\" src=\"//static.doutula.com/img/gif.png\">\n")
	}
	if s.Vintage == Doutula2020 {
		p.f("<img referrerpolicy=\"no-referrer\" class=\"lazy image_dtb img-responsive\" src=\"//static.doutula.com/img/loader.gif?33\" data-original=\"%s\" data-backup=\"%s\" alt=\"%s\">\n",
			esc(st.Original), esc(st.Backup), esc(st.Caption))
	} else {
		p.f("<img src=\"//static.doutula.com/img/loader.gif\" style=\"width: 100%%; height: 100%%;\" data-original=\"%s\" alt=\"%s\" class=\"img-responsive lazy image_dta\" data-backup=\"%s\">\n",
			esc(st.Original), esc(st.Caption), esc(st.Backup))
	}
	p.f("<p style=\"display: none\">%s</p>\n</a>\n", esc(st.Caption))
	if i%8 == 7 {
		p.s(`<script>
                                            if (isMobile()) {
                                                document.writeln("<span class=\"col-xs-12 col-sm-12\" style=\"padding: 5px;\"><img class=\"ad\" data-original=\"//static.doutula.com/img/ad.png\"><script type=\"text/javascript\" src=\"//static.doutula.com/js/b.js?q=2\"><\/script></span>");
                                            }
                                        </script>
`)
	}
	if i == placeBare {
		// An img without class: class!="gif" does not match it.
		p.s("<a class=\"col-xs-6 col-sm-3\" href=\"https://www.doutula.com/\" style=\"padding:5px;\">\n<img src=\"//static.doutula.com/img/loader.gif\" data-original=\"//static.doutula.com/img/notice.png\" alt=\"公告\">\n</a>\n")
	}
	p.s("\n")
}

func (s *doutula) pager(p *page, cur int) {
	link := func(n int) string { return fmt.Sprintf("/photo/list/?page=%d", n) }
	arrow := func(n int, on bool, rel, label, sign string) {
		if on {
			p.f("<li class=\"page-item\">\n<a class=\"page-link\" href=\"%s\" rel=\"%s\" aria-label=\"%s\">%s</a>\n</li>\n", link(n), rel, label, sign)
			return
		}
		p.f("<li class=\"page-item disabled\" aria-disabled=\"true\" aria-label=\"%s\">\n<span class=\"page-link\" aria-hidden=\"true\">%s</span>\n</li>\n", label, sign)
	}
	p.s("<ul class=\"pagination\" role=\"navigation\">\n")
	arrow(cur-1, cur > 1, "prev", "&laquo; Previous", "&lsaquo;")
	for _, n := range numbers(cur, s.Pages, 7) {
		switch n {
		case 0:
			p.s("<li class=\"page-item disabled\" aria-disabled=\"true\"><span class=\"page-link\">...</span></li>\n")
		case cur:
			p.f("<li class=\"page-item active\" aria-current=\"page\"><span class=\"page-link\">%d</span></li>\n", n)
		default:
			p.f("<li class=\"page-item\"><a class=\"page-link\" href=\"%s\">%d</a></li>\n", link(n), n)
		}
	}
	arrow(cur+1, cur < s.Pages, "next", "Next &raquo;", "&rsaquo;")
	p.s("</ul>\n")
}

// detail is the page of one picture.
func (s *doutula) detail(n, i int) answer {
	st := s.sticker(n, i)
	p := new(page)
	s.head(p, st.Caption+" - 图片站")
	p.f("<div class=\"swiper-slide pic-content\"><h1><a href=\"%s\">%s</a></h1>\n<table><tr><td><img src=\"%s\" alt=\"%s\" onerror=\"this.src='%s'\"></td></tr></table></div>\n",
		st.Detail, esc(st.Caption), esc(st.Original), esc(st.Caption), esc(st.Backup))
	s.foot(p)
	return p.answer()
}
