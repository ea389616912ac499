package replica

import (
	"fmt"
	"image"
	"net/url"
	"strconv"
	"strings"
)

// Vintages of the Douban pages.
const (
	// Douban2018 is layout A: class="" on em, a, p and img, div.star,
	// span.inq, posters under /view/movie_poster_cover/ipst/.
	Douban2018 = "2018"
	// Douban2022 is layout A with posters under /view/photo/s_ratio_poster/.
	Douban2022 = "2022"
	// Douban2025 is layout B: none of these classes. It is the default.
	Douban2025 = "2025"
)

// DoubanOptions shape the Top 250. The zero value is the default.
type DoubanOptions struct {
	// Vintage is Douban2018, Douban2022 or Douban2025; empty means Douban2025.
	Vintage string
	// Size is the size of a poster in pixels; zero means 270 by 400.
	Size image.Point
}

// Film is a record of the Top 250.
type Film struct {
	Rank     int
	ID       int
	Title    string // the first title
	Original string // the second one, without its slash; empty for ranks 2, 14, 26 and so on
	Other    string // other titles, without the first slash; may be empty
	Rating   float64
	Votes    int
	Quote    string // empty where the page has none: ranks 13, 61, 122, 183 and 244
	Credits  string // the first line, cut by the site with "..." where too long
	Facts    string // the second line: years / regions / genres, with plain spaces
	Playable bool
	Link     string
	Poster   string
}

type douban struct {
	DoubanOptions
	dice    dice
	films   []Film
	subject map[int]int // ID to rank
	posters map[string]int
}

const (
	doubanHost = "movie.douban.com"
	wallHost   = "sec.douban.com"
	topSize    = 250
	topPage    = 25
)

func newDouban(o DoubanOptions, d dice) *douban {
	s := &douban{DoubanOptions: o, dice: d, subject: make(map[int]int), posters: make(map[string]int)}
	for rank := 1; rank <= topSize; rank++ {
		f := s.film(rank)
		s.films = append(s.films, f)
		s.subject[f.ID] = rank
		s.posters[f.Poster] = rank
	}
	return s
}

func (s *douban) hosts() []string {
	return []string{doubanHost, wallHost, "img1.doubanio.com", "img2.doubanio.com", "img3.doubanio.com", "img5.doubanio.com", "img9.doubanio.com"}
}

func (s *douban) family(string) []string { return []string{"douban.com", "doubanio.com"} }

// withoutQuote are the ranks of films nobody is quoted on.
func withoutQuote(rank int) bool {
	switch rank {
	case 13, 61, 122, 183, 244:
		return true
	}
	return false
}

func (s *douban) film(rank int) Film {
	d := s.dice
	roll := func(n int, key string) int { return d.below(n, key, rank) }
	en := func(i int) string { return filmSubjectsEnglish()[i] + " of " + filmPlacesEnglish()[roll(12, "place")] }
	f := Film{
		Rank:   rank,
		ID:     1290000 + rank*137 + roll(137, "id"),
		Title:  d.pick(rank, func(w []string) string { return w[0] + w[1] }, filmPlaces(), filmSubjects()),
		Rating: float64(97-(rank*14/topSize)-roll(2, "rating")) / 10,
		Votes:  3200000/(rank+3)*2 + roll(90000, "votes") + 1200,
	}
	f.Link = fmt.Sprintf("https://%s/subject/%d/", doubanHost, f.ID)
	first := roll(21, "original")
	if rank%12 != 2 {
		f.Original = en(first)
	}
	switch rank % 5 {
	case 0:
	case 1:
		f.Other = f.Title + "(港)  /  " + en((first+5)%21) + " & Friends"
	default:
		f.Other = f.Title + "(台)"
	}
	if !withoutQuote(rank) {
		f.Quote = quotes()[roll(len(quotes()), "quote")]
	}
	f.Credits = s.credits(rank)
	f.Facts = s.facts(rank)
	f.Playable = !d.oneIn(5, "playable", rank)
	f.Poster = s.poster(rank)
	return f
}

// credits are directors and actors on one line, cut after 48 characters. With
// three directors the cut comes before the actors.
func (s *douban) credits(rank int) string {
	names := cast()
	at := s.dice.below(len(names), "cast", rank)
	take := func(n int) string {
		var out []string
		for range n {
			out = append(out, names[at%len(names)])
			at += 3
		}
		return strings.Join(out, " / ")
	}
	directors := 1
	if rank%17 == 4 {
		directors = 3
	}
	line := "导演: " + take(directors) + "\u00a0\u00a0\u00a0主演: " + take(1+s.dice.below(3, "actors", rank))
	if r := []rune(line); len(r) > 48 {
		line = string(r[:48]) + "..."
	}
	return line
}

