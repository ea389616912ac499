package fetch_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/fetch"
)

func TestParseProxy(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"http://10.0.0.1:3128", "http://10.0.0.1:3128"},
		{" proxy.test:3128/ ", "http://proxy.test:3128"},
		{"https://me:p%40ss@proxy.test", "https://me:p%40ss@proxy.test"},
		{"SOCKS5://[::1]:1080", "socks5://[::1]:1080"},
		{"socks5h://me@proxy.test", "socks5h://me@proxy.test"},

		{"", "empty; must be a URL"},
		{"http://", `"http://" has no host`},
		{"socks4://me:s3cret@proxy.test", `"socks4://proxy.test": scheme "socks4" is not http, https or socks5`},
		{"http://me:s3cret@proxy.test:99999", `"http://proxy.test": its port is not between 1 and 65535`},
		{"http://proxy.test/path", `"http://proxy.test" must end after the host and port`},
		{"http://me:s3cret#1@proxy.test", "malformed; in a name or password write %23 for #"},
		{"http://me:s3/cret@proxy.test", "malformed; in a name or password write"},
		{"http://me:s3cret%@proxy.test", "malformed; in a name or password write"},
		{"http://proxy test", "malformed; must be a URL"},
		{"http://me:s3cret", "malformed; must be a URL"},
	} {
		u, err := fetch.ParseProxy(tt.in)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = u.String()
		}
		if !strings.HasPrefix(got, tt.want) || err == nil && got != tt.want || strings.Contains(got, "s3") {
			t.Errorf("ParseProxy(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestEnvironmentProxy(t *testing.T) {
	const http1, https1 = "http://www.example.com/", "https://www.example.com/"
	for _, tt := range []struct {
		env, url, want string
	}{
		{"", http1, ""},
		{"http_proxy=p:1", http1, "http://p:1"},
		{"http_proxy=p:1", https1, ""},
		{"HTTP_PROXY=p:1 HTTPS_PROXY=socks5://me:x@q:2", https1, "socks5://me:x@q:2"},
		{"HTTP_PROXY=p:1 http_proxy=q:1", http1, "http://q:1"},
		{"ALL_PROXY=socks5://p:1", https1, "socks5://p:1"},
		{"all_proxy=socks5://p:1 http_proxy=q:1", http1, "http://q:1"},
		{"HTTP_PROXY=p:1 REQUEST_METHOD=GET", http1, ""},
		{"http_proxy=p:1 NO_PROXY=example.com", http1, ""},
		{"http_proxy=p:1 no_proxy=.other.com,10.0.0.0/8", http1, "http://p:1"},
		{"http_proxy=p:1 no_proxy=.other.com,10.0.0.0/8", "http://10.1.2.3/", ""},
		{"http_proxy=p:1 no_proxy=*", http1, ""},
		{"http_proxy=p:1", "http://localhost:8080/", ""},
		{"https_proxy=http://me:s3cret#@p", https1, "error: environment variable https_proxy: malformed"},
		{"ALL_PROXY=ftp://me:s3cret@p", https1, `error: environment variable ALL_PROXY: "ftp://p": scheme`},
	} {
		env := make(map[string]string)
		for _, kv := range strings.Fields(tt.env) {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
		got := ""
		fn, err := fetch.EnvironmentProxy(func(k string) string { return env[k] })
		if err != nil {
			got = "error: " + err.Error()
		} else {
			r, err := http.NewRequest("GET", tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if u, err := fn(r); err != nil {
				got = "error: " + err.Error()
			} else if u != nil {
				got = u.String()
			}
		}
		if got != tt.want && !(err != nil && strings.HasPrefix(got, tt.want)) || strings.Contains(got, "s3cret") {
			t.Errorf("with %q, %s goes to %q, want %q", tt.env, tt.url, got, tt.want)
		}
	}
}
