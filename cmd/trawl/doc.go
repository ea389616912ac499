// Command trawl collects pictures and records from web sites, in parallel,
// and loses none of them.
//
// A tour of the code, from the top:
//
//   - main.go is the frame: arguments, signals, errors. Each subcommand is a
//     file: get.go, run.go, demo.go, spiders.go, status.go, verify.go,
//     retry.go, worker.go. flags.go has the flags of those that collect, exit.go the
//     exit statuses, ui.go, bars.go and summary.go what is shown.
//   - Package job joins the parts for one directory; package crawl is the
//     engine that it runs: producers fetch pages and have spiders parse them,
//     consumers fetch files.
//   - Package internal/frontier says what to fetch next, and when. It stands
//     on internal/store, the durable truth of a job, kept by internal/sqlite.
//   - Packages internal/fetch (request to response) and internal/save
//     (response to file) do the work; internal/extract with xpath reads
//     pages, and internal/spider is the host of the spiders in spiders/.
//     load.go finds a spider and decides whether it runs here or, by package
//     internal/isolate, in worker processes.
//   - Package internal/replica serves the three reference sites for the demo
//     and the tests.
//
// docs/design.md has the picture, with the reasons.
package main
