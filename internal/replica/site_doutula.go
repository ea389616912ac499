package replica

import (
	"fmt"
	"image"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Vintages of the doutula pages.
const (
	// Doutula2019 has class="img-responsive lazy image_dta". It is the default.
	Doutula2019 = "2019"
	// Doutula2020 has class="lazy image_dtb img-responsive", a referrerpolicy
	// attribute and one empty caption a page.
	Doutula2020 = "2020"
)

// DoutulaOptions shape the picture site. The zero value is the default.
type DoutulaOptions struct {
	// Vintage is Doutula2019 or Doutula2020; empty means Doutula2019.
	Vintage string
	// Pages is how many list pages there are; zero means 9. Each has 68
	// pictures.
	Pages int
	// Missing is how many of the pictures on ws1 to ws4.sinaimg.cn are gone
	// (404), so that only their backup is left: about one in Missing, and one
	// on every page at least. Zero means 16, a negative number none.
	Missing int
	// Size is the size of a picture in pixels; zero means 200 by 200.
	Size image.Point
}

// Sticker is a picture of the doutula site.
type Sticker struct {
	Page, Index int // the list page, from 1, and the place on it, from 0
	Caption     string
	Original    string // data-original as in the page, in some cases without scheme
	Backup      string // data-backup
	Detail      string // URL of the picture's own page
	Missing     bool   // Original answers 404 and Backup has to do
}

// doutula is the picture site. The number of a picture, page*100+index, is part
// of every URL of it, scrambled, and can be read back.
type doutula struct {
	DoutulaOptions
	dice dice
}

const (
	doutulaHost    = "www.doutula.com"
	doutulaStatic  = "static.doutula.com"
	doutulaImages  = "img.doutula.com"
	stickersOnPage = 68
)

func newDoutula(o DoutulaOptions, d dice) *doutula { return &doutula{o, d} }

func (s *doutula) hosts() []string {
	return []string{doutulaHost, doutulaImages, doutulaStatic, "ws1.sinaimg.cn", "ws2.sinaimg.cn", "ws3.sinaimg.cn", "ws4.sinaimg.cn"}
}

func (s *doutula) family(host string) []string {
	if strings.HasSuffix(host, ".sinaimg.cn") {
		return []string{"sinaimg.cn", "sina.com.cn", "weibo.com"}
	}
	return []string{"doutula.com"}
}

// scramble and unscramble map numbers below 2^40 onto each other.
const (
	scrambleMask = 1<<40 - 1
	scrambleBy   = 0x5deece66d
)

func scramble(n int) uint64 { return uint64(n) * scrambleBy & scrambleMask }

func unscramble(n uint64) int {
	// Newton's iteration for the inverse modulo a power of two doubles the
	// right bits each time: 3, 6, 12, 24, 48.
	var inv uint64 = scrambleBy
	for range 4 {
		inv *= 2 - scrambleBy*inv
	}
	return int(n * inv & scrambleMask)
}

// Places on every page with a fact of their own.
const (
	placeProtocol = 3  // data-original without scheme
	placeNull     = 9  // data-original ends in .null!dta
	placeMissing  = 14 // data-original is gone
	placeTwin     = 20 // caption of its neighbour
	placeNear     = 22 // caption of its neighbour but for a question mark
	placeOdd      = 31 // caption with the characters file names fear
	placeBare     = 40 // followed by an img without class
	placeBlank    = 50 // empty caption in 2020
	placeWrong    = 60 // .png in the name, JPEG inside
)

func (s *doutula) caption(page, i int) string {
	switch {
	case i == placeTwin:
		i--
	case i == placeNear:
		return s.caption(page, i-1) + "？"
	case i == placeOdd:
		return fmt.Sprintf(`今天/明天: "散步*%d" & <喝茶>?`, page)
	case i == placeBlank && s.Vintage == Doutula2020:
		return ""
	}
	n := page*stickersOnPage + i
	return s.dice.pick(n, func(w []string) string { return w[1] + w[0] + w[2] }, moods(), animals(), []string{"", "！", "。", "，好吗", "..."})
}

// onSina tells which of the two image hosts has the original.
func (s *doutula) onSina(page, i int) bool {
	switch i {
	case placeNull, placeWrong:
		return false
	case placeProtocol, placeMissing:
		return true
	}
	return !s.dice.oneIn(4, "image host", page, i)
}

func (s *doutula) missing(page, i int) bool {
	if s.Missing < 0 || !s.onSina(page, i) {
		return false
	}
	return i == placeMissing || s.dice.oneIn(s.Missing, "missing", page, i)
}

// ext is the extension in one of the two URLs; they need not agree.
func (s *doutula) ext(url string, page, i int) string {
	switch i {
	case placeNull:
		return "null"
	case placeWrong:
		return "png"
	}
	return []string{"jpg", "jpg", "gif", "png", "jpg"}[s.dice.below(5, url, page, i)]
}

// sina is the path on ws1 to ws4.sinaimg.cn.
func (s *doutula) sina(page, i int) string {
	return fmt.Sprintf("/bmiddle/9150e4e5gy1%08s.%s", strconv.FormatUint(scramble(page*100+i), 36), s.ext("original", page, i))
}

// upload is the path on img.doutula.com, its double slash included.
func (s *doutula) upload(page, i int) string {
	day := time.Date(2019, 4, 10, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -page)
	letters := []byte("abcdef")
	h := s.dice.roll("letters", page, i)
	for k := range letters {
		letters[k] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[h%49]
		h /= 49
	}
	return fmt.Sprintf("/production/uploads/image//%s/%s%013d_%s.%s", day.Format("2006/01/02"), day.Format("20060102"),
		scramble(page*100+i), letters, s.ext("backup", page, i))
}

func (s *doutula) sticker(page, i int) Sticker {
	st := Sticker{Page: page, Index: i, Caption: s.caption(page, i), Missing: s.missing(page, i)}
	upload := "http://" + doutulaImages + s.upload(page, i)
	st.Backup = upload + "!dta"
	st.Detail = fmt.Sprintf("https://%s/photo/%d", doutulaHost, s.photo(page, i))
	switch {
	case s.onSina(page, i):
		st.Original = fmt.Sprintf("//ws%d.sinaimg.cn%s", 1+s.dice.below(4, "ws", page, i), s.sina(page, i))
		if i != placeProtocol {
			st.Original = "https:" + st.Original
		}
	case i%3 == 0:
		st.Original = upload + "!dta"
	default:
		st.Original = upload
	}
	return st
}

func (s *doutula) photo(page, i int) int { return 1000000 + page*100 + i }

func (s *doutula) expected() []Sticker {
	all := make([]Sticker, 0, s.Pages*stickersOnPage)
	for page := 1; page <= s.Pages; page++ {
		for i := range stickersOnPage {
			all = append(all, s.sticker(page, i))
		}
	}
	return all
}

// place splits the number of a picture.
func (s *doutula) place(n int) (page, i int, ok bool) {
	page, i = n/100, n%100
	return page, i, page >= 1 && page <= s.Pages && i < stickersOnPage
}

func (s *doutula) answer(host string, u *url.URL) answer {
	switch host {
	case doutulaHost:
		return s.document(u)
	case doutulaImages:
		return s.uploaded(u.Path)
	case doutulaStatic:
		return static(host, u.Path)
	}
	// ws1 to ws4.sinaimg.cn
	name, ok := strings.CutPrefix(u.Path, "/bmiddle/9150e4e5gy1")
	code, _, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(code, 36, 64)
	page, i, inside := s.place(unscramble(n))
	if !ok || err != nil || !inside || s.missing(page, i) {
		return answer{}
	}
	if original := s.sticker(page, i).Original; strings.TrimPrefix(original, "https:") != "//"+host+u.Path {
		return answer{}
	}
	return s.picture(host+u.Path, page, i)
}

// uploaded answers for img.doutula.com, which has every picture under two
// names, with !dta and without.
func (s *doutula) uploaded(path string) answer {
	file := path[strings.LastIndexByte(path, '/')+1:]
	stamp, _, _ := strings.Cut(file, "_")
	if len(stamp) < 8 {
		return answer{}
	}
	n, err := strconv.ParseUint(stamp[8:], 10, 64)
	page, i, inside := s.place(unscramble(n))
	if err != nil || !inside || strings.TrimSuffix(path, "!dta") != s.upload(page, i) {
		return answer{}
	}
	return s.picture(doutulaImages+path, page, i)
}

func (s *doutula) picture(name string, page, i int) answer {
	f := formatOf(name)
	if i == placeWrong {
		f = formatJPEG
	}
	return answer{picture: &picture{name: name, format: f, size: s.Size,
		shownOn: s.listURL(page), gallery: s.sticker(page, i).Detail}}
}

func (s *doutula) listURL(page int) string {
	return fmt.Sprintf("https://%s/photo/list/?page=%d", doutulaHost, page)
}

func (s *doutula) document(u *url.URL) answer {
	path := strings.TrimSuffix(u.Path, "/")
	switch {
	case path == "", path == "/photo/list", path == "/search":
		n, err := strconv.Atoi(u.Query().Get("page"))
		if err != nil || n < 1 {
			n = 1
		}
		a := s.list(n)
		a.cookie = fmt.Sprintf("doutula_session=%016x; path=/; httponly", s.dice.roll("session", n))
		return a
	case strings.HasPrefix(path, "/photo/"):
		id, err := strconv.Atoi(strings.TrimPrefix(path, "/photo/"))
		if page, i, ok := s.place(id - 1000000); err == nil && ok {
			return s.detail(page, i)
		}
		return answer{}
	}
	return static(doutulaHost, u.Path)
}
