package spider_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/spider"
)

// TestManual loads the spiders of the manual for authors and checks that it
// mentions every name.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../docs/spiders.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(text)
	whole := 0
	for _, block := range regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(manual, -1) {
		if strings.Contains(block[1], "def parse(page)") {
			whole++
			if _, err := spider.Load("manual.star", []byte(block[1]), nil); err != nil {
				t.Errorf("%v in\n%s", err, block[1])
			}
		}
	}
	if whole < 3 {
		t.Errorf("%d whole spiders in the manual, want 3 or more", whole)
	}
	for _, name := range strings.Fields(`page.css page.xpath page.item page.follow page.save page.url page.text page.status
		page.header page.json page.meta .text .texts .attr( .href .src .html .name .css( .xpath(
		re.search re.match re.fullmatch re.findall re.split re.sub re.escape m.group m.groups m.start m.end
		url.join url.parse url.name url.stem url.ext url.quote url.unquote num( cut( threads( processes(
		json.decode json.encode math. time.`) {
		if !strings.Contains(manual, "`"+name) {
			t.Errorf("the manual does not mention %s", name)
		}
	}
	for _, name := range strings.Fields("parse name start match hosts args headers encoding delay per_host producers consumers workers page_queue file_queue output") {
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + name + "`").MatchString(manual) {
			t.Errorf("the manual has no row for %s", name)
		}
	}
}
