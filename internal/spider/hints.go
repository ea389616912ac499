package spider

import (
	"regexp"
	"strings"
)

func syntaxHint(line string, col int, msg string) (int, string, string) { return col, "", "" }

func runtimeHint(msg string) string  { return "" }
func plainMessage(msg string) string { return msg }
func foreignName(name string) string { return "" }

var _ = regexp.MustCompile
var _ = strings.Cut