func (s *douban) facts(rank int) string {
	roll := func(n int, key string, k int) int { return s.dice.below(n, key, rank, k) }
	year := strconv.Itoa(1950 + roll(70, "year", 0))
	if rank == 47 {
		year = "1961(中国大陆) / 1964(中国大陆) / 1978(中国大陆) / 2004(中国大陆)"
	}
	region := regions()[roll(len(regions()), "region", 0)]
	if other := regions()[roll(len(regions()), "region", 1)]; other != region && rank%3 == 0 {
		region += " " + other
	}
	genre := genres()[roll(len(genres()), "genre", 0)]
	if other := genres()[roll(len(genres()), "genre", 1)]; other != genre {
		genre += " " + other
	}
	return year + " / " + region + " / " + genre
}

func (s *douban) poster(rank int) string {
	host := []int{1, 2, 3, 9}[s.dice.below(4, "image host", rank)]
	dir := "/view/photo/s_ratio_poster/public/"
	if s.Vintage == Douban2018 {
		dir = "/view/movie_poster_cover/ipst/public/"
	}
	return fmt.Sprintf("https://img%d.doubanio.com%sp%d.jpg", host, dir, 480000000+rank*8000009+s.dice.below(8000009, "poster", rank))
}

func (s *douban) answer(host string, u *url.URL) answer {
	if host == wallHost {
		return s.wall()
	}
	if host != doubanHost {
		rank, ok := s.posters["https://"+host+u.Path]
		if !ok {
			return static(host, u.Path)
		}
		list := fmt.Sprintf("https://%s/top250?start=%d&filter=", doubanHost, (rank-1)/topPage*topPage)
		return answer{picture: &picture{name: host + u.Path, format: formatJPEG, size: s.Size,
			shownOn: list, gallery: "https://" + doubanHost + "/top250"}}
	}
	switch path := strings.TrimSuffix(u.Path, "/"); {
	case path == "/top250", path == "":
		start, err := strconv.Atoi(u.Query().Get("start"))
		if err != nil || start < 0 {
			start = 0
		}
		return s.list(start)
	case strings.HasPrefix(path, "/subject/"):
		id, _ := strconv.Atoi(strings.TrimPrefix(path, "/subject/"))
		if rank, ok := s.subject[id]; ok {
			return s.detail(rank)
		}
	}
	return static(host, u.Path)
}

// list is the page from record start (from 0) on; beyond the end it has no
// records.
func (s *douban) list(start int) answer {
	p := new(page)
	s.head(p, "豆瓣电影 Top 250")
	p.s(`    <div id="content">
        
    <h1>豆瓣电影 Top 250</h1>

        <div class="grid-16-8 clearfix">
            
            <div class="article">

<div class="opt mod">
    <div class="tabs">
    </div>
    <span id="mine-selector">
      <input type="checkbox"  value="unwatched">我没看过的
    </span>
</div>

<ol class="grid_view">
`)
	for i := min(start, topSize); i < min(start+topPage, topSize); i++ {
		s.item(p, &s.films[i])
	}
	p.s("</ol>\n\n")
	s.paginator(p, start)
	p.s(`            </div>
            <div class="aside">
                
<p class="pl">
    这里的影片都不存在，评分由程序算出。
</p>
<div class="item"><div class="pic"><em>0</em><img width="75" alt="推广" src="https://img1.doubanio.com/pics/promotion.png"></div></div>
            </div>
        </div>
    </div>
`)
	s.foot(p)
	return p.answer()
}

// wall is where a blocked client is sent.
func (s *douban) wall() answer {
	p := new(page)
	p.s(`<!DOCTYPE html>
<html lang="zh-CN">
<head>
    <meta http-equiv="Content-Type" content="text/html; charset=utf-8">
    <title>豆瓣 - 登录跳转页</title>
</head>
<body>
<div class="wrapper"><p>检测到有异常请求从你的 IP 发出，请 <a href="https://accounts.douban.com/passport/login">登录</a> 使用豆瓣。</p></div>
</body>
</html>
`)
	a := p.answer()
	a.status = 403
	return a
}
