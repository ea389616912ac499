package replica_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/internal/replica"
)

// plain is text with the site's no-break slashes as plain ones.
func plain(s string) string { return strings.ReplaceAll(s, "\u00a0/\u00a0", " / ") }

// lines are the texts of the direct text nodes.
func (d doc) lines() []string {
	var out []string
	for n := d.node.FirstChild; n != nil; n = n.NextSibling {
		if n.Type == html.TextNode {
			out = append(out, strings.Trim(n.Data, " \t\n"))
		}
	}
	return out
}

// crawlDouban collects the records by following the next links.
func crawlDouban(t testing.TB, c *http.Client) []replica.Film {
	var all []replica.Film
	for url := "https://movie.douban.com/top250"; url != ""; {
		d := page(t, c, url)
		for _, li := range d.all("ol.grid_view > li") {
			var f replica.Film
			f.Rank, _ = strconv.Atoi(li.text("em"))
			titles := li.texts("span.title")
			f.Title = titles[0]
			if len(titles) > 1 {
				f.Original = strings.TrimPrefix(titles[1], "\u00a0/\u00a0")
			}
			f.Other = strings.TrimPrefix(li.text("span.other"), "\u00a0/\u00a0")
			f.Rating, _ = strconv.ParseFloat(li.text(".rating_num"), 64)
			spans := li.texts("div.bd div span")
			f.Votes, _ = strconv.Atoi(strings.TrimSuffix(spans[len(spans)-1], "人评价"))
			f.Quote = li.text("p.quote span")
			lines := li.one("div.bd > p").lines()
			f.Credits, f.Facts = lines[0], plain(lines[1])
			f.Playable = li.text("span.playable") == "[可播放]"
			f.Link = li.one(".hd a").link("href")
			f.Poster = li.one("img").link("src")
			id := strings.Trim(strings.TrimPrefix(f.Link, "https://movie.douban.com/subject"), "/")
			f.ID, _ = strconv.Atoi(id)
			all = append(all, f)
		}
		url = ""
		if next := d.all("div.paginator > span.next > a"); len(next) > 0 {
			url = next[0].link("href")
			if l := d.one(`span.next > link[rel="next"]`).link("href"); l != url {
				t.Errorf("link rel=next is %s, a is %s", l, url)
			}
		}
	}
	return all
}

func TestDoubanPagesHoldWhatIsExpected(t *testing.T) {
	for _, vintage := range []string{replica.Douban2018, replica.Douban2022, replica.Douban2025} {
		t.Run(vintage, func(t *testing.T) {
			s, c := start(t, &replica.Options{Seed: 5, Douban: replica.DoubanOptions{Vintage: vintage}})
			if d := cmp.Diff(s.Expected().Films, crawlDouban(t, c)); d != "" {
				t.Errorf("pages differ from Expected (-want +got):\n%s", d)
			}
		})
	}
}

func TestDoubanFacts(t *testing.T) {
	films := replica.New(&replica.Options{Seed: 9}).Expected().Films
	if len(films) != 250 {
		t.Fatalf("%d films, want 250", len(films))
	}
	titles, ids, hosts := map[string]bool{}, map[int]bool{}, map[string]bool{}
	var unquoted, single, cut, actorless, years, ampersand int
	for i, f := range films {
		titles[f.Title], ids[f.ID] = true, true
		hosts[strings.Split(f.Poster, "/")[2]] = true
		if (f.Original == "") != (f.Rank%12 == 2) {
			t.Errorf("film %d has the titles %q and %q", f.Rank, f.Title, f.Original)
		}
		if f.Rank != i+1 || f.Votes < 1000 || f.Rating < 8 || f.Rating > 9.7 {
			t.Errorf("film %d: %+v", i, f)
		}
		for _, c := range []struct {
			n  *int
			is bool
		}{
			{&unquoted, f.Quote == ""}, {&single, f.Original == ""}, {&cut, strings.HasSuffix(f.Credits, "...")},
			{&actorless, !strings.Contains(f.Credits, "主演:")}, {&years, strings.Count(f.Facts, "(中国大陆)") == 4}, {&ampersand, strings.Contains(f.Other, "&")},
		} {
			if c.is {
				*c.n++
			}
		}
	}
	if len(titles) != 250 || len(ids) != 250 {
		t.Errorf("%d titles and %d IDs, want 250 different ones", len(titles), len(ids))
	}
	if unquoted != 5 || single != 21 || years != 1 {
		t.Errorf("%d without quote, %d with one title, %d with four years, want 5, 21, 1", unquoted, single, years)
	}
	if cut == 0 || actorless == 0 || ampersand == 0 {
		t.Errorf("%d credits cut, %d without actors, %d with an ampersand, want some of each", cut, actorless, ampersand)
	}
	if len(hosts) != 4 {
		t.Errorf("poster hosts %v, want four", hosts)
	}
}

