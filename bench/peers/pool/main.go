// Command pool saves a list of URLs with a bare pool of goroutines: the least
// that a Go program can do.
//
//	pool LIST JOBS OUT
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pool:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%d arguments, want LIST JOBS OUT", len(args))
	}
	list, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	jobs, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: jobs}}
	urls := make(chan string)
	failed := make(chan error, jobs) // each worker ends at its first
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			for u := range urls {
				if err := save(client, u, args[2]); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(failed)
	}()
	for u := range strings.Lines(string(list)) {
		select {
		case urls <- strings.TrimSpace(u):
		case err := <-failed:
			return err
		}
	}
	close(urls)
	return <-failed // nil when all workers have ended
}

func save(client *http.Client, rawURL, dir string) (err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return err
	}
	resp, err := client.Get(rawURL)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", rawURL, resp.Status)
	}
	name := filepath.Join(dir, filepath.FromSlash(u.Path))
	f, err := os.Create(name)
	if os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		f, err = os.Create(name)
	}
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	_, err = io.Copy(f, resp.Body)
	return err
}
