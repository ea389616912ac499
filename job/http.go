package job

import (
	"cmp"
	"slices"
	"time"

	"github.com/trawl-go/trawl/internal/fetch"
)

// fetchOptions returns the options of a client, with the hosts that may be at
// private addresses and what to call when another one turns out to be.
func fetchOptions(h *HTTP, private []string, found func(host string)) *fetch.Options {
	o := &fetch.Options{
		UserAgent: h.UserAgent, ConnectTo: h.ConnectTo, Rate: h.Rate, Jar: h.Jar, Login: h.Login,
		Proxies: h.Proxies, NoProxy: h.NoProxy, ProxyFailed: h.ProxyFailed,
		ConnectTimeout: h.Timeout, HeaderTimeout: h.Timeout, IdleTimeout: h.Timeout,
		PageDeadline: h.Deadline, FileDeadline: h.Deadline, MaxPage: h.MaxPage,
		RefusePrivate: !h.AllowPrivate, PrivateHosts: slices.Clone(private), PrivateFound: found,
	}
	o.SlowTime = cmp.Or(h.Timeout, 30*time.Second)
	rate := float64(cmp.Or(h.MinRate, 34))
	o.SlowBytes = max(int64(rate*o.SlowTime.Seconds()), 1)
	return o
}
