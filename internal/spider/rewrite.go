package spider

import (
	"errors"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Starlark has no try. Yet an item that fails must not take its page with it,
// and most failures happen while the arguments of page.item are evaluated:
// int("") raises before page.item is called. So the arguments of every call
// of a method named item are put into a function, after parsing and before
// the names are resolved:
//
//	page.item(rank = int(x))  becomes  page.item(lambda: <fields>(rank = int(x)))
//
// page.item calls the function and turns an error into a failed item. Every
// expression keeps its position, so messages name the right line and column.
//
// We refused the alternative, values that remember an error until page.item
// sees them: such a value is silently wrong in a condition, in a comparison
// and in "%s".
//
// The names cannot be written in a spider, as they are not identifiers.
const (
	hiddenFields = "<fields>"
	hiddenArgs   = "<args>"
)

// rewrite changes a syntax tree in place: the calls of page.item, and the
// assignments to args, whose defaults the values of -a replace.
func rewrite(file *syntax.File) {
	var items []*syntax.CallExpr
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && isMethod(call, "item") {
			items = append(items, call)
		}
		return true
	})
	for _, call := range items {
		fields := &syntax.CallExpr{
			Fn:     &syntax.Ident{NamePos: call.Lparen, Name: hiddenFields},
			Lparen: call.Lparen,
			Args:   call.Args,
			Rparen: call.Rparen,
		}
		call.Args = []syntax.Expr{&syntax.LambdaExpr{Lambda: call.Lparen, Body: fields}}
	}
	for _, assign := range argsAssignments(file.Stmts, nil) {
		pos, _ := assign.RHS.Span()
		assign.RHS = &syntax.CallExpr{
			Fn:     &syntax.Ident{NamePos: pos, Name: hiddenArgs},
			Lparen: pos,
			Args:   []syntax.Expr{assign.RHS},
			Rparen: pos,
		}
	}
}

// isMethod tells whether a call is written X.name(…).
func isMethod(call *syntax.CallExpr, name string) bool {
	dot, ok := call.Fn.(*syntax.DotExpr)
	return ok && dot.Name.Name == name
}

// argsAssignments returns the statements args = … at the top level and in its
// ifs.
func argsAssignments(stmts []syntax.Stmt, found []*syntax.AssignStmt) []*syntax.AssignStmt {
	for _, stmt := range stmts {
		switch stmt := stmt.(type) {
		case *syntax.AssignStmt:
			if id, ok := stmt.LHS.(*syntax.Ident); ok && id.Name == "args" && stmt.Op == syntax.EQ {
				found = append(found, stmt)
			}
		case *syntax.IfStmt:
			found = argsAssignments(stmt.False, argsAssignments(stmt.True, found))
		}
	}
	return found
}

// fields is what the hidden function makes of an item's arguments.
type fields struct {
	starlark.NoneType
	kwargs []starlark.Tuple
}

func fieldsBuiltin(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		return nil, errItemArgs // from *args; check refuses the others
	}
	return fields{kwargs: kwargs}, nil
}

var errItemArgs = errors.New("page.item: the fields of an item need names; write page.item(title = …)")
