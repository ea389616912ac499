// Douban collects the Top 250 with a pool of one thread per CPU, maps the ten
// list pages over it, and shows the elapsed time. It runs on the replica of
// the site, on loopback.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"time"

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
	site := replica.New(&replica.Options{Latency: 50 * time.Millisecond})
	if err := site.Start(ctx); err != nil {
		return err
	}
	defer site.Close()
	client := site.Client()
	defer client.CloseIdleConnections()
	return run(ctx, os.Stdout, client)
}

var (
	items  = xpath.MustCompile(`//ol[@class="grid_view"]/li`, nil)
	ranks  = xpath.MustCompile(`string(.//em)`, nil)
	titles = xpath.MustCompile(`string(.//span[@class="title"])`, nil)
	rating = xpath.MustCompile(`string(.//span[@class="rating_num"])`, nil)
)

// film is one record.
type film struct{ rank, title, rating string }

func run(ctx context.Context, out io.Writer, client *http.Client) error {
	begin := time.Now()
	var urls []string
	for i := range 10 {
		urls = append(urls, fmt.Sprintf("https://movie.douban.com/top250?start=%d&filter=", i*25))
	}

	pool := thread.NewPool(ctx, &thread.PoolOptions{Workers: runtime.NumCPU(), Name: "douban"})
	defer pool.Close(ctx)
	n := 0
	for films, err := range thread.Map(ctx, pool, urls, func(ctx context.Context, url string) ([]film, error) {
		return collect(ctx, client, url)
	}) {
		if err != nil {
			return err
		}
		for _, f := range films {
			fmt.Fprintln(out, f.rank, f.title, f.rating)
			n++
		}
	}
	_, err := fmt.Fprintf(out, "%d films in %v\n", n, time.Since(begin).Round(time.Millisecond))
	return err
}

func collect(ctx context.Context, client *http.Client, url string) ([]film, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Mozilla/5.0")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, resp.Status)
	}
	tree, err := html.Parse(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", url, err)
	}
	rows, err := items.Nodes(ctx, xpath.NewDoc(tree).Root(), nil)
	if err != nil {
		return nil, err
	}
	var films []film
	for _, row := range rows {
		var f film
		for expr, to := range map[*xpath.Expr]*string{ranks: &f.rank, titles: &f.title, rating: &f.rating} {
			if *to, err = expr.EvalString(ctx, row, nil); err != nil {
				return nil, err
			}
		}
		films = append(films, f)
	}
	return films, nil
}
