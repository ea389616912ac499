// Package gallery is the generic spider: it collects the pictures of a page
// that no other spider claims, and of the pages that follow it in the same
// gallery.
//
// Start with [New] for the spider and [Request] for the request of a URL.
//
// # Which pictures
//
// Everything that a page shows as a picture is one, at its largest size:
// img with src, srcset and the data- attributes that lazy-loading scripts
// read, picture with its sources, what stands in noscript, elements of role
// img with a background, and links to pictures, with or without a thumbnail
// inside. The larger size wins in this order: a link, an attribute that names
// the full size, the largest of srcset, a lazy-loading attribute, src. The
// smaller sizes of a link and of srcset become the backup. One picture is
// taken once, in its first place on the page, whether it is repeated by
// address or by an address that differs in a size only (photo-300x200.jpg,
// /thumb/photo.jpg).
//
// Thumbnails that link to pages of single pictures (at least two of them,
// alike in their addresses) are not taken; those pages are read instead, and
// the thumbnail is their picture's last backup.
//
// # Which not
//
// Never taken:
//   - data: and other addresses that are not http or https;
//   - what is declared to be less than 100 pixels both wide and high, 3 or
//     less in one direction, or 24 or less in the only one that is given,
//     unless a link, a full-size attribute or a width in srcset promises more;
//   - placeholders: names made only of words such as blank, spacer, loading,
//     pixel, 1x1; a src that several pictures share while a script waits to
//     replace it;
//   - sprites, emoji and captchas, by a class or a folder of that name;
//   - hosts that do nothing but count visitors or advertise.
//
// Taken only if the page has nothing better, in this order:
//   - what stands in the page's header, footer, nav or aside, or in an
//     advertisement, and the pictures that the page names for others to show
//     (og:image, twitter:image, JSON-LD);
//   - what is called icon, avatar, logo, badge, button or arrow by its class, its folder or
//     a short file name, unless it links to the front page.
//
// So a gallery of logos is collected, while the logo of a gallery is not. A
// header or footer within main or article belongs to the article. A picture
// that links to a larger one, or is declared to be 200 pixels both wide and
// high, is judged by its place alone.
//
// # Which page is next
//
// A link marked rel=next, or one that says so in its text, label or class in
// one of some twenty languages, on the same host, if its address is that of
// the page with another number: ?page=2, /2, /page/2, _2.html. An arrow or a
// class says less than a word and counts only within a pager and forward. A
// rel=next may lead anywhere on the host, but not to "the next article".
//
// # Where files go
//
// TITLE/NAME.EXT: the title is that of the gallery's first page, the name
// that of the picture's address; pictures whose addresses have no names of
// their own are numbered, TITLE/001.
//
// The spider keeps no state; all of it is safe for concurrent use.
package gallery
