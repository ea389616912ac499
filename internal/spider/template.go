package spider

import "strings"

// template is what [Template] fills in: a spider that runs as it is.
const template = `# NAME: what it collects, and from where.
# Try it:  trawl run NAME.star

name  = "NAME"
match = ["https://example.com/*"]
args  = {"pages": 1}  # trawl run NAME.star -a pages=3
start = ["https://example.com/list?page=%d" % n for n in range(1, args.pages + 1)]

def parse(page):
    # Every link of the list, parsed by the function below.
    for a in page.css(".list a"):
        page.follow(a.href, parse_entry)

    # The next page of the list; on the last one this follows nothing.
    page.follow(page.css("a.next").href)

def parse_entry(page):
    page.item(
        title   = page.css("h1").text,
        date    = page.css("time").attr("datetime"),
        views   = num(page.css(".views").text),
        address = page.url,
        picture = page.save(page.css(".main img").src, "{title}.jpg"),
    )
`

// Template returns the source of a new spider of that name, for its author to
// change. The name must be one that a spider can have.
func Template(name string) []byte {
	return []byte(strings.ReplaceAll(template, "NAME", name))
}
