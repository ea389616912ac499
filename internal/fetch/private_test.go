package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
)

func TestPrivate(t *testing.T) {
	for _, tt := range []struct {
		addrs string // separated by spaces
		want  bool
	}{
		{"127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 ::1 ::", true},
		{"10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 192.0.0.8 100.64.0.1 100.127.255.255", true},
		{"169.254.169.254 fe80::1 fe80::1%eth0 febf::1 fec0::1 fc00::1 fd12:3456::1", true},
		{"224.0.0.1 239.255.255.255 255.255.255.255 240.0.0.1 ff02::1 100::1", true},
		{"::ffff:127.0.0.1 ::ffff:10.1.2.3 ::ffff:0:10.1.2.3 ::7f00:1", true},
		{"64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::1 2002:7f00:1:: 2002:c0a8:101::1", true},
		{"1.1.1.1 8.8.8.8 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1 100.63.255.255 100.128.0.1 11.0.0.1 126.0.0.1", false},
		{"198.18.0.1 198.19.255.255 223.255.255.255 169.253.1.1 169.255.1.1", false},
		{"2606:4700::1111 2001:db8::1 64:ff9b::808:808 2002:808:808::1 ::ffff:8.8.8.8 fbff::1 fe00::1", false},
	} {
		for a := range strings.FieldsSeq(tt.addrs) {
			if got := private(netip.MustParseAddr(a)); (got != "") != tt.want {
				t.Errorf("private(%s) = %q, want %v", a, got, tt.want)
			}
		}
	}
}

func TestAddrOfName(t *testing.T) {
	for name, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "::1": "::1", "localhost": "127.0.0.1", "a.b.localhost": "127.0.0.1",
		"127.1": "127.0.0.1", "2130706433": "127.0.0.1", "0x7f000001": "127.0.0.1", "017700000001": "127.0.0.1",
		"0x7f.0.0.1": "127.0.0.1", "10.65793": "10.1.1.1", "0": "0.0.0.0", "8.8": "8.0.0.8",
		"example.com": "", "1.example": "", "256.1.1.1": "", "1.2.3.4.5": "", "127..1": "", "1e100.net": "", "0x": "",
		"4294967296": "", "1_0.1": "", "": "", "09": "", "localhost.example": "",
	} {
		got := ""
		if a, ok := addrOfName(name); ok {
			got = a.String()
		}
		if got != want {
			t.Errorf("addrOfName(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestRefusePrivate sends requests to this machine in every way that leads
// there.
func TestRefusePrivate(t *testing.T) {
	hits := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	addr, port := u.Host, u.Port()
	ask := func(c *Client, ctx context.Context, rawURL string) error {
		_, err := c.Page(ctx, &trawl.Request{URL: rawURL}, nil)
		return err
	}
	refused := func(err error) bool {
		var pe *PrivateError
		return errors.As(err, &pe) && ReasonOf(err) == Private && !err.(*Error).Temporary()
	}
	ctx := context.Background()

	var found []string
	c := New(&Options{
		RefusePrivate: true, PrivateFound: func(h string) { found = append(found, h) },
		ConnectTo: map[string]string{"mapped.example": addr},
		Proxy:     func(*http.Request) (*url.URL, error) { return nil, nil },
	})
	defer c.Close()
	for _, name := range []string{"127.0.0.1", "localhost", "LOCALHOST.", "x.localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "[::1]", "0.0.0.0"} {
		if err := ask(c, ctx, "http://"+name+":"+port+"/"); !refused(err) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	if hits != 0 {
		t.Fatalf("%d requests arrived", hits)
	}
	// A name that only the resolver knows to be private.
	if res, err := c.transport.RoundTrip(httptest.NewRequest("GET", "http://localhost:"+port+"/", nil)); err == nil || reasonOf(err) != Private {
		t.Errorf("dialled %v, %v, want it refused", res, err)
	}
	// A redirect from a host that may be asked.
	to := url.QueryEscape("http://localhost:" + port + "/")
	if err := ask(c, ctx, "http://mapped.example/?to="+to); !refused(err) || hits != 1 {
		t.Errorf("redirected: %v after %d requests, want it refused after 1", err, hits)
	}
	// The same, started elsewhere.
	if err := ask(c, WithStart(ctx, "http://mapped.example/"), "http://mapped.example/?to="+to); !refused(err) || hits != 2 {
		t.Errorf("redirected from a start: %v, want it refused", err)
	}
	if len(found) != 0 {
		t.Errorf("found %v", found)
	}
	// Started there, and so from then on, by any port.
	if err := ask(c, WithStart(ctx, "http://127.0.0.1:1/"), server.URL); err != nil {
		t.Errorf("started there: %v", err)
	}
	if err := ask(c, ctx, server.URL+"/again"); err != nil {
		t.Errorf("after the start: %v", err)
	}
	if err := ask(c, ctx, "http://localhost:"+port+"/"); !refused(err) {
		t.Errorf("by another name: %v, want it refused", err)
	}
	if !slices.Equal(found, []string{"127.0.0.1"}) {
		t.Errorf("found %v, want 127.0.0.1", found)
	}

	// Known from before; not refused at all; by way of a proxy.
	known := New(&Options{RefusePrivate: true, PrivateHosts: []string{"127.0.0.1"}})
	defer known.Close()
	all := New(nil)
	defer all.Close()
	proxied := New(&Options{RefusePrivate: true, Proxies: []*url.URL{u}})
	defer proxied.Close()
	hits = 0
	for _, err := range []error{ask(known, ctx, server.URL), ask(all, ctx, server.URL), ask(proxied, ctx, "http://public.example/")} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"127.0.0.1", "10.1.2.3", "localhost", "0x7f.1", "169.254.169.254"} {
		if err := ask(proxied, ctx, "http://"+name+"/"); !refused(err) {
			t.Errorf("%s by a proxy: %v, want it refused", name, err)
		}
	}
	if hits != 3 {
		t.Errorf("%d requests arrived, want 3", hits)
	}
}
