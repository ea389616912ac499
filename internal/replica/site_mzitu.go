package replica

import (
	"fmt"
	"image"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Vintages of the mzitu pages.
const (
	// Mzitu2018 has attributes without a space between them, pictures on
	// i.meizitu.net and line breaks in the pager.
	Mzitu2018 = "2018"
	// Mzitu2019 has its pictures on i5.meizitu.net. It is the default.
	Mzitu2019 = "2019"
	// Mzitu2020 has width and height on the picture, served by i5.mmzztt.com,
	// and a plainer pager on its lists.
	Mzitu2020 = "2020"
)

// MzituOptions shape the gallery site. The zero value is the default.
type MzituOptions struct {
	// Vintage is Mzitu2018, Mzitu2019 or Mzitu2020; empty means Mzitu2019.
	Vintage string
	// Galleries is how many there are; zero means 30. The first four, newest
	// first, have 1, 2, 3 and 60 pages.
	Galleries int
	// Pages is how many pages every other gallery has; zero means 4 to 12, by
	// gallery.
	Pages int
	// PerList is the number of galleries on a list page; zero means 24.
	PerList int
	// Flawed makes the fifth gallery lack its h2 and the sixth the picture of
	// its third page, as a page cut short by the site would.
	Flawed bool
	// Size is the size of a picture in pixels; zero means 400 by 600. Every
	// other gallery has it turned on its side.
	Size image.Point
}

// Gallery is a gallery of the mzitu site.
type Gallery struct {
	ID       int
	URL      string // of the first page
	Title    string // as in its h2; galleries 8 and 9 share one
	Category string
	Date     string // like 2019-12-31
	List     int    // the list page that links to it, from 1
	Pages    []GalleryPage
}

// GalleryPage is one page of a gallery.
type GalleryPage struct {
	URL   string
	Image string // URL of its picture; empty if the page has none
}

// mzitu is the gallery site. Gallery i is the i-th newest; its ID, its date and
// the paths of its pictures can all be turned back into i.
type mzitu struct {
	MzituOptions
	dice   dice
	images string // host of the pictures
	thumbs string
}

const (
	mzituHost    = "www.mzitu.com"
	mzituRoot    = "https://" + mzituHost
	firstGallery = 150000 // lowest ID
	galleriesDay = 4      // galleries published on one day
	flawNoTitle  = 4      // index of the gallery without h2
	flawNoImage  = 5      // index of the gallery with a page without picture
	twinTitle    = 8      // index of the gallery that repeats its neighbour's title
)

func newMzitu(o MzituOptions, d dice) *mzitu {
	m := &mzitu{MzituOptions: o, dice: d, images: "i5.meizitu.net", thumbs: "i5.meizitu.net"}
	switch o.Vintage {
	case Mzitu2018:
		m.images, m.thumbs = "i.meizitu.net", "i.meizitu.net"
	case Mzitu2020:
		m.images, m.thumbs = "i5.mmzztt.com", "i.mmzztt.com"
	}
	return m
}

func (m *mzitu) hosts() []string {
	return []string{mzituHost, "m.mzitu.com", "i.meizitu.net", "i5.meizitu.net", "i.mmzztt.com", "i5.mmzztt.com"}
}

func (m *mzitu) family(string) []string { return []string{"mzitu.com", "meizitu.net", "mmzztt.com"} }

func (m *mzitu) count(i int) int {
	switch {
	case i < 3:
		return i + 1
	case i == 3:
		return 60
	case m.Pages > 0:
		return m.Pages
	}
	return 4 + m.dice.below(9, "pages", i)
}

// id and index are inverse: IDs grow with age reversed, in uneven steps.
func (m *mzitu) id(i int) int {
	k := m.Galleries - 1 - i
	return firstGallery + k*7 + m.dice.below(7, "id", k)
}

func (m *mzitu) index(id int) (int, bool) {
	k := (id - firstGallery) / 7
	i := m.Galleries - 1 - k
	return i, id >= firstGallery && i >= 0 && m.id(i) == id
}

func newest() time.Time { return time.Date(2019, 12, 31, 0, 0, 0, 0, time.UTC) }

func (m *mzitu) date(i int) time.Time { return newest().AddDate(0, 0, -(i / galleriesDay)) }

func (m *mzitu) url(i int) string { return fmt.Sprintf("%s/%d", mzituRoot, m.id(i)) }

func (m *mzitu) pageURL(i, n int) string {
	if n == 1 {
		return m.url(i)
	}
	return fmt.Sprintf("%s/%d", m.url(i), n)
}

func (m *mzitu) title(i int) string {
	switch i {
	case twinTitle:
		i-- // two galleries of one name
	case 10:
		return "山谷里的早茶: 一杯/两杯?"
	case 11:
		return "雨 & 雾 \"湖畔\" <之三>"
	case 12:
		return "竹海..."
	}
	return m.dice.pick(i, func(w []string) string { return w[0] + w[1] + "与" + w[2] }, seasons(), places(), subjects())
}

type category struct{ slug, name string }

func categories() []category {
	return []category{{"fengjing", "山水风景"}, {"dongwu", "动物朋友"}, {"cha", "茶与器物"}, {"huacao", "四季花草"}}
}

func (m *mzitu) category(i int) category { return categories()[m.dice.below(4, "category", i)] }

// imagePath is /YYYY/MM/DDxNN.jpg, x counting the galleries of the day.
func (m *mzitu) imagePath(i, n int) string {
	return m.date(i).Format("/2006/01/02") + fmt.Sprintf("%c%02d.jpg", 'a'+i%galleriesDay, n)
}

// image is the URL of the picture on page n of gallery i; empty if it has none.
func (m *mzitu) image(i, n int) string {
	if m.Flawed && i == flawNoImage && n == 3 {
		return ""
	}
	return "https://" + m.images + m.imagePath(i, n)
}

func (m *mzitu) thumb(i, width int) string {
	return fmt.Sprintf("https://%s/thumb/%s/%d_%d.jpg", m.thumbs, m.date(i).Format("2006/01"), m.id(i), width)
}

func (m *mzitu) size(i int) image.Point {
	if i%2 == 1 {
		return image.Pt(m.Size.Y, m.Size.X)
	}
	return m.Size
}

func (m *mzitu) expected() []Gallery {
	all := make([]Gallery, m.Galleries)
	for i := range all {
		g := Gallery{ID: m.id(i), URL: m.url(i), Title: m.title(i), Category: m.category(i).name,
			Date: m.date(i).Format(time.DateOnly), List: i/m.PerList + 1}
		if m.Flawed && i == flawNoTitle {
			g.Title = ""
		}
		for n := 1; n <= m.count(i); n++ {
			g.Pages = append(g.Pages, GalleryPage{URL: m.pageURL(i, n), Image: m.image(i, n)})
		}
		all[i] = g
	}
	return all
}

func (m *mzitu) answer(host string, u *url.URL) answer {
	switch host {
	case mzituHost, "m.mzitu.com":
		return m.document(u)
	}
	if p := m.findThumb(host, u.Path); p != nil {
		return answer{picture: p}
	}
	if p := m.findImage(host, u.Path); p != nil {
		return answer{picture: p}
	}
	return answer{}
}

// findImage turns the path of a picture back into the picture.
func (m *mzitu) findImage(host, path string) *picture {
	if host != m.images || len(path) < len("/2006/01/02x01.jpg") {
		return nil
	}
	day, err := time.Parse("/2006/01/02", path[:11])
	if err != nil {
		return nil
	}
	i := int(newest().Sub(day)/(24*time.Hour))*galleriesDay + int(path[11]) - 'a'
	n, err := strconv.Atoi(strings.TrimSuffix(path[12:], ".jpg"))
	if err != nil || i < 0 || i >= m.Galleries || n < 1 || n > m.count(i) || m.image(i, n) != "https://"+host+path {
		return nil
	}
	return &picture{name: host + path, format: formatJPEG, size: m.size(i), shownOn: m.pageURL(i, n), gallery: m.url(i)}
}

func (m *mzitu) findThumb(host, path string) *picture {
	rest, ok := strings.CutPrefix(path, "/thumb/")
	if !ok || host != m.thumbs {
		return nil
	}
	var y, mon, id, width int
	if _, err := fmt.Sscanf(rest, "%d/%d/%d_%d.jpg", &y, &mon, &id, &width); err != nil {
		return nil
	}
	i, ok := m.index(id)
	if !ok || width != 236 && width != 115 || m.thumb(i, width) != "https://"+host+path {
		return nil
	}
	size := image.Pt(236, 354)
	if width == 115 {
		size = image.Pt(115, 115)
	}
	return &picture{name: host + path, format: formatJPEG, size: size, shownOn: mzituRoot + "/", gallery: m.url(i)}
}

// document answers for the pages: lists, galleries, the archive.
func (m *mzitu) document(u *url.URL) answer {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if parts[0] == "all" {
		return m.archive()
	}
	if id, err := strconv.Atoi(parts[0]); err == nil {
		i, ok := m.index(id)
		n := 1
		if len(parts) > 1 {
			n, err = strconv.Atoi(parts[1])
		}
		if !ok || err != nil || len(parts) > 2 || n < 1 || n > m.count(i) {
			return answer{}
		}
		return m.gallery(i, n)
	}
	// A list: everything, one category, one tag.
	n := 1
	if k := len(parts); k >= 2 && parts[k-2] == "page" {
		v, err := strconv.Atoi(parts[k-1])
		if err != nil || v < 1 {
			return answer{}
		}
		n, parts = v, parts[:k-2]
	}
	switch path := strings.Join(parts, "/"); path {
	case "", "hot", "best":
		return m.list("/", n, m.matching(func(int) bool { return true }))
	default:
		for _, c := range categories() {
			if path == c.slug || path == "tag/"+c.slug {
				return m.list("/"+path+"/", n, m.matching(func(i int) bool { return m.category(i) == c }))
			}
		}
	}
	return static(mzituHost, u.Path)
}

func (m *mzitu) matching(keep func(i int) bool) []int {
	var is []int
	for i := range m.Galleries {
		if keep(i) {
			is = append(is, i)
		}
	}
	return is
}
