package main

import (
	"io"
	"log/slog"
	"net"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpguts"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/job"
)

// collectFlags are the flags of the commands that collect.
type collectFlags struct {
	dir       string // or the address of a bucket
	jobDir    string
	layout    string
	shardSize byteSize
	jobs      int
	producers int
	consumers int
	pageQueue int
	fileQueue int
	perHost   int
	delay     spanRange
	retries   int
	timeout   seconds
	maxTime   seconds
	minRate   byteSize
	rate      byteSize
	userAgent string
	headers   []string
	referer   string
	cookies   string
	browser   string
	noNetrc   bool
	logins    map[string]*url.Userinfo // of the URLs, by host
	noRobots  bool
	proxies   []string
	connectTo []string
	private   bool
	filename  string
	maxSize   byteSize
	maxPage   byteSize
	ranges    string
	held      int
	archive   string
	onlyAdds  bool // what is in the archive is fetched all the same
	dedupe    string
	keepExt   bool
	update    bool
	abort     int
	sync      string
	store     storeFlags
	noRecords bool // they are left to another process
	many      bool // it is one of several jobs in this program
	decode    bool
	workers   workersFlag
	isolate   bool

	simulate bool
	getURLs  bool
	json     bool
	quiet    bool
	verbose  bool
	noBars   bool
	observe  observeFlags
}

