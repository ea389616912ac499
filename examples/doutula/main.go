// Doutula is the collector of five producers and five consumers: producers
// take list pages from one queue and put the pictures' addresses and names on
// another, consumers download them into the directory given, by default
// ./imgs. It runs on the replica of the site, on loopback.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"regexp"
	"strings"

	"golang.org/x/net/html"

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
	site := replica.New(&replica.Options{Doutula: replica.DoutulaOptions{Missing: -1}})
	if err := site.Start(ctx); err != nil {
		return err
	}
	defer site.Close()
	client := site.Client()
	defer client.CloseIdleConnections()
	dir := "imgs"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	return run(ctx, os.Stdout, client, dir)
}

// picture is what producers hand to consumers.
type picture struct{ url, name string }

type spider struct {
	client   *http.Client
	dir      *os.Root
	pages    *thread.Queue[string]
	pictures *thread.Queue[picture]
}

func run(ctx context.Context, out io.Writer, client *http.Client, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // no caption leads out of it
	if err != nil {
		return err
	}
	defer root.Close()
	s := &spider{client, root, thread.NewQueue[string](100), thread.NewQueue[picture](1000)}
	for i := 1; i < 10; i++ {
		if err := s.pages.Put(ctx, fmt.Sprintf("http://www.doutula.com/photo/list/?page=%d", i)); err != nil {
			return err
		}
	}
	s.pages.Shutdown() // these are all

	var producers, consumers []*thread.Thread
	for i := range 5 {
		producers = append(producers, thread.Go(ctx, fmt.Sprintf("生产线程-%d", i), s.produce))
		consumers = append(consumers, thread.Go(ctx, fmt.Sprintf("消费线程-%d", i), s.consume))
	}
	join := func(ts []*thread.Thread) (errs []error) {
		for _, t := range ts {
			if err := t.Join(ctx); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", t.Name(), err))
				continue
			}
			fmt.Fprintln(out, t.Name()+"任务完成~")
		}
		return errs
	}
	// The notes' threads leave when both queues look empty, which they also do
	// while the last page is being read: then pictures are lost, or a consumer
	// waits for ever. Here the second queue ends when its producers have.
	errs := join(producers)
	s.pictures.Shutdown()
	return errors.Join(append(errs, join(consumers)...)...)
}

var (
	images = xpath.MustCompile(`//div[@class="page-content text-center"]//img[@class!="gif"]`, nil)
	marks  = regexp.MustCompile(`[?？.，。！!*/\\:"<>|]`)
)

// produce reads list pages until there are no more.
func (s *spider) produce(ctx context.Context) error {
	for page := range s.pages.All(ctx) {
		body, err := s.get(ctx, page)
		if err != nil {
			return err
		}
		tree, err := html.Parse(strings.NewReader(string(body)))
		if err != nil {
			return fmt.Errorf("parse %s: %w", page, err)
		}
		nodes, err := images.Nodes(ctx, xpath.NewDoc(tree).Root(), nil)
		if err != nil {
			return err
		}
		for _, img := range nodes {
			src, _ := img.Attr("data-original")
			alt, _ := img.Attr("alt")
			if strings.HasPrefix(src, "//") {
				src = "http:" + src
			}
			name := marks.ReplaceAllString(alt, "") + path.Ext(src)
			if err := s.pictures.Put(ctx, picture{src, name}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// consume downloads pictures until there are no more.
func (s *spider) consume(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			// With no consumers left, producers would wait for room for ever.
			s.pictures.Shutdown()
		}
	}()
	for p := range s.pictures.All(ctx) {
		body, err := s.get(ctx, p.url)
		if err != nil {
			return err
		}
		if err := s.dir.WriteFile(p.name, body, 0o666); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *spider) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Mozilla/5.0")
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
