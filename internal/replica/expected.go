package replica

// Expected is what a perfect collector gets from the sites. It is computed from
// the seed, as the pages are, but not from the pages. It does not depend on
// Rules.
type Expected struct {
	Galleries []Gallery // of mzitu, newest first
	Films     []Film    // of Douban, by rank
	Stickers  []Sticker // of doutula, page by page
	Albums    []Album   // of the generic site
}

// Expected computes what a perfect collector gets. The slices are the caller's.
func (s *Server) Expected() Expected {
	return Expected{
		Galleries: s.mzitu.expected(),
		Films:     append([]Film(nil), s.douban.films...),
		Stickers:  s.doutula.expected(),
		Albums:    s.albums.expected(),
	}
}
