package replica_test

import (
	"fmt"
	"image"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/replica"
)

// matched is the notes' XPath,
// //div[@class="page-content text-center"]//img[@class!="gif"].
const matched = `div[class="page-content text-center"] img[class]:not([class="gif"])`

func TestDoutulaPagesHoldWhatIsExpected(t *testing.T) {
	for _, vintage := range []string{replica.Doutula2019, replica.Doutula2020} {
		t.Run(vintage, func(t *testing.T) {
			s, c := start(t, &replica.Options{Seed: 3, Doutula: replica.DoutulaOptions{Vintage: vintage, Pages: 4, Size: image.Pt(32, 32)}})
			var got []replica.Sticker
			n := 0
			for url := "http://www.doutula.com/photo/list/?page=1"; url != ""; {
				d := page(t, c, url)
				n++
				imgs := d.all(matched)
				if len(imgs) != 68 {
					t.Errorf("page %d: %d pictures, want 68", n, len(imgs))
				}
				details := d.all("div.page-content a.col-xs-6.col-sm-3:has(img[class])")
				hidden := d.texts("div.page-content a p")
				for i, img := range imgs {
					st := replica.Sticker{Page: n, Index: i, Caption: img.attr("alt"), Original: img.attr("data-original"), Backup: img.attr("data-backup"), Detail: details[i].link("href")}
					if hidden[i] != st.Caption {
						t.Errorf("page %d, %d: p is %q, alt %q", n, i, hidden[i], st.Caption)
					}
					resp, _ := get(t, c, img.link("data-original"))
					st.Missing = resp.StatusCode == 404
					got = append(got, st)
				}
				url = ""
				if next := d.all(`ul.pagination a[rel="next"]`); len(next) > 0 {
					url = next[0].link("href")
				}
			}
			if d := cmp.Diff(s.Expected().Stickers, got); d != "" {
				t.Errorf("pages differ from Expected (-want +got):\n%s", d)
			}
			if n != 4 {
				t.Errorf("%d pages, want 4", n)
			}
		})
	}
}

func TestDoutulaFactsOnEveryPage(t *testing.T) {
	s, c := start(t, &replica.Options{Doutula: replica.DoutulaOptions{Size: image.Pt(32, 32)}})
	clean := regexp.MustCompile(`[?？.，。！!*]`)
	e := s.Expected().Stickers
	if len(e) != 9*68 {
		t.Fatalf("%d pictures, want 9 pages of 68", len(e))
	}
	for n := 1; n <= 9; n++ {
		d := page(t, c, fmt.Sprintf("https://www.doutula.com/photo/list/?page=%d", n))
		facts := make(map[string]int)
		captions, cleaned := make(map[string]bool), make(map[string]bool)
		for _, st := range e[(n-1)*68 : n*68] {
			captions[st.Caption] = true
			cleaned[clean.ReplaceAllString(st.Caption, "")] = true
			_, kind, _ := s.Picture(st.Original)
			name := strings.TrimSuffix(st.Original, "!dta")
			for fact, is := range map[string]bool{
				"ends in !dta":        strings.HasSuffix(st.Original, "!dta"),
				"ends in .null!dta":   strings.HasSuffix(st.Original, ".null!dta"),
				"without scheme":      strings.HasPrefix(st.Original, "//"),
				"missing":             st.Missing,
				"on sina":             strings.Contains(st.Original, ".sinaimg.cn/bmiddle/"),
				"other extension":     path.Ext(name) != path.Ext(strings.TrimSuffix(st.Backup, "!dta")),
				"JPEG under .png":     path.Ext(name) == ".png" && kind == "image/jpeg",
				"GIF":                 kind == "image/gif",
				"name fears":          strings.ContainsAny(st.Caption, `/:"*<>`),
				"backup without !dta": !strings.HasSuffix(st.Backup, "!dta"),
			} {
				if is {
					facts[fact]++
				}
			}
		}
		for _, fact := range []string{"ends in !dta", "ends in .null!dta", "without scheme", "missing", "other extension", "JPEG under .png", "GIF", "name fears"} {
			if facts[fact] == 0 {
				t.Errorf("page %d: no picture %s", n, fact)
			}
		}
		if facts["backup without !dta"] > 0 || facts["on sina"] < 35 {
			t.Errorf("page %d: %v", n, facts)
		}
		if len(captions) >= 68 || len(cleaned) >= len(captions) {
			t.Errorf("page %d: %d captions, %d cleaned, want twins of both kinds", n, len(captions), len(cleaned))
		}
		badges := d.all(`div.page-content img[class="gif"] + img[data-original]`)
		bare := d.all("div.page-content img:not([class])")
		if len(badges) == 0 || len(bare) != 1 || !bare[0].has("data-original") {
			t.Errorf("page %d: %d badges, %d images without class", n, len(badges), len(bare))
		}
	}
}

