package spider_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/spider"
)

// inParse puts lines into a parse function, where they start at line 2,
// column 5.
func inParse(lines string) string {
	return "def parse(page):\n    " + strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n    ") + "\n"
}

// TestPythonHabits checks what an author from Python is told.
func TestPythonHabits(t *testing.T) {
	tests := []struct {
		name string
		src  string
		want string // of the error, up to its end or not
	}{
		{"try", inParse("try:\n    x = 1\nexcept:\n    pass"), "test.star:2:5: there is no try; what is not found is empty and can be tested with if"},
		{"except", inParse("x = 1\nexcept:\n    pass"), "test.star:3:5: there is no try"},
		{"raise", inParse(`raise ValueError("x")`), `test.star:2:5: there is no raise; write fail("what is wrong")`},
		{"class", "class Spider:\n    pass\n", "test.star:1:1: there are no classes; write functions and dicts"},
		{"import", "import re\n", "test.star:1:1: there is no import; re, url, json"},
		{"from import", "from urllib.parse import urljoin\n", "test.star:1:1: there is no import"},
		{"with", inParse(`with open("x") as f:` + "\n    pass"), "test.star:2:5: there is no with; a spider opens no files"},
		{"yield", inParse("yield 1"), "test.star:2:5: there is no yield; page.item and page.follow need none"},
		{"async", "async def parse(page):\n    pass\n", "test.star:1:1: there is no async; pages are fetched and parsed in parallel"},
		{"await", inParse("await x"), "test.star:2:5: there is no async"},
		{"global", inParse("global n"), "test.star:2:5: there is no global; what the top level made cannot change"},
		{"nonlocal", inParse("nonlocal n"), "test.star:2:5: there is no global"},
		{"del", inParse(`del d["x"]`), "test.star:2:5: there is no del; d.pop(key)"},
		{"is", inParse("if page is None: pass"), "test.star:2:13: there is no is; write ==, or if not x"},
		{"is not", inParse("if page is not None: pass"), "test.star:2:13: there is no is"},
		{"power", inParse("x = 2 ** 3"), "test.star:2:11: there is no **; write x * x, or math.pow(x, y)"},
		{"chained comparison", inParse("if 1 < 2 < 3: pass"), "test.star:2:15: comparisons cannot be chained; write a < b and b < c"},
		{"walrus", inParse("if (n := 3): pass"), "test.star:2:11: there is no :=; assign on a line of its own"},
		{"type hint", "def parse(page: Page):\n    pass\n", "test.star:1:15: there are no type hints; leave them out"},
		{"return type", "def parse(page) -> None:\n    pass\n", "test.star:1:17: there are no type hints"},
		{"variable type", "n: int = 3\n", "test.star:1:2: there are no type hints"},
		{"f-string", inParse(`x = f"{page.url}"`), `test.star:2:9: there are no f-strings; write "%s" % x or "{}".format(x)`},
		{"raw f-string", inParse(`x = rf"{page.url}"`), `test.star:2:9: there are no f-strings`},
		{"unicode string", inParse(`x = u"鱼"`), `test.star:2:9: there is no u"…"; every string is Unicode`},
		{"print statement", inParse(`print "x"`), "test.star:2:5: print is a function; write print(…)"},
		{"adjacent strings", inParse(`x = "a" "b"`), "test.star:2:11: strings side by side are not joined; write + between them"},
		{"assert", inParse("assert page"), `test.star:2:5: there is no assert; write if not x: fail("what is wrong")`},
		{"match", inParse("match x:\n    case 1: pass"), "test.star:2:5: there is no match; write if and elif"},
		{"underscore in number", "n = 1_000\n", "test.star:1:5: numbers have no underscores; write 1000 for 1_000"},
		{"while", inParse("while True:\n    pass"), "test.star:2:5: there is no while; write for … in range(n)"},
		{"generator", inParse("x = max(y for y in [1])"), "test.star:2:15: there are no generator expressions; write a list"},
		{"for else", inParse("for x in []:\n    pass\nelse:\n    pass"), "test.star:4:5: for has no else; set a variable before break"},
		{"decorator", "@cached\ndef parse(page): pass\n", "test.star:1:1: there are no decorators; leave it out"},
		{"not as !", inParse("if !page: pass"), "test.star:2:8: unexpected input character '!'; write not x, or a != b"},
		{"and as &&", inParse("if page && page: pass"), "test.star:2:13: there is no &&; write and"},
		{"or as ||", inParse("if page || page: pass"), "test.star:2:13: there is no ||; write or"},
		{"increment", inParse("n++"), "test.star:2:6: there is no ++; write n += 1"},
		{"full-width bracket", inParse("x = max（1)"), "test.star:2:12: unexpected input character '（'; this is a full-width character"},
		{"full-width quote", inParse("x = “a”"), "test.star:2:9: unexpected input character '“'; this is a full-width character"},
		{"if without else", inParse("x = 1 if page"), "test.star:2:11: conditional expression without else clause; write a if test else b"},
		{"missing colon", inParse("if page\n    pass"), "test.star:2:12: got newline, want ':'; a line that opens a block ends in a colon"},
		{"not indented", "def parse(page):\nreturn\n", "want indent; the lines of a block are indented"},
		{"escape", `x = "\d+"` + "\n", `invalid escape sequence \d; write r"…" for a regular expression`},
		{"set literal", inParse("x = {1, 2}"), "test.star:2:9: there are no set literals; write set([a, b])"},
		{"starred assignment", inParse("a, *b = [1, 2]"), "test.star:2:8: a list cannot be unpacked here"},
		{"list unpacking", inParse("x = [*y]"), "test.star:2:10: a list cannot be unpacked here; write x[0] and x[1:] to take it apart, a + b to join two"},
		{"dict unpacking", inParse("x = {**y}"), "test.star:2:10: a dict cannot be unpacked here; write a | b to join two dicts"},
		{"ellipsis", inParse("..."), "test.star:2:5: there is no ...; write pass"},
		{"sum", inParse("x = sum([1])"), "test.star:2:9: undefined: sum; add up in a loop"},
		{"map", inParse("x = map(str, [1])"), "undefined: map; write [f(x) for x in list]"},
		{"filter", inParse("x = filter(None, [1])"), "undefined: filter; write [x for x in list if test]"},
		{"round", inParse("x = round(2.567, 2)"), "undefined: round; math.round(x) rounds"},
		{"isinstance", inParse("x = isinstance(1, int)"), `undefined: isinstance; write type(x) == "string"`},
		{"open", inParse(`x = open("f")`), "undefined: open; a spider opens no files"},
		{"requests", inParse(`r = requests.get("x")`), "undefined: requests; the page is fetched already"},
		{"null", "x = null\n", "undefined: null; write None"},
		{"main", "if __name__ == \"__main__\":\n    pass\n", "undefined: __name__; leave it out"},
		{"misspelt", "def parse(page):\n    titel = 1\n    return title\n", "undefined: title (did you mean titel?)"},

		{"%.2f", inParse(`x = "%.2f" % 1.0`), "test.star:2:16: %.2f and %5d are not supported; math.round(x * 100) / 100"},
		{"{:.2f}", inParse(`x = "{:.2f}".format(1.0)`), "math.round(x * 100) / 100 rounds"},
		{"%d of a text", inParse(`x = "%d" % "a"`), "write %s for a text, or num(s)"},
		{"int of a text", inParse(`x = int("12 人")`), `test.star:2:12: int: "12 人" is not a whole number; num(s) finds`},
		{"float of nothing", inParse(`x = float("")`), `test.star:2:14: float: "" is not a number; num(s) finds`},
		{"characters", inParse(`for c in "鱼": pass`), "a string cannot be gone through; write s.codepoints()"},
		{"recursion", "def f(n):\n    return f(n)\n" + inParse("f(1)"), "function f called recursively; a function cannot call itself"},
		{"None", inParse(`num("").x`), "None has no .x; test the value with if first"},
		{"encode", inParse(`"a".encode("utf-8")`), "string has no .encode field or method; strings are text already"},
		{"None in a sum", inParse(`x = num("") + 1`), "one side is None: test it with if, or write num(s, 0)"},
		{"string + int", inParse(`x = "a" + 1`), `unknown binary op: string + int; write "%s%s" % (a, b), or str(n)`},
		{"string < int", inParse(`x = "5" < 3`), "write num(s) to compare a text with a number"},
		{"index", inParse(`x = page.css("b")[0]`), "test.star:2:22: index 0 out of range: empty selection; test the list with if first"},
		{"key", inParse(`x = page.meta["n"]`), `key "n" not in meta; get("n") gives None instead`},
		{"bs4 attribute", inParse(`x = page.css("a")["href"]`), `a selection is indexed by number; write .attr("name")`},
		{"json without call", inParse(`x = page.json["a"]`), "put () after a method: page.json()[…]"},
		{"state", "seen = []\n" + inParse("seen.append(1)"), "cannot append to frozen list; what the top level made cannot change"},
		{"set a field", inParse("page.x = 1"), "can't assign to .x field of page; pages and selections cannot be changed"},
		{"re.compile", inParse(`x = re.compile("a")`), "there is no re.compile; write re.search(pattern, text)"},
		{"load", `load("x.star", "y")` + "\n" + inParse("pass"), "there is no load; a spider is one file"},
		{"sleep", inParse("time.sleep(1)"), "there is no time.sleep; write delay = 0.5 at the top"},
		{"lookahead", inParse(`x = re.search("a(?=b)", "ab")`), `test.star:2:19: re: pattern "a(?=b)": (?=…) is not supported; match more and take a group of it`},
		{"backreference", inParse(`x = re.search(r"(a)\1", "ab")`), `\1 in a pattern is not supported`},
		{"scrapy get", inParse(`x = page.css("a").get()`), "selection has no .get; write .text"},
		{"bs4 select", inParse(`x = page.select("a")`), "page has no .select; write css(…)"},
		{"bs4 attrs", inParse(`x = page.css("a").attrs`), `selection has no .attrs; write .attr("name")`},
		{"misspelt attribute", inParse(`x = page.css("a").texst`), "selection has no .texst (did you mean .text?)"},
		{"follow a call", inParse(`page.follow("/x", parse(page))`), ""},
		{"follow a lambda", inParse(`page.follow("/x", lambda p: p)`), "lambda is not a function at the top level of the spider"},
		{"follow a name", inParse(`page.follow("/x", "parse")`), "parse is a string; give the function itself, without brackets"},
		{"follow a selection", inParse(`page.follow(page.css("a"))`), "page.follow: url is a selection; write .href or .src"},
		{"meta with a selection", inParse(`page.follow("/x", meta = {"a": page.css("a")})`), "page.follow: meta: it holds a selection; write .text"},
		{"bad css", inParse(`x = page.css("a[")`), `test.star:2:18: css "a[": `},
		{"css :is", inParse(`x = page.css(":is(a, b)")`), "list the alternatives with commas"},
		{"css > a", inParse(`x = page.css("> a")`), `a selector cannot start with >; use xpath("./name") for children`},
		{"bad xpath", inParse(`x = page.xpath("//a[")`), `test.star:2:20: xpath "//a[": `},
		{"positional item", inParse(`page.item(page.url)`), "test.star:2:15: page.item: the fields of an item need names"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := tt.src
			if !strings.Contains(src, "def parse") {
				src += "def parse(page): pass\n"
			}
			s, err := spider.Load("test.star", []byte(src), nil)
			if err == nil {
				_, err = s.Parse(context.Background(), html("<title>x</title>"))
			}
			if err == nil {
				t.Fatalf("no error, want %q", tt.want)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error\n%v\nwant\n%s", err, tt.want)
			}
			var e *spider.Error
			if !errors.As(err, &e) || !strings.HasPrefix(e.Place, "test.star:") {
				t.Errorf("error %#v has no place", err)
			}
			if strings.Contains(err.Error(), ".go:") || strings.Contains(err.Error(), "Starlark dialect") {
				t.Errorf("error shows our insides: %v", err)
			}
		})
	}
}
