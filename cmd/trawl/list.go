package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
)

// maxLine bounds a line of a list, in bytes.
const maxLine = 64 << 10

// readList passes the URLs of a list to add, one a line, from number skip on.
// A line that is no URL is passed as a *crawl.BadSeed with its number.
func readList(ctx context.Context, r io.Reader, name string, skip int64, c *claims, add func(trawl.Request, error) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), maxLine)
	var line, n int64
	for sc.Scan() {
		line++
		if line%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		text := strings.TrimSpace(sc.Text())
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if n++; n <= skip {
			continue
		}
		req, err := c.request(text)
		if err != nil {
			err = &crawl.BadSeed{Place: fmt.Sprintf("%s:%d", name, line), Err: err}
		}
		if err := add(req, err); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", name, line+1, err)
	}
	return nil
}