func TestDoutulaEdges(t *testing.T) {
	s, c := start(t, &replica.Options{Doutula: replica.DoutulaOptions{Pages: 12, Vintage: replica.Doutula2020}})
	t.Run("beyond the end", func(t *testing.T) {
		if n := len(page(t, c, "https://www.doutula.com/photo/list/?page=13").all(matched)); n != 0 {
			t.Errorf("%d pictures, want none", n)
		}
	})
	t.Run("cookie", func(t *testing.T) {
		resp, _ := get(t, c, "https://www.doutula.com/photo/list/")
		if got := resp.Cookies(); len(got) != 1 || got[0].Name != "doutula_session" {
			t.Errorf("cookies = %v", got)
		}
	})
	t.Run("without slash", func(t *testing.T) {
		_, a := get(t, c, "https://www.doutula.com/photo/list?page=2")
		_, b := get(t, c, "https://www.doutula.com/photo/list/?page=2")
		if string(a) != string(b) || len(a) == 0 {
			t.Error("/photo/list differs from /photo/list/")
		}
	})
	t.Run("pager", func(t *testing.T) {
		d := page(t, c, "https://www.doutula.com/photo/list/")
		if got := strings.Join(d.texts("ul.pagination > li.page-item > *"), " "); got != "‹ 1 2 3 4 5 6 7 8 ... 12 ›" {
			t.Errorf("pager = %s", got)
		}
		if got := d.one(`a[rel="next"]`).attr("href"); got != "/photo/list/?page=2" {
			t.Errorf("next = %s", got)
		}
	})
	t.Run("blank caption", func(t *testing.T) {
		if n := len(page(t, c, "https://www.doutula.com/photo/list/").all(matched + `[alt=""]`)); n != 1 {
			t.Errorf("%d empty captions, want 1", n)
		}
	})
	t.Run("detail", func(t *testing.T) {
		st := s.Expected().Stickers[70]
		if got := page(t, c, st.Detail).one(".pic-content img").attr("src"); got != st.Original {
			t.Errorf("picture = %s, want %s", got, st.Original)
		}
	})
	t.Run("both names", func(t *testing.T) {
		st := s.Expected().Stickers[0]
		for _, url := range []string{st.Backup, strings.TrimSuffix(st.Backup, "!dta")} {
			if resp, _ := get(t, c, url); resp.StatusCode != 200 {
				t.Errorf("GET %s = %s", url, resp.Status)
			}
		}
	})
	t.Run("none missing", func(t *testing.T) {
		for _, st := range replica.New(&replica.Options{Doutula: replica.DoutulaOptions{Missing: -1}}).Expected().Stickers {
			if st.Missing {
				t.Errorf("%+v", st)
			}
		}
	})
}

func TestSinaRefusesForeignReferers(t *testing.T) {
	s, c := start(t, nil)
	st := s.Expected().Stickers[3]
	for referer, want := range map[string]int{"": 200, "https://www.doutula.com/photo/list/?page=1": 403, "https://weibo.com/u/1": 200, "https://ws1.sinaimg.cn/x.jpg": 200} {
		var headers []string
		if referer != "" {
			headers = []string{"Referer: " + referer}
		}
		if resp, _ := get(t, c, "https:"+st.Original, headers...); resp.StatusCode != want {
			t.Errorf("Referer %q: %d, want %d", referer, resp.StatusCode, want)
		}
		if resp, _ := get(t, c, st.Backup, headers...); resp.StatusCode != 200 {
			t.Errorf("backup with Referer %q: %d, want 200", referer, resp.StatusCode)
		}
	}
}
