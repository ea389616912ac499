package crawl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// TestHostsAtOneAddress collects from five hosts, from each with four requests
// at a time. If they share an address they get twelve together, which is twice
// what one host may have, and otherwise all they want.
//
// The hosts are on this machine, which does not count as sharing an address, so
// their addresses are made up where the engine is told of them.
func TestHostsAtOneAddress(t *testing.T) {
	const hosts, each, perHost = 5, 12, 4
	for _, tt := range []struct {
		name     string
		together int // requests that must come together
		address  func(port uint16) netip.AddrPort
	}{
		{"one address", 12, func(uint16) netip.AddrPort { return netip.MustParseAddrPort("192.0.2.1:80") }},
		{"several addresses", hosts * perHost, func(port uint16) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(port >> 8), byte(port)}), 80)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var (
				mu           sync.Mutex
				active, most int
				gathered     = make(chan struct{}) // closed when they have come together
			)
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/robots.txt" {
					http.NotFound(w, r)
					return
				}
				if r.URL.Path == "/" {
					w.Write([]byte("<!DOCTYPE html><title>page</title>"))
					return
				}
				mu.Lock()
				active++
				if most = max(most, active); most == tt.together {
					select {
					case <-gathered:
					default:
						close(gathered)
					}
				}
				mu.Unlock()
				select {
				case <-gathered:
				case <-r.Context().Done():
				}
				mu.Lock()
				active-- // before the client can know
				mu.Unlock()
				w.Write(pictureOf(r.Host + r.URL.Path + ".jpg"))
			})
			s := &goSpider{parse: func(p *trawl.Page) *trawl.Result {
				r := &trawl.Result{}
				for i := range each {
					r.Files = append(r.Files, trawl.Request{URL: fmt.Sprintf("%s%d.jpg", p.URL, i)})
				}
				return r
			}}
			for range hosts {
				server := httptest.NewServer(handler)
				t.Cleanup(server.Close)
				s.start = append(s.start, server.URL+"/")
			}
			var e *crawl.Engine
			client := fetch.New(&fetch.Options{Dialed: func(host string, to netip.AddrPort) { e.Dialed(host, tt.address(to.Port())) }})
			dir := t.TempDir()
			files, err := save.Open(dir, &save.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			seed := crawl.Seed{Read: func(_ context.Context, _ int64, add func(trawl.Request, error) error) error {
				for _, u := range s.start {
					if err := add(trawl.Request{URL: u, Spider: "test"}, nil); err != nil {
						return err
					}
				}
				return nil
			}}
			e = crawl.New(crawl.Parts{Store: store.NewMem(), Fetch: client, Files: files, Dir: dir}, []trawl.Spider{s}, []crawl.Seed{seed},
				&crawl.Options{PerHost: perHost, Consumers: hosts*perHost + 10})
			sum, err := e.Run(t.Context())
			if err != nil || sum.Files.Done != hosts*each {
				data, _ := json.Marshal(sum)
				t.Fatalf("Run() = %s, %v", data, err)
			}
			if most != tt.together {
				t.Errorf("%d requests at a time at most, want %d", most, tt.together)
			}
		})
	}
}
