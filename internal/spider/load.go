package spider

import (
	"context"
	"errors"

	starjson "go.starlark.net/lib/json"
	starmath "go.starlark.net/lib/math"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dialect is the Starlark that spiders are written in. Loops are over things
// that end; recursion is off, so calls end too.
func dialect() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}
}

// load parses, checks and executes the source.
func (s *Spider) load(src string) error {
	file, err := dialect().Parse(s.file, src, 0)
	if err != nil {
		return s.syntaxErrors(src, err)
	}
	if err := s.check(file); err != nil {
		return err
	}
	rewrite(file)
	env := s.predeclared()
	prog, err := starlark.FileProgram(file, env.Has)
	if err != nil {
		return s.syntaxErrors(src, err)
	}
	err = s.call(context.Background(), "loading the spider", nil, func(thread *starlark.Thread) error {
		s.globals, err = prog.Init(thread, env)
		return err
	})
	if err != nil {
		return err
	}
	s.globals.Freeze()
	s.fnNames = make(map[*starlark.Function]string)
	for _, name := range s.globals.Keys() {
		if fn, ok := s.globals[name].(*starlark.Function); ok {
			if _, dup := s.fnNames[fn]; !dup || fn.Name() == name {
				s.fnNames[fn] = name
			}
		}
	}
	return s.readGlobals()
}

// predeclared returns the names that every spider finds, besides those of the
// language.
func (s *Spider) predeclared() starlark.StringDict {
	env := starlark.StringDict{
		"re":   s.reModule(),
		"url":  urlModule(),
		"json": starjson.Module,
		"math": starmath.Module,
		"time": startime.Module,
		"num":  starlark.NewBuiltin("num", numBuiltin),
		"cut":  starlark.NewBuiltin("cut", cutBuiltin),

		"threads":   starlark.NewBuiltin("threads", threadsBuiltin),
		"processes": starlark.NewBuiltin("processes", processesBuiltin),

		hiddenFields: starlark.NewBuiltin("page.item", fieldsBuiltin),
		hiddenArgs:   starlark.NewBuiltin("args", s.argsBuiltin),
	}
	env.Freeze()
	return env
}

// parseFn returns the function that a request names; "" is parse.
func (s *Spider) parseFn(name string) (*starlark.Function, error) {
	if name == "" {
		name = "parse"
	}
	fn, ok := s.globals[name].(*starlark.Function)
	if !ok {
		return nil, &Error{Place: s.file, Msg: "there is no function " + name + " to parse this page with"}
	}
	return fn, nil
}

// placed puts an error at a position of the spider.
func (s *Spider) placed(pos syntax.Position, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Place: s.place(pos), Msg: err.Error()}
}
