package main

import "context"

// children are what this program can be in place of the benchmark, by its
// first argument.
var children = map[string]func(ctx context.Context, args []string) error{
	"frontier-cycle": frontierCycle,
	"frontier-load":  frontierLoad,
	"frontier-open":  frontierOpen,
	"parse":          parse,
	"serve":          serve,
}
