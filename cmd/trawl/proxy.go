package main

import (
	"os"

	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/job"
)

// setProxies reads --proxy, and checks the environment's if there is none.
func (f *collectFlags) setProxies(h *job.HTTP) error {
	for _, s := range f.proxies {
		u, err := fetch.ParseProxy(s)
		if err != nil {
			return usagef("--proxy: %w", err)
		}
		h.Proxies = append(h.Proxies, u)
	}
	if h.Proxies == nil {
		if _, err := fetch.EnvironmentProxy(os.Getenv); err != nil {
			return usageError{err}
		}
		return nil
	}
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		if h.NoProxy == "" {
			h.NoProxy = os.Getenv(name)
		}
	}
	return nil
}