// add gives a command the flags, in groups.
func (f *collectFlags) add(c *cobra.Command) {
	c.Flags().SortFlags = false
	var groups []flagGroup
	group := func(title string, add func(fs *pflag.FlagSet)) {
		fs := pflag.NewFlagSet(title, pflag.ContinueOnError)
		fs.SortFlags = false
		add(fs)
		groups = append(groups, flagGroup{title, fs})
	}
	group("Where to", func(fs *pflag.FlagSet) {
		fs.StringVarP(&f.dir, "directory", "d", "", "`DIR` for the files and the state of the job (default ./trawl/NAME), or s3://BUCKET/PREFIX for the files alone")
		fs.StringVar(&f.jobDir, "job-dir", "", "`DIR` for the state of a job whose files go to a bucket, and for its records (default ./trawl/NAME)")
		fs.StringVar(&f.layout, "layout", "", "`names`: files have the names that the spider gives (default); hash: each content is there once, under its hash, and files.jsonl has the names; wds: tar shards as WebDataset reads them")
		fs.Var(&f.shardSize, "shard-size", "with --layout wds end a shard at this `SIZE`, or at 10,000 files (default 256M)")
		fs.StringVarP(&f.filename, "filename", "f", "", "name files by this `TEMPLATE` of {path} {dir} {name} {ext} {host} {spider}")
		fs.StringVar(&f.archive, "download-archive", "", "leave out the files listed in `FILE`, by this or other jobs or by gallery-dl, and list those that are saved")
		fs.StringVar(&f.sync, "sync", "on", "`on`: files are on disk before they count; off: faster, at the risk of a power cut")
	})
	group("How many at a time, how fast", func(fs *pflag.FlagSet) {
		fs.IntVarP(&f.jobs, "jobs", "j", 0, "work on at most `N` pages and files at a time; 1 does them one by one")
		fs.IntVar(&f.perHost, "per-host", 0, "`N` requests to a host at a time (default the spider's, else 2 at first, then up to 6 as the host bears it)")
		fs.Var(&f.delay, "delay", "pause between two requests to a host, in seconds or as `SPAN` like 500ms; 2-4 draws each one by lot between 2 and 4 (default the spider's, else 0)")
		fs.VarP(&f.rate, "limit-rate", "r", "receive at most this `SIZE` a second in all transfers together, like 500k or 2M")
		fs.IntVar(&f.producers, "producers", 0, "`N` page workers (default the spider's, else 8)")
		fs.IntVar(&f.consumers, "consumers", 0, "`N` file workers (default the spider's, else 16, or more for a large --per-host)")
		fs.IntVar(&f.pageQueue, "page-queue", 0, "keep at most `N` waiting pages in memory (default the spider's, else 100)")
		fs.IntVar(&f.fileQueue, "file-queue", 0, "let the pages of a site wait while `N` of its files do (default the spider's, else 1000)")
		fs.Var(&f.workers, "workers", "parse pages on these `WORKERS`: 'threads(N)', 'processes(N)', or one process per CPU, 'processes(cpu)' (default the spider's)")
		fs.BoolVar(&f.isolate, "isolate", false, "run spiders in worker processes with limits of memory and time; =false trusts a .star file (default: files outside of your folder)")
	})
	group("What is sent, and by which way", func(fs *pflag.FlagSet) {
		fs.StringVarP(&f.userAgent, "user-agent", "A", "", "`NAME` sent to the sites (default trawl's own)")
		fs.StringArrayVar(&f.headers, "header", nil, "send `'NAME: VALUE'` to the hosts whose pages are visited, or leave NAME out if there is no value; User-Agent, Accept, Accept-Language and Referer go to picture hosts too (repeatable)")
		fs.StringVar(&f.referer, "referer", "", "`URL` sent as the referer of the start URLs")
		fs.StringVar(&f.cookies, "cookies", "", "send the cookies of `FILE`, a cookies.txt, to the hosts they are for")
		fs.StringVar(&f.browser, "cookies-from-browser", "", "send the cookies of a browser, `NAME[:PROFILE]`, like firefox or chromium:Default")
		fs.BoolVar(&f.noNetrc, "no-netrc", false, "do not use the logins of ~/.netrc, or of the file $NETRC, for sites that ask for one")
		fs.StringArrayVar(&f.proxies, "proxy", nil, "ask by way of this `URL`, http, https or socks5://user:password@host:port; several take turns, request by request (repeatable; default $HTTP_PROXY, $HTTPS_PROXY; $NO_PROXY names hosts without)")
		fs.StringArrayVar(&f.connectTo, "connect-to", nil, "send the requests for a host to another address, `HOST=ADDR`, in plain HTTP (repeatable)")
		fs.BoolVar(&f.private, "allow-private", false, "let links and redirects lead to addresses in private networks, not only start URLs (behind a --proxy names are its affair)")
		fs.BoolVar(&f.noRobots, "no-robots", false, "do not ask for the robots.txt of the sites; for those who may")
	})
	group("When to give up", func(fs *pflag.FlagSet) {
		fs.IntVarP(&f.retries, "retries", "R", 4, "try again up to `N` times what failed for the time being")
		fs.VarP(&f.timeout, "timeout", "T", "wait no longer than this `SPAN` for a connection, an answer, the next bytes (default 15s, 30s, 30s)")
		fs.Var(&f.maxTime, "max-time", "give up a page or file that takes longer than this `SPAN` as a whole (default 10m for pages, none for files)")
		fs.Var(&f.minRate, "lowest-speed-limit", "give up what comes slower than this `SIZE` a second, over the time of -T (default 34)")
	})
	group("What is taken", func(fs *pflag.FlagSet) {
		fs.BoolVarP(&f.simulate, "simulate", "s", false, "visit the pages, show what would be saved, write nothing")
		fs.BoolVarP(&f.getURLs, "get-urls", "g", false, "print the URLs of the files and save nothing")
		fs.StringVar(&f.ranges, "range", "", "of a gallery's files take only these, counted over its pages, or of each page's with a spider, like `1-5,8,20-`")
		fs.Var(&f.maxSize, "filesize-max", "leave out files larger than this `SIZE`, like 500k or 20M")
		fs.Var(&f.maxPage, "pagesize-max", "refuse pages larger than this `SIZE` (default 32M)")
		fs.BoolVar(&f.keepExt, "keep-extension", false, "keep the extension of a picture that is of another type")
		fs.BoolVar(&f.decode, "decode", false, "decode every picture fully, in worker processes; one that does not decode is no picture")
		fs.IntVar(&f.held, "held", 5, "put files aside if `N` or more of one host have the same content: placeholders; 0 never")
		fs.StringVar(&f.dedupe, "dedupe", "none", "`none`: save files with the same content under each name; link: as hard links")
	})
	group("Again later", func(fs *pflag.FlagSet) {
		fs.BoolVar(&f.update, "update", false, "ask again for all that is done, and take what has changed or is new")
		fs.IntVar(&f.abort, "abort-after", 0, "end when `N` files in a row that pages lead to were there already; with --update: ask only pages, and only until then")
	})
	group("What is printed", func(fs *pflag.FlagSet) {
		fs.BoolVar(&f.json, "json", false, "print one JSON object a line for each thing that happens")
		fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but errors")
		fs.BoolVarP(&f.verbose, "verbose", "v", false, "print a log of everything to standard error")
		fs.BoolVarP(&f.noBars, "no-progress", "n", false, "plain lines in place of live progress")
	})
	group("For operators", f.observe.add)
	addGroups(c, groups)
	_ = c.MarkFlagFilename("cookies") // cannot fail: the flags are there
	_ = c.MarkFlagFilename("download-archive")
	_ = c.MarkFlagDirname("directory")
	_ = c.MarkFlagDirname("job-dir")
}

