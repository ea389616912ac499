// Mzitu downloads the galleries of a list page on a pool of five threads, one
// gallery a task, as TITLE/1.jpg and so on in the directory given, by default
// ./mzitu. It runs on the replica of the site, on loopback.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/future"
	"github.com/trawl-go/trawl/internal/replica"
	"github.com/trawl-go/trawl/thread"
	"github.com/trawl-go/trawl/xpath"
)

func main() {
	if err := thread.Scope(context.Background(), start, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(ctx context.Context) error {
	site := replica.New(&replica.Options{Mzitu: replica.MzituOptions{Pages: 5, PerList: 8}})
	if err := site.Start(ctx); err != nil {
		return err
	}
	defer site.Close()
	client := site.Client()
	defer client.CloseIdleConnections()
	dir := "mzitu"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	return run(ctx, os.Stdout, client, dir)
}

func run(ctx context.Context, out io.Writer, client *http.Client, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // no title leads out of it
	if err != nil {
		return err
	}
	defer root.Close()
	s := &spider{client, root}
	galleries, err := s.galleries(ctx, "https://www.mzitu.com/page/1/")
	if err != nil {
		return err
	}

	pool := thread.NewPool(ctx, &thread.PoolOptions{Workers: 5, Name: "download"})
	defer pool.Close(ctx)
	var downloads []*future.Future[string]
	for _, url := range galleries {
		f, err := thread.Submit(ctx, pool, func(ctx context.Context) (string, error) {
			title, n, err := s.download(ctx, url)
			return fmt.Sprintf("%s: %s, %d pictures", thread.Current(ctx).Name(), title, n), err
		})
		if err != nil {
			return err
		}
		downloads = append(downloads, f)
	}
	// The notes' program forgets the futures, and with them every error.
	var failed []error
	for f, err := range future.AsCompleted(ctx, downloads...) {
		if err != nil {
			return err
		}
		line, err := f.TryResult()
		if err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintln(out, line)
	}
	return errors.Join(failed...)
}

var (
	links  = xpath.MustCompile(`//*[@class="postlist"]//li/span[1]/a/@href`, nil)
	total  = xpath.MustCompile(`string(//*[@class="pagenavi"]/a[last()-1]/span)`, nil)
	title  = xpath.MustCompile(`string(//h2)`, nil)
	source = xpath.MustCompile(`string(//div[@class="main-image"]//img/@src)`, nil)
)

type spider struct {
	client *http.Client
	dir    *os.Root
}

// galleries returns the addresses of the galleries on a list page.
func (s *spider) galleries(ctx context.Context, url string) (urls []string, err error) {
	doc, err := s.page(ctx, url)
	if err != nil {
		return nil, err
	}
	nodes, err := links.Nodes(ctx, doc.Root(), nil)
	for _, n := range nodes {
		urls = append(urls, n.String())
	}
	return urls, err
}

// download saves the pictures of a gallery and returns its title and their number.
func (s *spider) download(ctx context.Context, url string) (name string, n int, err error) {
	doc, err := s.page(ctx, url)
	if err != nil {
		return "", 0, err
	}
	name, err = title.EvalString(ctx, doc.Root(), nil)
	if err != nil {
		return "", 0, err
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.TrimSpace(name))
	pages := 1 // a gallery of one page has no navigation
	if text, err := total.EvalString(ctx, doc.Root(), nil); err != nil {
		return name, 0, err
	} else if n, err := strconv.Atoi(text); err == nil {
		pages = n
	}
	if err := s.dir.Mkdir(name, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		return name, 0, err
	}
	for i := 1; i <= pages; i++ {
		pageURL := url
		if i > 1 {
			pageURL = fmt.Sprintf("%s/%d", url, i)
			if doc, err = s.page(ctx, pageURL); err != nil {
				return name, n, err
			}
		}
		src, err := source.EvalString(ctx, doc.Root(), nil)
		if err != nil {
			return name, n, err
		}
		if err := s.save(ctx, src, pageURL, fmt.Sprintf("%s/%d.jpg", name, i)); err != nil {
			return name, n, err
		}
		n++
	}
	return name, n, nil
}

func (s *spider) page(ctx context.Context, url string) (*xpath.Doc, error) {
	body, err := s.get(ctx, url, "")
	if err != nil {
		return nil, err
	}
	tree, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", url, err)
	}
	return xpath.NewDoc(tree), nil
}

func (s *spider) save(ctx context.Context, url, referer, name string) error {
	body, err := s.get(ctx, url, referer)
	if err != nil {
		return err
	}
	return s.dir.WriteFile(name, body, 0o666)
}

// get fetches url. The site refuses its pictures to requests without a Referer.
func (s *spider) get(ctx context.Context, url, referer string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Mozilla/5.0")
	if referer != "" {
		req.Header.Set("Referer", referer)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}
