package spider

import (
	"errors"

	"go.starlark.net/syntax"
)

// check finds mistakes that can be seen without running: selectors and
// regular expressions that are written out and malformed, and items whose
// fields have no names.
func (s *Spider) check(file *syntax.File) error {
	var errs []error
	report := func(pos syntax.Position, err error) {
		e := &Error{Place: s.place(pos), Msg: err.Error()}
		e.Hint = runtimeHint(e.Msg)
		errs = append(errs, e)
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok {
			return true
		}
		dot, ok := call.Fn.(*syntax.DotExpr)
		if !ok {
			return true
		}
		if dot.Name.Name == "item" {
			for _, arg := range call.Args {
				if !isNamedArg(arg) {
					pos, _ := arg.Span()
					report(pos, errItemArgs)
					break
				}
			}
		}
		if len(call.Args) == 0 {
			return true
		}
		lit, ok := call.Args[0].(*syntax.Literal)
		if !ok || lit.Token != syntax.STRING {
			return true
		}
		if err := s.checkLiteral(dot, lit.Value.(string)); err != nil {
			report(lit.TokenPos, err)
		}
		return true
	})
	return errors.Join(errs...)
}

func (s *Spider) checkLiteral(dot *syntax.DotExpr, text string) error {
	switch dot.Name.Name {
	case "css":
		return s.selectors.CheckCSS(text)
	case "xpath":
		return s.selectors.CheckXPath(text)
	}
	if id, ok := dot.X.(*syntax.Ident); ok && id.Name == "re" && dot.Name.Name != "escape" {
		_, err := s.patterns.get(text)
		return err
	}
	return nil
}

// isNamedArg tells whether an argument is k=v or **d.
func isNamedArg(arg syntax.Expr) bool {
	switch arg := arg.(type) {
	case *syntax.BinaryExpr:
		return arg.Op == syntax.EQ
	case *syntax.UnaryExpr:
		return arg.Op == syntax.STARSTAR
	}
	return false
}
