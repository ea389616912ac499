package spider

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// Authors come from Python, and what Starlark says of Python that it does not
// have is terse: "got try, want primary expression". The tables here say
// what to write instead. The order matters: the first row that fits is taken.

// A syntaxRule translates what the parser or the resolver says.
type syntaxRule struct {
	msg  *regexp.Regexp // what they say
	line *regexp.Regexp // the line they say it of; nil is any. Its first group, or the whole, is the place
	text string         // what is wrong, in our words; "" keeps theirs
	hint string
}

var syntaxRules = []syntaxRule{
	{rx(`got try,`), nil, "there is no try", "what is not found is empty and can be tested with if; an error inside page.item(…) drops that item only"},
	{rx(`got (except|finally),`), nil, "there is no try", "what is not found is empty and can be tested with if"},
	{rx(`got raise,`), nil, "there is no raise", `write fail("what is wrong")`},
	{rx(`got class,`), nil, "there are no classes", "write functions and dicts"},
	{rx(`got (import|from),`), nil, "there is no import", "re, url, json, math, time, num and cut are there without it"},
	{rx(`got with,`), nil, "there is no with", "a spider opens no files; page.save saves them"},
	{rx(`got yield,`), nil, "there is no yield", "page.item and page.follow need none; a function returns a list"},
	{rx(`got (async|await),`), nil, "there is no async", "pages are fetched and parsed in parallel without it"},
	{rx(`got (global|nonlocal),`), nil, "there is no global", "what the top level made cannot change while pages are parsed; hand values on with meta="},
	{rx(`got del,`), nil, "there is no del", "d.pop(key) takes something out of a dict"},
	{rx(`got is,`), rx(`\bis\b`), "there is no is", "write ==, or if not x"},
	{rx(`got '\*\*', want primary`), rx(`\*\*`), "a dict cannot be unpacked here", "write a | b to join two dicts"},
	{rx(`got '\*\*',`), rx(`\*\*`), "there is no **", "write x * x, or math.pow(x, y)"},
	{rx(`got '\*', want primary`), rx(`\*`), "a list cannot be unpacked here", "write x[0] and x[1:] to take it apart, a + b to join two"},
	{rx(`does not associate`), nil, "comparisons cannot be chained", "write a < b and b < c"},
	{rx(`got ':', want`), rx(`:=`), "there is no :=", "assign on a line of its own"},
	{rx(`got ':', want`), rx(`^\s*def\b[^(]*\([^:]*(:)`), "there are no type hints", "leave them out"},
	{rx(`got '-', want ':'`), rx(`->`), "there are no type hints", "leave them out"},
	{rx(`got ':', want newline`), rx(`^\s*\w+(:)`), "there are no type hints", "leave them out"},
	{rx(`got ':', want newline`), rx(`^\s*(match)\b`), "there is no match", "write if and elif"},
	{rx(`got string literal,`), rx(`\b([fF][rR]?|[rR][fF])["']`), "there are no f-strings", `write "%s" % x or "{}".format(x)`},
	{rx(`got string literal,`), rx(`\b[uU]["']`), `there is no u"…"`, "every string is Unicode; leave the u out"},
	{rx(`got string literal,`), rx(`^\s*(print)\b`), "print is a function", "write print(…)"},
	{rx(`got string literal,`), rx(`["']\s+["']`), "strings side by side are not joined", "write + between them"},
	{rx(`got identifier,`), rx(`^\s*(assert)\b`), "there is no assert", `write if not x: fail("what is wrong")`},
	{rx(`got identifier,`), rx(`^\s*(match)\b`), "there is no match", "write if and elif"},
	{rx(`got identifier,`), rx(`\b\d+_\d`), "numbers have no underscores", "write 1000 for 1_000"},
	{rx(`does not support while`), nil, "there is no while", "write for … in range(n), with break where it ends"},
	{rx(`got for, want`), rx(`\bfor\b`), "there are no generator expressions", "write a list: [… for … in …]"},
	{rx(`got else, want primary`), nil, "for has no else", "set a variable before break"},
	{rx(`character '@'`), nil, "there are no decorators", "leave it out"},
	{rx(`character '!'`), nil, "", "write not x, or a != b"},
	{rx(`got '&', want primary`), rx(`&&`), "there is no &&", "write and"},
	{rx(`got '\|', want primary`), rx(`\|\|`), "there is no ||", "write or"},
	{rx(`got newline, want primary`), rx(`\+\+|--`), "there is no ++", "write n += 1"},
	{rx("input character '[\u2018-\u201f\u3000-\u303f\uff00-\uffef]'"), nil, "", "this is a full-width character; write the plain one"},
	{rx(`without else clause`), nil, "", "write a if test else b"},
	{rx(`got newline, want ':'`), nil, "", "a line that opens a block ends in a colon"},
	{rx(`want indent`), nil, "", "the lines of a block are indented"},
	{rx(`invalid escape sequence`), nil, "", `write r"…" for a regular expression`},
	{rx(`got ',', want ':'`), rx(`\{`), "there are no set literals", "write set([a, b])"},
	{rx(`got '\.', want primary`), rx(`\.\.\.`), "there is no ...", "write pass"},
	{rx(`octal literal`), nil, "", "leave the leading zero out"},
}

