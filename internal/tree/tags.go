package tree

import "golang.org/x/net/html/atom"

// traits are what the algorithm asks of open elements.
type traits uint16

const (
	special    traits = 1 << iota // in the standard's sense
	scope                         // an end tag within does not reach beyond it
	implied                       // its end tag may be left out
	heading                       // h1 to h6
	plainBlock                    // address, div or p
	list                          // ol or ul
	button
	table     // table or html
	tableBody // tbody, thead, tfoot or html
	row       // tr or html
	section   // tbody, thead or tfoot
	cell      // td or th
)

func traitsOf(a atom.Atom) traits {
	switch a {
	case atom.Html:
		return special | scope | table | tableBody | row
	case atom.Table:
		return special | scope | table
	case atom.Tbody, atom.Thead, atom.Tfoot:
		return special | tableBody | section
	case atom.Tr:
		return special | row
	case atom.Td, atom.Th:
		return special | scope | cell
	case atom.Applet, atom.Caption, atom.Marquee, atom.Object, atom.Select:
		return special | scope
	case atom.Address, atom.Div:
		return special | plainBlock
	case atom.P:
		return special | plainBlock | implied
	case atom.Dd, atom.Dt, atom.Li:
		return special | implied
	case atom.Optgroup, atom.Option, atom.Rb, atom.Rp, atom.Rt, atom.Rtc:
		return implied
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return special | heading
	case atom.Ol, atom.Ul:
		return special | list
	case atom.Button:
		return special | button
	case atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Center, atom.Colgroup, atom.Details, atom.Dir,
		atom.Dl, atom.Fieldset, atom.Figcaption, atom.Figure, atom.Footer, atom.Form, atom.Head, atom.Header,
		atom.Hgroup, atom.Listing, atom.Main, atom.Menu, atom.Nav, atom.Noscript, atom.Pre, atom.Section, atom.Summary:
		return special
	}
	return 0 // void elements and those of raw text are never on the stack
}
