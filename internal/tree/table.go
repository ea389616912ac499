package tree

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func (b *builder) inTable() bool {
	switch b.tok.kind {
	case end, doctype:
		return true
	case comment:
		b.addComment(b.top())
		return true
	case text:
		if strings.Trim(b.tok.data, space) == "" && b.open[len(b.open)-1].traits&(table|section|row) != 0 {
			b.addText(b.tok.data)
			return true
		}
	case startTag:
		switch b.tok.atom {
		case atom.Caption:
			b.closeTo(table)
			b.active = append(b.active, nil)
			b.push()
			b.mode = inCaption
			return true
		case atom.Colgroup:
			b.closeTo(table)
			b.push()
			b.mode = inColumnGroup
			return true
		case atom.Col:
			b.closeTo(table)
			b.imply(atom.Colgroup)
			b.mode = inColumnGroup
			return false
		case atom.Tbody, atom.Tfoot, atom.Thead:
			b.closeTo(table)
			b.push()
			b.mode = inTableBody
			return true
		case atom.Td, atom.Th, atom.Tr:
			b.closeTo(table)
			b.imply(atom.Tbody)
			b.mode = inTableBody
			return false
		case atom.Table:
			if b.close(atom.Table, table) {
				b.resetMode()
				return false
			}
			return true
		case atom.Style, atom.Script, atom.Template:
			return b.addMeta(b.top())
		case atom.Input:
			if hidden(b.tok.attr) {
				b.add(b.top())
				return true
			}
		case atom.Form:
			if b.form == nil {
				b.form = b.add(b.top())
			}
			return true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Table:
			if b.close(atom.Table, table) {
				b.resetMode()
			}
			return true
		case atom.Body, atom.Caption, atom.Col, atom.Colgroup, atom.Html, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr, atom.Template:
			return true
		}
	}
	b.odd = true // it belongs before the table
	return true
}

func hidden(attrs []html.Attribute) bool {
	for _, a := range attrs {
		if a.Key == "type" && strings.EqualFold(a.Val, "hidden") {
			return true
		}
	}
	return false
}

func (b *builder) inCaption() bool {
	if b.tok.kind == startTag || b.tok.kind == endTag {
		closes := false
		switch b.tok.atom {
		case atom.Caption:
			closes = true
		case atom.Col, atom.Colgroup, atom.Tbody, atom.Td, atom.Tfoot, atom.Thead, atom.Tr:
			if b.tok.kind == endTag {
				return true
			}
			closes = true
		case atom.Table:
			closes = b.tok.kind == endTag
		case atom.Body, atom.Html, atom.Th:
			if b.tok.kind == endTag {
				return true
			}
		}
		if closes {
			if !b.close(atom.Caption, table) {
				return true
			}
			b.clearActive()
			b.mode = inTable
			return b.tok.kind == endTag && b.tok.atom == atom.Caption
		}
	}
	return b.inBody()
}

func (b *builder) inColumnGroup() bool {
	if b.anywhere() {
		return true
	}
	switch b.tok.kind {
	case end:
		return true
	case text:
		if b.leading() {
			return true
		}
	case startTag:
		switch b.tok.atom {
		case atom.Col:
			b.add(b.top())
			return true
		case atom.Template:
			b.odd = true
			return true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Colgroup:
			if b.top().DataAtom == atom.Colgroup {
				b.pop()
				b.mode = inTable
			}
			return true
		case atom.Col, atom.Template:
			return true
		}
	}
	if b.top().DataAtom != atom.Colgroup {
		return true
	}
	b.pop()
	b.mode = inTable
	return false
}

func (b *builder) inTableBody() bool {
	leave := false
	switch b.tok.kind {
	case startTag:
		switch b.tok.atom {
		case atom.Tr:
			b.closeTo(tableBody)
			b.push()
			b.mode = inRow
			return true
		case atom.Td, atom.Th:
			b.closeTo(tableBody)
			b.imply(atom.Tr)
			b.mode = inRow
			return false
		case atom.Caption, atom.Col, atom.Colgroup, atom.Tbody, atom.Tfoot, atom.Thead:
			leave = true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Tbody, atom.Tfoot, atom.Thead:
			if b.find(b.tok.atom, table) >= 0 {
				b.closeTo(tableBody)
				b.pop()
				b.mode = inTable
			}
			return true
		case atom.Table:
			leave = true
		case atom.Body, atom.Caption, atom.Col, atom.Colgroup, atom.Html, atom.Td, atom.Th, atom.Tr:
			return true
		}
	}
	if !leave {
		return b.inTable()
	}
	i := b.inScope(section, table)
	if i < 0 {
		return true
	}
	b.open = b.open[:i]
	b.mode = inTable
	return false
}

func (b *builder) inRow() bool {
	leave := false
	switch b.tok.kind {
	case startTag:
		switch b.tok.atom {
		case atom.Td, atom.Th:
			b.closeTo(row)
			b.push()
			b.active = append(b.active, nil)
			b.mode = inCell
			return true
		case atom.Caption, atom.Col, atom.Colgroup, atom.Tbody, atom.Tfoot, atom.Thead, atom.Tr:
			leave = true
		}
	case endTag:
		switch b.tok.atom {
		case atom.Tr, atom.Table:
			leave = true
		case atom.Tbody, atom.Tfoot, atom.Thead:
			if b.find(b.tok.atom, table) < 0 {
				return true
			}
			leave = true
		case atom.Body, atom.Caption, atom.Col, atom.Colgroup, atom.Html, atom.Td, atom.Th:
			return true
		}
	}
	if !leave {
		return b.inTable()
	}
	if b.find(atom.Tr, table) < 0 {
		return true
	}
	b.closeTo(row)
	b.pop()
	b.mode = inTableBody
	return b.tok.kind == endTag && b.tok.atom == atom.Tr
}

func (b *builder) inCell() bool {
	switch b.tok.kind {
	case startTag:
		switch b.tok.atom {
		case atom.Caption, atom.Col, atom.Colgroup, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr:
			return !b.closeCell()
		}
	case endTag:
		switch b.tok.atom {
		case atom.Td, atom.Th:
			if b.close(b.tok.atom, table) {
				b.clearActive()
				b.mode = inRow
			}
			return true
		case atom.Body, atom.Caption, atom.Col, atom.Colgroup, atom.Html:
			return true
		case atom.Table, atom.Tbody, atom.Tfoot, atom.Thead, atom.Tr:
			if b.find(b.tok.atom, table) < 0 {
				return true
			}
			b.closeCell()
			b.mode = inRow
			return false
		}
	}
	return b.inBody()
}

// closeCell closes the cell, and reports whether there was one.
func (b *builder) closeCell() bool {
	i := b.inScope(cell, table)
	if i < 0 {
		return false
	}
	b.open = b.open[:i]
	b.clearActive()
	b.mode = inRow
	return true
}