// foreignGlobals are names that Python, or what one imports there, has.
var foreignGlobals = map[string]string{
	"sum":           "add up in a loop",
	"map":           "write [f(x) for x in list]",
	"filter":        "write [x for x in list if test]",
	"round":         "math.round(x) rounds to a whole number, math.round(x * 100) / 100 to two places",
	"pow":           "write math.pow(x, y)",
	"divmod":        "write x // y and x % y",
	"isinstance":    `write type(x) == "string"`,
	"ord":           `write list("a".codepoint_ords())[0]`,
	"chr":           "write the character itself",
	"open":          "a spider opens no files; page.save saves them",
	"input":         "write args = {…}, and give values with -a",
	"iter":          "write for x in list",
	"next":          "write list[0]",
	"format":        `write "%s" % x`,
	"requests":      "the page is fetched already; page.follow(url) fetches another",
	"urllib":        "the page is fetched already; url.join and url.quote are in url",
	"BeautifulSoup": "the page is parsed already; write page.css(…)",
	"soup":          "the page is parsed already; write page.css(…)",
	"etree":         "the page is parsed already; write page.xpath(…)",
	"response":      "the page is the parameter of parse(page)",
	"urljoin":       "write url.join(base, link); .href and .src are absolute already",
	"os":            "url.ext and url.stem split the name of a file",
	"sys":           "a spider cannot reach the system",
	"datetime":      "the module is time",
	"random":        "a spider gives the same for the same page",
	"scrapy":        "write def parse(page), page.item(…) and page.follow(…)",
	"self":          "there are no classes",
	"null":          "write None",
	"true":          "write True",
	"false":         "write False",
	"none":          "write None",
	"__name__":      "leave it out: trawl calls parse(page)",
	"Exception":     `write fail("what is wrong")`,
	"struct":        "write a dict",
	"page":          "the page is the parameter of parse(page); hand it on to other functions",
}

var undefinedName = rx(`^undefined: ([^\s(]+)`)

// syntaxHint translates what the parser or the resolver says of a line. It
// returns the column, what is wrong if that can be said better, and what to
// write instead.
func syntaxHint(line string, col int, msg string) (at int, text, hint string) {
	if m := undefinedName.FindStringSubmatch(msg); m != nil {
		return col, "", foreignGlobals[m[1]]
	}
	for _, rule := range syntaxRules {
		if !rule.msg.MatchString(msg) {
			continue
		}
		if rule.line == nil {
			return col, rule.text, rule.hint
		}
		if loc := rule.line.FindStringSubmatchIndex(line); loc != nil {
			from := loc[0]
			if len(loc) > 2 && loc[2] >= 0 {
				from = loc[2]
			}
			return utf8.RuneCountInString(line[:from]) + 1, rule.text, rule.hint
		}
	}
	return col, "", ""
}

// A runtimeRule explains an error that was met while a spider ran.
type runtimeRule struct {
	msg  *regexp.Regexp
	text string // what is wrong, in our words, with $1; "" keeps theirs
	hint string
}

const (
	hintNum  = "num(s) finds the number in a text, and gives None if there is none"
	hintMeta = "what the top level made cannot change while pages are parsed; put it into the item, or hand it on with meta="
)

