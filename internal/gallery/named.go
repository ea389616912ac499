package gallery

import (
	"encoding/json"
	"net/url"
	"strings"

	"golang.org/x/net/html/atom"
)

// named returns the pictures that the page names for others to show: og:image,
// twitter:image, and the image of its JSON-LD.
func (d *document) named() []*picture {
	var all []*picture
	add := func(ref string) {
		srcs := d.addSource(nil, source{url: ref, grade: gradeSrc})
		if len(srcs) == 0 {
			return
		}
		p := &picture{sources: srcs, level: levelMargin}
		if u, err := url.Parse(p.url()); err != nil || addressLevel(u) != levelContent {
			p.level = levelNever
		}
		all = append(all, p)
	}
	for n := range elements(d.root) {
		switch n.DataAtom {
		case atom.Meta:
			switch strings.ToLower(attr(n, "property") + attr(n, "name")) {
			case "og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src":
				add(attr(n, "content"))
			}
		case atom.Link:
			if strings.EqualFold(attr(n, "rel"), "image_src") {
				add(attr(n, "href"))
			}
		case atom.Script:
			if strings.EqualFold(attr(n, "type"), "application/ld+json") && n.FirstChild != nil {
				var v any
				if json.Unmarshal([]byte(n.FirstChild.Data), &v) == nil {
					images(v, 8, add)
				}
			}
		}
	}
	return all
}

// images calls add for every image of a JSON-LD value, at most depth values
// deep. What an author or a publisher looks like is of no interest.
func images(v any, depth int, add func(string)) {
	if depth == 0 {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			images(e, depth-1, add)
		}
	case map[string]any:
		imageOf(v["image"], depth-1, add)
		images(v["@graph"], depth-1, add)
		images(v["mainEntity"], depth-1, add)
		if t, _ := v["@type"].(string); t == "ImageObject" {
			imageOf(v, depth-1, add)
		}
	}
}

func imageOf(v any, depth int, add func(string)) {
	if depth == 0 {
		return
	}
	switch v := v.(type) {
	case string:
		add(v)
	case []any:
		for _, e := range v {
			imageOf(e, depth-1, add)
		}
	case map[string]any:
		for _, k := range []string{"contentUrl", "url"} {
			if s, _ := v[k].(string); s != "" {
				add(s)
				return
			}
		}
	}
}
