// Command colly does the benchmark's work with Colly, as its documentation
// shows it.
//
//	colly pictures BASE PAGES JOBS OUT    the pictures of galleries
//	colly films BASE PAGES JOBS OUT       the records of pages of films, to OUT/films.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/gocolly/colly/v2"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "colly:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("%d arguments, want WORK BASE PAGES JOBS OUT", len(args))
	}
	base, out := args[1], args[4]
	pages, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	jobs, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	c := colly.NewCollector(colly.Async(true))
	if err := c.Limit(&colly.LimitRule{DomainGlob: "*", Parallelism: jobs}); err != nil {
		return err
	}
	var first failure
	c.OnError(func(r *colly.Response, err error) { first.note(fmt.Errorf("%s: %w", r.Request.URL, err)) })
	switch args[0] {
	case "pictures":
		err = pictures(c, &first, base, pages, out)
	case "films":
		err = films(c, &first, base, pages, out)
	default:
		err = fmt.Errorf("no work %q", args[0])
	}
	if err != nil {
		return err
	}
	return first.err
}

// A failure keeps the first error of many goroutines.
type failure struct {
	once sync.Once
	err  error
}

func (f *failure) note(err error) {
	if err != nil {
		f.once.Do(func() { f.err = err })
	}
}

func pictures(c *colly.Collector, first *failure, base string, pages int, out string) error {
	c.OnXML(`//div[@class="page-content text-center"]//img[@class!="gif"]`, func(e *colly.XMLElement) {
		first.note(e.Request.Visit(e.Attr("data-original")))
	})
	c.OnResponse(func(r *colly.Response) {
		if !strings.HasSuffix(r.Request.URL.Path, ".jpg") {
			return
		}
		name := filepath.Join(out, filepath.FromSlash(r.Request.URL.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			first.note(err)
			return
		}
		first.note(r.Save(name))
	})
	for n := 1; n <= pages; n++ {
		if err := c.Visit(fmt.Sprintf("%s/g/%d.html", base, n)); err != nil {
			return err
		}
	}
	c.Wait()
	return nil
}

type film struct {
	Rank   int     `json:"rank"`
	Title  string  `json:"title"`
	Rating float64 `json:"rating"`
	Votes  int     `json:"votes"`
	Quote  string  `json:"quote,omitempty"`
	Link   string  `json:"link"`
}

var digits = regexp.MustCompile(`[0-9]+`)

func films(c *colly.Collector, first *failure, base string, pages int, out string) (err error) {
	f, err := os.Create(filepath.Join(out, "films.jsonl"))
	if err != nil {
		return err
	}
	var mu sync.Mutex // guards w, enc
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	c.OnHTML("ol.grid_view > li", func(e *colly.HTMLElement) {
		var x film
		var err error
		if x.Rank, err = strconv.Atoi(e.ChildText("em")); err != nil {
			first.note(err)
			return
		}
		x.Title = e.DOM.Find("span.title").First().Text()
		if x.Rating, err = strconv.ParseFloat(e.ChildText(".rating_num"), 64); err != nil {
			first.note(err)
			return
		}
		votes := e.DOM.Find("span:contains('人评价')").First().Text()
		if x.Votes, err = strconv.Atoi(digits.FindString(votes)); err != nil {
			first.note(err)
			return
		}
		x.Quote = e.ChildText("p.quote span")
		x.Link = e.ChildAttr(".hd a", "href")
		mu.Lock()
		defer mu.Unlock()
		first.note(enc.Encode(&x))
	})
	for n := 1; n <= pages; n++ {
		if err := c.Visit(fmt.Sprintf("%s/list/%d", base, n)); err != nil {
			return err
		}
	}
	c.Wait()
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