func TestDoubanLayouts(t *testing.T) {
	tests := []struct {
		vintage              string
		em, star, inq, width int // of 25
		poster               string
	}{
		{replica.Douban2018, 25, 25, 24, 0, "/view/movie_poster_cover/ipst/public/p"},
		{replica.Douban2022, 25, 25, 24, 25, "/view/photo/s_ratio_poster/public/p"},
		{replica.Douban2025, 0, 0, 0, 25, "/view/photo/s_ratio_poster/public/p"},
	}
	for _, tt := range tests {
		t.Run(tt.vintage, func(t *testing.T) {
			_, c := start(t, &replica.Options{Douban: replica.DoubanOptions{Vintage: tt.vintage}})
			d := page(t, c, "https://movie.douban.com/top250?start=0&filter=")
			got := fmt.Sprint(len(d.all(`ol em[class=""]`)), len(d.all("ol div.star")), len(d.all("ol span.inq")), len(d.all(`ol img[width="100"]`)), len(d.all(`ol p.quote > span`)))
			if want := fmt.Sprint(tt.em, tt.star, tt.inq, tt.width, 24); got != want {
				t.Errorf("em, star, inq, width, quotes = %s, want %s", got, want)
			}
			for _, img := range d.all("ol img") {
				if !strings.Contains(img.attr("src"), tt.poster) {
					t.Errorf("poster %s, want %s", img.attr("src"), tt.poster)
				}
			}
		})
	}
}

func TestDoubanPaginator(t *testing.T) {
	_, c := start(t, nil)
	_, body := get(t, c, "https://movie.douban.com/top250?start=225&filter=")
	if want := `<a href="?start=200&amp;filter=" >&lt;前页</a>`; !strings.Contains(string(body), want) {
		t.Errorf("no %s on the last page", want)
	}
	tests := []struct {
		name                       string
		start                      int
		items, links               int
		previous, next, rel, count string
	}{
		{"first", 0, 25, 10, "", "?start=25&filter=", "next", "1"},
		{"small offset", 10, 25, 10, "", "?start=35&filter=", "next", "1"},
		{"middle", 100, 25, 11, "?start=75&filter=", "?start=125&filter=", "prev next", "5"},
		{"last", 225, 25, 10, "?start=200&filter=", "", "prev", "10"},
		{"offset", 240, 10, 10, "?start=215&filter=", "", "prev", "10"},
		{"beyond", 250, 0, 11, "?start=225&filter=", "", "prev", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := page(t, c, fmt.Sprintf("https://movie.douban.com/top250?start=%d&filter=", tt.start))
			first := func(sel string) string {
				if m := d.all(sel); len(m) > 0 {
					return m[0].attr("href")
				}
				return ""
			}
			var rels []string
			for _, l := range d.all(".paginator link") {
				rels = append(rels, l.attr("rel"))
			}
			got := fmt.Sprint(len(d.all("ol.grid_view > li")), len(d.all(".paginator a")), first(".prev a"), first(".next a"), rels, d.text(".thispage"))
			if want := fmt.Sprint(tt.items, tt.links, tt.previous, tt.next, strings.Fields(tt.rel), tt.count); got != want {
				t.Errorf("items, links, prev, next, rels, this = %s, want %s", got, want)
			}
		})
	}
}

func TestDoubanDetailAndWall(t *testing.T) {
	s, c := start(t, nil)
	f := s.Expected().Films[0]
	if got := page(t, c, f.Link).text("h1"); !strings.HasPrefix(got, f.Title) {
		t.Errorf("h1 = %s, want %s", got, f.Title)
	}
	resp, body := get(t, c, "https://sec.douban.com/b?r=x")
	if resp.StatusCode != 403 || !strings.Contains(string(body), "登录跳转页") {
		t.Errorf("wall = %s, %s", resp.Status, body)
	}
}