// options returns what the flags say. changed reports whether a flag was
// given.
func (f *collectFlags) options(changed func(string) bool, stderr io.Writer) (*job.Options, error) {
	o := &job.Options{}
	if err := f.place(o); err != nil {
		return nil, err
	}
	for _, n := range []struct {
		flag string
		v    int
	}{
		{"jobs", f.jobs}, {"producers", f.producers}, {"consumers", f.consumers},
		{"page-queue", f.pageQueue}, {"file-queue", f.fileQueue}, {"per-host", f.perHost},
	} {
		if changed(n.flag) && n.v < 1 {
			return nil, usagef("--%s %d: must be at least 1", n.flag, n.v)
		}
	}
	if f.retries < 0 {
		return nil, usagef("--retries %d: must not be negative", f.retries)
	}
	if f.held < 0 || f.held == 1 {
		return nil, usagef("--held %d: must be 2 or more, or 0 to put nothing aside", f.held)
	}
	o.Crawl = crawl.Options{
		Jobs: f.jobs, Producers: f.producers, Consumers: f.consumers,
		PageQueue: f.pageQueue, FileQueue: f.fileQueue, PerHost: f.perHost,
		Delay: time.Duration(f.delay.from), DelayMax: time.Duration(f.delay.to), Retries: f.retries, NoRobots: f.noRobots, MaxFile: int64(f.maxSize),
	}
	if w := trawl.Workers(f.workers); !w.Processes && w.N > 0 {
		o.Crawl.Producers = firstOf(f.producers, w.N)
	}
	if changed("jobs") {
		// As many workers of each kind as may work at a time, so that the
		// bound is what is asked for.
		o.Crawl.Producers = firstOf(f.producers, f.jobs)
		o.Crawl.Consumers = firstOf(f.consumers, f.jobs)
	}
	if changed("delay") && f.delay.from == 0 {
		o.Crawl.Delay = -1
	}
	if o.Crawl.Hold = f.held; f.held == 0 {
		o.Crawl.Hold = -1
	}
	switch f.dedupe {
	case "none":
	case "link":
		o.Crawl.Link = true
	default:
		return nil, usagef("--dedupe %s: must be none or link", f.dedupe)
	}
	if f.abort < 0 || f.abort == 0 && changed("abort-after") {
		return nil, usagef("--abort-after %d: must be at least 1", f.abort)
	}
	o.Archive, o.Crawl.ArchiveOnlyAdds = f.archive, f.onlyAdds
	o.Crawl.Update, o.Crawl.AbortAfter, o.Crawl.KeepExt = f.update, f.abort, f.keepExt
	if f.retries == 0 {
		o.Crawl.Retries = -1
	}
	o.Decode = f.decode
	if f.verbose {
		o.Crawl.Log = newLogger(stderr, "text", slog.LevelDebug)
	}
	switch f.sync {
	case "on":
	case "off":
		o.NoSync = true
	default:
		return nil, usagef("--sync %s: must be on or off", f.sync)
	}
	if changed("timeout") && f.timeout == 0 {
		return nil, usagef("--timeout 0: must be more than 0, so that no job waits for ever")
	}
	for _, h := range []struct{ flag, value string }{{"user-agent", f.userAgent}, {"referer", f.referer}} {
		if !httpguts.ValidHeaderFieldValue(h.value) {
			return nil, usagef("--%s %q: has characters that cannot be sent", h.flag, h.value)
		}
	}
	o.HTTP = job.HTTP{
		UserAgent: f.userAgent, AllowPrivate: f.private, Rate: int64(f.rate), MaxPage: int64(f.maxPage),
		Timeout: time.Duration(f.timeout), Deadline: time.Duration(f.maxTime), MinRate: int64(f.minRate),
	}
	if f.userAgent == "" {
		v, _, _ := strings.Cut(versionText(), " ")
		o.HTTP.UserAgent = "trawl/" + v + " (+https://github.com/trawl-go/trawl)"
	}
	if err := f.setProxies(&o.HTTP); err != nil {
		return nil, err
	}
	var err error
	if o.Crawl.Headers, err = parseHeaders(f.headers); err != nil {
		return nil, err
	}
	for _, c := range f.connectTo {
		host, addr, ok := strings.Cut(c, "=")
		if _, _, err := net.SplitHostPort(addr); !ok || host == "" || err != nil {
			return nil, usagef("--connect-to %q: must be HOST=ADDRESS:PORT, like www.example.com=127.0.0.1:8000", c)
		}
		if o.HTTP.ConnectTo == nil {
			o.HTTP.ConnectTo = make(map[string]string)
		}
		o.HTTP.ConnectTo[strings.ToLower(host)] = addr
	}
	if f.filename != "" {
		name, err := filenameTemplate(f.filename)
		if err != nil {
			return nil, err
		}
		o.Crawl.Rename = name
	}
	if f.ranges != "" {
		choose, err := parseRanges(f.ranges)
		if err != nil {
			return nil, err
		}
		o.Crawl.Choose = choose
	}
	return o, nil
}

// parseHeaders reads the values of --header. Those of one name are joined, as
// HTTP allows it; an empty one leaves the field out.
func parseHeaders(list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := make(map[string]string)
	for _, h := range list {
		name, value, ok := strings.Cut(h, ":")
		name = textproto.TrimString(name)
		if !ok || !httpguts.ValidHeaderFieldName(name) { // it may hold a password: do not show it
			return nil, usagef("--header: must be 'NAME: VALUE', like 'Accept-Language: zh-CN'")
		}
		name, value = textproto.CanonicalMIMEHeaderKey(name), textproto.TrimString(value)
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, usagef("--header %s: its value has characters that cannot be sent", name)
		}
		if old := m[name]; old != "" && value != "" {
			sep := ", "
			if name == "Cookie" {
				sep = "; "
			}
			value = old + sep + value
		}
		m[name] = value
	}
	return m, nil
}

func firstOf(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}
