package replica

import "strings"

// class is an attribute that layout A has and layout B lacks.
func (s *douban) class(name string) string {
	if s.Vintage == Douban2025 {
		return ""
	}
	return ` class="` + name + `"`
}

func (s *douban) head(p *page, title string) {
	p.f(`<!DOCTYPE html>
<html lang="zh-CN" class="ua-windows ua-webkit">
<head>
    <meta http-equiv="Content-Type" content="text/html; charset=utf-8">
    <meta name="renderer" content="webkit">
    <meta name="referrer" content="always">
    <title>
%s
</title>
    
    <meta http-equiv="Pragma" content="no-cache">
    <link rel="apple-touch-icon" href="https://img1.doubanio.com/pics/movie/apple-touch-icon.png">
    <link href="https://img1.doubanio.com/f/css/douban.css" rel="stylesheet" type="text/css">
    <script type="text/javascript">var _head_start = new Date();</script>
    <script type="text/javascript" src="https://img1.doubanio.com/f/js/douban.js"></script>
</head>
<body>
    <script type="text/template" id="suggest">
        <li><div class="item"><em>{{rank}}</em><a href="{{url}}"><img src="{{img}}" width="40" /></a><span class="title">{{title}}</span></div></li>
    </script>

    <div id="db-global-nav" class="global-nav">
      <div class="bd">
        <div class="top-nav-info"><a href="https://accounts.douban.com/passport/login?source=movie" class="nav-login" rel="nofollow">登录/注册</a></div>
        <div class="global-nav-items"><ul><li class="on"><a href="https://movie.douban.com">电影</a></li></ul></div>
      </div>
    </div>
    <div id="wrapper">

`, esc(title))
}

func (s *douban) foot(p *page) {
	p.s(`    <div id="footer">
<span id="icp" class="fleft gray-link">replica</span>
    </div>
    </div>
  <script>_SPLITTEST=''</script>
</body>

</html>
`)
}

// star is the class of the stars for a rating.
func star(rating float64) string {
	if rating >= 9.0 {
		return "rating5-t"
	}
	return "rating45-t"
}

// spaced turns the plain spaces around slashes into the site's entities.
func spaced(s string) string { return strings.ReplaceAll(s, " / ", "&nbsp;/&nbsp;") }

// entities writes no-break spaces the way the site does.
func entities(s string) string { return strings.ReplaceAll(esc(s), "\u00a0", "&nbsp;") }

func (s *douban) item(p *page, f *Film) {
	width := `width="100" `
	if s.Vintage == Douban2018 {
		width = ""
	}
	none := s.class("")
	p.f(`        <li>
            <div class="item">
                <div class="pic">
                    <em%s>%d</em>
                    <a href="%s">
                        <img %salt="%s" src="%s"%s>
                    </a>
                </div>
                <div class="info">
                    <div class="hd">
                        <a href="%s"%s>
                            <span class="title">%s</span>
`, none, f.Rank, f.Link, width, esc(f.Title), f.Poster, none, f.Link, none, esc(f.Title))
	if f.Original != "" {
		p.f("                                    <span class=\"title\">&nbsp;/&nbsp;%s</span>\n", esc(f.Original))
	}
	if f.Other != "" {
		p.f("                                <span class=\"other\">&nbsp;/&nbsp;%s</span>\n", esc(f.Other))
	}
	p.s("                        </a>\n\n\n")
	if f.Playable {
		p.s("                            <span class=\"playable\">[可播放]</span>\n")
	}
	p.f(`                    </div>
                    <div class="bd">
                        <p%s>
                            %s<br>
                            %s
                        </p>

                        
                        <div%s>
                                <span class="%s"></span>
                                <span class="rating_num" property="v:average">%.1f</span>
                                <span property="v:best" content="10.0"></span>
                                <span>%d人评价</span>
                        </div>

`, none, entities(f.Credits), spaced(esc(f.Facts)), s.class("star"), star(f.Rating), f.Rating, f.Votes)
	if f.Quote != "" {
		p.f(`                            <p class="quote">
                                <span%s>%s</span>
                            </p>
`, s.class("inq"), esc(f.Quote))
	}
	p.s(`                    </div>
                </div>
            </div>
        </li>
`)
}

// paginator is the pager; its links are relative and have their & escaped.
func (s *douban) paginator(p *page, start int) {
	p.s("        <div class=\"paginator\">\n        <span class=\"prev\">\n")
	if start < topPage {
		p.s("            &lt;前页\n")
	} else {
		p.f("            <link rel=\"prev\" href=\"?start=%d&amp;filter=\"/>\n            <a href=\"?start=%d&amp;filter=\" >&lt;前页</a>\n", start-topPage, start-topPage)
	}
	p.s("        </span>\n        \n")
	for n := 0; n < topSize/topPage; n++ {
		if n == start/topPage {
			p.f("                <span class=\"thispage\">%d</span>\n                \n", n+1)
			continue
		}
		p.f("            <a href=\"?start=%d&amp;filter=\" >%d</a>\n        \n", n*topPage, n+1)
	}
	p.s("        <span class=\"next\">\n")
	if start+topPage >= topSize {
		p.s("            后页&gt;\n")
	} else {
		p.f("            <link rel=\"next\" href=\"?start=%d&amp;filter=\"/>\n            <a href=\"?start=%d&amp;filter=\" >后页&gt;</a>\n", start+topPage, start+topPage)
	}
	p.s("        </span>\n\n            <span class=\"count\">(共250条)</span>\n        </div>\n")
}

// detail is the page of one film.
func (s *douban) detail(rank int) answer {
	f := &s.films[rank-1]
	p := new(page)
	s.head(p, f.Title+" (豆瓣)")
	p.f(`    <div id="content">
        <div class="top250"><span class="top250-no">No.%d</span></div>
        <h1><span property="v:itemreviewed">%s</span></h1>
        <div id="mainpic"><a class="nbgnbg" href="%s"><img src="%s" title="点击看更多海报" alt="%s" rel="v:image" /></a></div>
        <div id="info">%s</div>
        <strong class="ll rating_num" property="v:average">%.1f</strong>
        <span property="v:votes">%d</span>
    </div>
`, rank, esc(strings.TrimSpace(f.Title+" "+f.Original)), f.Link, f.Poster, esc(f.Title), entities(f.Credits), f.Rating, f.Votes)
	s.foot(p)
	return p.answer()
}
