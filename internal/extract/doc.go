// Package extract turns the body of a page into values: it finds the
// character encoding, builds the tree, and selects from it with CSS and XPath.
//
// Start with [New], then [Doc.CSS] and [Doc.XPath], which give a [Selection].
// A selector that matches nothing gives an empty selection, never an error.
//
// A [Doc] and its selections belong to one goroutine at a time. A
// [Selectors], which keeps what was compiled, is shared by all of them.
package extract

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/text/encoding"

	"github.com/trawl-go/trawl/internal/tree"
	"github.com/trawl-go/trawl/xpath"
)

// Options for [New]. The zero value is a page without an address whose
// encoding is to be found.
type Options struct {
	// URL is the address of the page, absolute. Links are resolved against
	// it, and against the page's <base> if it has one. With "" they stay as
	// they are written.
	URL string

	// ContentType is the Content-Type header as it was received.
	ContentType string

	// Encoding is the label of the character encoding, such as "gbk", and
	// wins over everything the page says. "" finds it; see [Decode].
	Encoding string

	// Selectors keeps compiled selectors from page to page. nil compiles
	// them for this page only.
	Selectors *Selectors
}

// A Doc is one page. Nothing is decoded or parsed before it is asked for, so a
// JSON page never meets the HTML parser.
//
// It is not safe for concurrent use; a page belongs to one goroutine.
type Doc struct {
	body []byte
	opts Options
	sels *Selectors

	decoded bool
	text    string
	enc     encoding.Encoding
	encName string

	parsed bool
	root   *html.Node
	err    error
	memory *tree.Memory // of the tree; nil if it is not parsed

	page *url.URL // address of the page; nil if unknown
	base *url.URL // what links are relative to; set by tree

	index *xpath.Doc // what XPath works on; nil until it is needed
}

// New returns the page with this body. A nil *Options is the zero value.
// It keeps body, which must not change any more: texts may be parts of it.
func New(body []byte, opts *Options) *Doc {
	d := &Doc{body: body}
	if opts != nil {
		d.opts = *opts
	}
	d.sels = d.opts.Selectors
	if d.sels == nil {
		d.sels = NewSelectors(0)
	}
	if u, err := url.Parse(d.opts.URL); err == nil && u.IsAbs() {
		d.page, d.base = u, u
	}
	return d
}

// Text returns the body as text, decoded to UTF-8, without a byte order mark.
func (d *Doc) Text() string {
	d.decode()
	return d.text
}

// Encoding returns the name of the encoding that [Doc.Text] was decoded from,
// in the spelling of the WHATWG's standard: "utf-8", "gb18030", "big5".
func (d *Doc) Encoding() string {
	d.decode()
	return d.encName
}

func (d *Doc) decode() {
	if d.decoded {
		return
	}
	d.decoded = true
	d.enc, d.encName = detect(d.body, d.opts.ContentType, d.opts.Encoding)
	d.text = decodeAs(d.body, d.enc)
}

// Root returns the whole document as a selection of one node.
//
// It returns an error if the page cannot be parsed, which happens only when
// elements are nested more than 512 deep.
func (d *Doc) Root() (Selection, error) {
	if err := d.tree(); err != nil {
		return Selection{}, err
	}
	return Selection{doc: d, nodes: []node{{h: d.root}}}, nil
}

// CSS selects from the whole document; see [Selection.CSS].
func (d *Doc) CSS(selector string) (Selection, error) {
	root, err := d.Root()
	if err != nil {
		return Selection{}, err
	}
	return root.CSS(selector)
}

// tree parses the page, once. A failure is remembered.
func (d *Doc) tree() error {
	if d.parsed {
		return d.err
	}
	d.parsed = true
	d.memory, _ = d.sels.memories.Get().(*tree.Memory)
	if d.memory == nil {
		d.memory = new(tree.Memory)
	}
	root, err := tree.Parse(d.Text(), d.memory)
	if err != nil {
		d.err = fmt.Errorf("extract: parse page: %w", err)
		return d.err
	}
	d.root = root
	d.setBase()
	return nil
}

// Close gives the memory of the tree to other pages that have the same
// [Selectors]. Nothing can be selected from the page any more, and selections
// must not be used; texts that were taken from them stay. It may be called
// again; a Doc that is not closed costs the garbage collector more.
func (d *Doc) Close() {
	if d.memory != nil {
		d.memory.Reset()
		d.sels.memories.Put(d.memory)
	}
	d.memory, d.root, d.index = nil, nil, nil
	d.parsed, d.err = true, errClosed
}

var errClosed = errors.New("extract: the page is closed")

// looksLikeMarkup tells whether the page starts like HTML or XML.
func (d *Doc) looksLikeMarkup() bool {
	return strings.HasPrefix(strings.TrimSpace(d.Text()), "<")
}
