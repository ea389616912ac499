package gallery

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/extract"
)

// Name is the spider's name.
const Name = "generic"

// Options for [New]. The zero value has no URLs to start from.
type Options struct {
	// URLs to start from, each as [Request] takes it.
	URLs []string

	// MaxPages bounds the pages that follow one another from a start URL,
	// itself included; zero means 1000.
	MaxPages int

	// Workers is what Settings says of them.
	Workers trawl.Workers

	// Encoding is the label of the character encoding of all pages, such as
	// "gbk"; "" detects it.
	Encoding string
}

// A Spider collects the pictures of any gallery. It is safe for concurrent
// use.
type Spider struct {
	opts Options
}

var _ trawl.Spider = (*Spider)(nil)

// New returns the generic spider. It keeps opts.URLs. A nil *Options is the
// zero value.
func New(opts *Options) *Spider {
	s := &Spider{}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.MaxPages <= 0 {
		s.opts.MaxPages = 1000
	}
	return s
}

// Settings returns the spider's name, its encoding and its workers; everything
// else is the engine's default.
func (s *Spider) Settings() trawl.Settings {
	return trawl.Settings{Name: Name, Encoding: s.opts.Encoding, Workers: s.opts.Workers}
}

// Start yields a request for each of Options.URLs. It ends with the error of
// [Request] at the first URL that has one.
func (s *Spider) Start(ctx context.Context) iter.Seq2[trawl.Request, error] {
	return func(yield func(trawl.Request, error) bool) {
		for _, u := range s.opts.URLs {
			r, err := Request(u)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(trawl.Request{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Request returns the request that starts at a URL: for a file if the name in
// it is that of a picture, a video, a sound, an archive or a document, else for
// a page. A file is asked for without Referer.
//
// It returns the error of [trawl.ParseURL] for a URL that is not absolute http
// or https.
func Request(rawURL string) (trawl.Request, error) {
	u, err := trawl.ParseURL(rawURL)
	if err != nil {
		return trawl.Request{}, err
	}
	r := trawl.Request{URL: u.String(), Kind: trawl.KindPage, Spider: Name}
	if isFile(u) {
		r.Kind = trawl.KindFile
		r.Path = fileName(u)
	}
	return r, nil
}

// parsePhoto is the Request.Parse of the page of a single picture.
const parsePhoto = "photo"

// meta is what a page of a gallery hands to the next one.
type meta struct {
	Title string `json:"title,omitempty"`
	Files int    `json:"files,omitempty"` // pictures on the pages before
	Thumb string `json:"thumb,omitempty"` // for the page of a single picture
}

// Parse reads a page: a gallery's pictures and its next page, or, of a body
// that is not HTML, the body itself as a file. There are no items.
//
// It returns an error for a page that cannot be parsed, which happens only when
// elements are nested hundreds deep, and ctx's error if ctx has ended.
func (s *Spider) Parse(ctx context.Context, p *trawl.Page) (*trawl.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	address := p.URL
	if address == "" {
		address = p.Request.URL
	}
	u, err := trawl.ParseURL(address)
	if err != nil {
		return nil, err
	}
	var m meta
	if len(p.Request.Meta) > 0 {
		if err := json.Unmarshal(p.Request.Meta, &m); err != nil {
			return nil, fmt.Errorf("read what the page before left: %w", err)
		}
	}
	if !isHTML(p.Header.Get("Content-Type"), p.Body) {
		return &trawl.Result{Files: []trawl.Request{bodyItself(u, p, m)}, FilesBefore: m.Files}, nil
	}
	d, err := newDocument(u, p, s.opts.Encoding)
	if err != nil {
		return nil, err
	}
	if m.Title == "" {
		m.Title = d.title()
	}
	if p.Request.Parse == parsePhoto {
		return d.photo(m), nil
	}
	return d.gallery(m, p.Request.Depth+1 < s.opts.MaxPages), nil
}

// bodyItself is the request for a body that is not HTML. It belongs into the
// gallery, if one led there.
func bodyItself(u *url.URL, p *trawl.Page, m meta) trawl.Request {
	r := trawl.Request{URL: u.String(), Kind: trawl.KindFile, Spider: Name, Path: fileName(u), Loose: true, Referer: p.Request.Referer}
	if m.Title != "" {
		r.Path = nameFiles(m, []*picture{{sources: []source{{url: r.URL}}}})[0]
		r.Loose = false
	}
	if m.Thumb != "" {
		r.Backup = []string{m.Thumb}
	}
	return r
}

// gallery reads a page of a gallery.
func (d *document) gallery(m meta, follow bool) *trawl.Result {
	res := &trawl.Result{FilesBefore: m.Files}
	found := d.pictures()
	photos := d.photoPages(found)
	pics := selectBest(found, d, photos)
	paths := nameFiles(m, pics)
	for i, pic := range pics {
		if pic.photo == "" {
			res.Files = append(res.Files, d.file(pic, paths[i]))
			continue
		}
		res.Pages = append(res.Pages, trawl.Request{
			URL: pic.photo, Kind: trawl.KindPage, Spider: Name, Parse: parsePhoto, Referer: d.address,
			Meta: encodeMeta(meta{Title: m.Title, Files: m.Files + i, Thumb: pic.url()}),
		})
	}
	if follow {
		if next := d.next(); next != "" {
			res.Pages = append(res.Pages, trawl.Request{
				URL: next, Kind: trawl.KindPage, Spider: Name, Referer: d.address,
				Meta: encodeMeta(meta{Title: m.Title, Files: m.Files + len(pics)}),
			})
		}
	}
	if len(res.Files) == 0 && len(res.Pages) == 0 {
		res.Warnings = append(res.Warnings, d.nothing())
	}
	return res
}

// photo reads the page of a single picture. Thumbnails on it belong to other
// pages, and the gallery knows the next one.
func (d *document) photo(m meta) *trawl.Result {
	res := &trawl.Result{FilesBefore: m.Files}
	var pics []*picture
	for _, pic := range selectBest(d.pictures(), d, nil) {
		if pic.page == "" || !pic.thumb {
			pics = append(pics, pic)
		}
	}
	if m.Thumb != "" {
		switch thumb := (source{url: m.Thumb}); {
		case len(pics) == 0:
			pics = []*picture{{sources: []source{thumb}}}
		case len(pics) == 1 && !pics[0].offers(m.Thumb):
			pics[0].sources = append(pics[0].sources, thumb)
		}
	}
	for i, path := range nameFiles(m, pics) {
		res.Files = append(res.Files, d.file(pics[i], path))
	}
	if len(res.Files) == 0 {
		res.Warnings = append(res.Warnings, d.nothing())
	}
	return res
}

func (d *document) nothing() string {
	return fmt.Sprintf("no pictures found on %s; try a spider: trawl new", d.address)
}

// file is the request for a picture.
func (d *document) file(pic *picture, path string) trawl.Request {
	r := trawl.Request{URL: pic.url(), Kind: trawl.KindFile, Spider: Name, Path: path, Referer: d.address}
	for _, s := range pic.sources[1:] {
		r.Backup = append(r.Backup, s.url)
	}
	return r
}

func encodeMeta(m meta) json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // Unreachable: strings and an int always encode.
	}
	return b
}

// newDocument parses a page.
func newDocument(u *url.URL, p *trawl.Page, encoding string) (*document, error) {
	doc := extract.New(p.Body, &extract.Options{
		URL: u.String(), ContentType: p.Header.Get("Content-Type"), Encoding: encoding,
	})
	return parseDocument(u, doc)
}
