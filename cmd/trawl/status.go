package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/job"
)

func (a *app) statusCommand() *cobra.Command {
	var (
		asJSON bool
		all    bool
		in     storeFlags
	)
	c := &cobra.Command{
		Use:   "status DIR|--store postgres://HOST/DATABASE",
		Short: "Show how a job stands, and what failed",
		Long: `Show how the job in a directory stands: what is done, what waits, and what
failed for which reason, and which hosts the last run has stopped. It can be
asked while the job runs.
` + storeHelp,
		Args: in.dirOrStore(),
		RunE: func(c *cobra.Command, pos []string) error {
			ctx := c.Context()
			st, id, err := in.openJob(ctx, first(pos))
			if err != nil {
				return err
			}
			defer st.Close()
			if asJSON {
				return statusJSON(ctx, a.out, st, id)
			}
			return statusText(ctx, a.out, st, id, all)
		},
	}
	in.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line: the job, then each failure")
	c.Flags().BoolVar(&all, "all", false, "list every failure")
	return c
}

// openJob opens the job in a directory for reading.
func openJob(ctx context.Context, dir string) (*sqlite.Store, job.Identity, error) {
	st, err := sqlite.Open(ctx, dir, &sqlite.Options{ReadOnly: true})
	if err != nil {
		return nil, job.Identity{}, err
	}
	id, ok, err := job.Identify(ctx, st)
	if err == nil && !ok {
		err = usagef("%s holds no job", dir)
	}
	if err != nil {
		st.Close()
		return nil, id, err
	}
	return st, id, nil
}

// maxFailures bounds the failures listed without --all.
const maxFailures = 20

func statusText(ctx context.Context, w io.Writer, st store.Store, id job.Identity, all bool) error {
	s, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	row := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-11s %s\n", label, fmt.Sprintf(format, args...))
	}
	kinds, err := crawl.CountFailures(ctx, st)
	if err != nil {
		return err
	}
	pages, files := crawl.CountLeftOut(kinds)
	counts := func(c store.Counts, leftOut int64) string {
		return fmt.Sprintf("%s done, %s waiting, %s failed", thousands(c.Done), thousands(c.Waiting), thousands(max(c.Failed-leftOut, 0)))
	}
	fmt.Fprintln(w, printable(id.String()))
	at, err := job.FilesOf(ctx, st)
	if err != nil {
		return err
	}
	if at.Bucket != "" {
		row("files in", "%s", at.Bucket)
	}
	if at.Layout != job.ByName {
		row("layout", "%s", at.Layout)
	}
	row("pages", "%s", counts(s.Pages, pages))
	row("files", "%s, %s", counts(s.Files, files), size(s.Bytes))
	if s.Duplicates > 0 {
		row("", "%s with content that another file has", thousands(s.Duplicates))
	}
	row("records", "%s", thousands(s.Items))
	switch v, err := st.Get(ctx, store.Updating); {
	case err != nil:
		return err
	case v != "":
		row("update", "not finished; what waits was done before, or is new")
	}
	for _, k := range kinds {
		label := "failed"
		if crawl.LeftOut(k.Reason) {
			label = "left out"
		}
		row(label, "%s: %s", thousands(int64(k.Count)), reasonText(k.Reason, k.Status))
	}
	stopped, err := crawl.StoppedHosts(ctx, st)
	if err != nil {
		return err
	}
	for i, host := range slices.Sorted(maps.Keys(stopped)) {
		if i == maxFailures && !all {
			row("stopped", "and %s more; list them with --all", thousands(int64(len(stopped)-i)))
			break
		}
		row("stopped", "%s: %s", printable(host), printable(stopped[host]))
	}
	n := 0
	for f, err := range st.Failures(ctx) {
		if err != nil {
			return err
		}
		if n++; n > maxFailures && !all {
			continue
		}
		fmt.Fprintf(w, "%s  %s  %s  %s\n", f.At.Local().Format(time.DateTime), f.Kind, printable(f.URL), indented(f.Message))
	}
	if n > maxFailures && !all {
		fmt.Fprintf(w, "... and %s more; list them with --all\n", thousands(int64(n-maxFailures)))
	}
	return nil
}

func statusJSON(ctx context.Context, w io.Writer, st store.Store, id job.Identity) error {
	s, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	kinds, err := crawl.CountFailures(ctx, st)
	if err != nil {
		return err
	}
	stopped, err := crawl.StoppedHosts(ctx, st)
	if err != nil {
		return err
	}
	pages, files := crawl.CountLeftOut(kinds)
	enc := json.NewEncoder(w)
	type counts struct {
		Done    int64 `json:"done"`
		Waiting int64 `json:"waiting"`
		Failed  int64 `json:"failed"`
		LeftOut int64 `json:"left_out"`
	}
	err = enc.Encode(struct {
		Event      string       `json:"event"`
		Job        job.Identity `json:"job"`
		Pages      counts       `json:"pages"`
		Files      counts       `json:"files"`
		Items      int64        `json:"items"`
		Bytes      int64        `json:"bytes"`
		Duplicates int64        `json:"duplicates"`
		// Stopped are the hosts that the last run has stopped, with the reason.
		Stopped map[string]string `json:"stopped,omitempty"`
	}{
		"job", id,
		counts{s.Pages.Done, s.Pages.Waiting, max(s.Pages.Failed-pages, 0), pages},
		counts{s.Files.Done, s.Files.Waiting, max(s.Files.Failed-files, 0), files},
		s.Items, s.Bytes, s.Duplicates, stopped,
	})
	if err != nil {
		return err
	}
	for f, err := range st.Failures(ctx) {
		if err != nil {
			return err
		}
		err := enc.Encode(struct {
			Event string `json:"event"`
			crawl.Failed
			At time.Time `json:"at"`
		}{"failed", crawl.Failed{URL: f.URL, Kind: f.Kind.String(), Reason: f.Reason, Status: f.Status, Message: f.Message, Tries: f.Tries}, f.At})
		if err != nil {
			return err
		}
	}
	return nil
}