var runtimeRules = []runtimeRule{
	{rx(`^int: invalid literal with base \d+: (.*)$`), `int: "$1" is not a whole number`, hintNum},
	{rx(`^float: empty string$`), `float: "" is not a number`, hintNum},
	{rx(`^(?:float: )?invalid float literal: (.*)$`), `float: "$1" is not a number`, hintNum},
	{rx(`^unknown conversion %[.\d]`), "%.2f and %5d are not supported", "math.round(x * 100) / 100 rounds to two places"},
	{rx(`format spec features not supported`), "", "math.round(x * 100) / 100 rounds to two places"},
	{rx(`^%d format requires integer`), "", "write %s for a text, or num(s) for the number in it"},
	{rx(`^string value is not iterable$`), "a string cannot be gone through", "write s.codepoints() for its characters"},
	{rx(`called recursively$`), "", "a function cannot call itself; go through a list, or page.follow"},
	{rx(`^NoneType has no \.(\w+) `), "None has no .$1", "test the value with if first"},
	{rx(`^string has no \.(?:encode|decode) `), "", "strings are text already; write encoding = \"gbk\" at the top if the page is read wrongly"},
	{rx(`^unknown binary op: .*NoneType`), "", "one side is None: test it with if, or write num(s, 0)"},
	{rx(`^unknown binary op: (?:string \+ (?:int|float)|(?:int|float) \+ string)$`), "", `write "%s%s" % (a, b), or str(n)`},
	{rx(`string (?:<|<=|>|>=) (?:int|float) not implemented|(?:int|float) (?:<|<=|>|>=) string not implemented`), "", "write num(s) to compare a text with a number"},
	{rx(`index \S+ out of range`), "", "test the list with if first; .text, .href and .attr(…) need no index"},
	{rx(`^key ("[^"]*") not in `), "", "get($1) gives None instead"},
	{rx(`^selection index: got string`), "a selection is indexed by number", `write .attr("name") for an attribute`},
	{rx(`index operation builtin_function_or_method\[`), "", "put () after a method: page.json()[…]"},
	{rx(`frozen (?:list|dict|hash table|set)`), "", hintMeta},
	{rx(`^can't assign to \.(\w+) field of (\w+)`), "", "pages and selections cannot be changed"},
	{rx(`^module has no \.compile `), "there is no re.compile", "write re.search(pattern, text); patterns are compiled once anyway"},
	{rx(`^module has no \.finditer `), "there is no re.finditer", "write re.findall(pattern, text)"},
	{rx(`^load not implemented`), "there is no load", "a spider is one file"},
	{rx(`^module has no \.sleep `), "there is no time.sleep", "write delay = 0.5 at the top"},
}

// runtimeHint says what to do about an error; "" if there is nothing to say.
func runtimeHint(msg string) string {
	for _, rule := range runtimeRules {
		if loc := rule.msg.FindStringSubmatchIndex(msg); loc != nil {
			return string(rule.msg.ExpandString(nil, rule.hint, msg, loc))
		}
	}
	return ""
}

// plainMessage says what is wrong in our words where we have better ones.
func plainMessage(msg string) string {
	for _, rule := range runtimeRules {
		if loc := rule.msg.FindStringSubmatchIndex(msg); loc != nil && rule.text != "" {
			return string(rule.msg.ExpandString(nil, rule.text, msg, loc))
		}
	}
	return msg
}

// foreignAttrs are attributes that pages and selections have in other
// libraries.
var foreignAttrs = map[string]string{
	"get": ".text", "getall": ".texts", "extract": ".texts", "extract_first": ".text",
	"get_text": ".text", "getText": ".text", "string": ".text", "strings": ".texts",
	"text_content": ".text", "innerText": ".text", "inner_text": ".text", "strip": ".text",
	"select": "css(…)", "select_one": "css(…)", "find": "css(…)", "find_all": "css(…)", "findAll": "css(…)", "cssselect": "css(…)", "query_selector": "css(…)",
	"attrs": `.attr("name")`, "attrib": `.attr("name")`, "get_attribute": `.attr("name")`,
	"first": "[0]", "parent": `xpath("..")`, "children": `xpath("./*")`, "next_sibling": `xpath("./following-sibling::*[1]")`,
	"outerHTML": ".html", "content": "page.text", "body": "page.text",
	"headers": `page.header("Name")`, "status_code": "page.status",
	"urljoin": "url.join(page.url, link); .href and .src are absolute already",
	"links":   `[a.href for a in page.css("a")]`, "request": "page.meta",
}

// noAttr is the error for an attribute that a page or a selection lacks.
func noAttr(of, name string) error {
	if instead, ok := foreignAttrs[name]; ok {
		return fmt.Errorf("%s has no .%s; write %s", of, name, instead)
	}
	return starlark.NoSuchAttrError(fmt.Sprintf("%s has no .%s", of, name))
}

func rx(expr string) *regexp.Regexp { return regexp.MustCompile(expr) }
