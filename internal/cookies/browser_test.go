package cookies_test

import (
	"database/sql"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/cookies"
)

// database makes a database of a browser, open as the browser has it.
func database(t *testing.T, path string, stmts ...string) *sql.DB {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	for _, s := range stmts {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return db
}

const mozCookies = `CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '',
	name TEXT, value TEXT, host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER, creationTime INTEGER,
	isSecure INTEGER, isHttpOnly INTEGER)`

// mozCookie inserts a cookie of Firefox.
func mozCookie(host, name, value string) string {
	return `INSERT INTO moz_cookies (host, path, name, value, expiry, isSecure, isHttpOnly) VALUES ('` + host + `', '/', '` + name + `', '` + value + `', 1800000000, 1, 1)`
}

// linux is a machine of the test's own.
func linux(t *testing.T) *cookies.Machine {
	return &cookies.Machine{OS: "linux", Home: t.TempDir()}
}

func fromBrowser(t *testing.T, spec string, m *cookies.Machine) *cookies.Set {
	t.Helper()
	s, err := cookies.FromBrowser(t.Context(), spec, m, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The browser runs: it has its database locked and part of it in the WAL.
func TestFirefoxThatRuns(t *testing.T) {
	t.Parallel()
	m := linux(t)
	database(t, filepath.Join(m.Home, ".mozilla/firefox/abc123.default-release/cookies.sqlite"),
		`PRAGMA journal_mode = wal`, `PRAGMA wal_autocheckpoint = 0`, `PRAGMA locking_mode = exclusive`,
		mozCookies,
		mozCookie(".example.com", "sid", "s3cret"),
		mozCookie("www.example.org", "host", "一"),
		`INSERT INTO moz_cookies (host, path, name, value, expiry, isSecure, isHttpOnly) VALUES
			('ms.test', '/a', 'ms', 'v', 1800000000000, 0, 0), ('old.test', '/', 'old', 'v', 1500000000, 0, 0), ('bad.test', '/', '', 'v', 1800000000, 0, 0)`,
		`INSERT INTO moz_cookies (host, path, name, value, expiry, originAttributes) VALUES ('.example.com', '/', 'sid', 'other', 1800000000, '^userContextId=2')`,
	)
	want := &cookies.Set{
		Source: "firefox (abc123.default-release)",
		Cookies: []cookies.Cookie{
			{Host: "example.com", Subdomains: true, Path: "/", Secure: true, HTTPOnly: true, Expires: later, Name: "sid", Value: "s3cret"},
			{Host: "ms.test", Path: "/a", Expires: later, Name: "ms", Value: "v"},
			{Host: "www.example.org", Path: "/", Secure: true, HTTPOnly: true, Expires: later, Name: "host", Value: "一"},
		},
		Expired: 1, Apart: 1, Mistakes: []cookies.Mistake{{Msg: "the cookie has no name"}},
	}
	// Twice: reading changes nothing.
	for range 2 {
		if d := cmp.Diff(want, fromBrowser(t, "firefox", m)); d != "" {
			t.Errorf("FromBrowser() (-want +got):\n%s", d)
		}
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	m := linux(t)
	for i, p := range []string{".mozilla/firefox/aaa.default", ".mozilla/firefox/bbb.work", "snap/firefox/common/.mozilla/firefox/ccc.snap"} {
		file := filepath.Join(m.Home, p, "cookies.sqlite")
		database(t, file, mozCookies, mozCookie("a.test", "profile", filepath.Base(p))).Close()
		used := now.Add(time.Duration(-i) * time.Hour)
		if i == 1 {
			used = now.Add(time.Hour)
		}
		if err := os.Chtimes(file, used, used); err != nil {
			t.Fatal(err)
		}
	}
	for spec, want := range map[string]string{
		"firefox":          "bbb.work", // used last
		"Firefox:default":  "aaa.default",
		"firefox:ccc.snap": "ccc.snap",
		"firefox:" + m.Home + "/.mozilla/firefox/aaa.default": "aaa.default",
	} {
		s := fromBrowser(t, spec, m)
		if len(s.Cookies) != 1 || s.Cookies[0].Value != want || s.Source != "firefox ("+want+")" {
			t.Errorf("FromBrowser(%q) = %+v, want the profile %s", spec, s, want)
		}
	}
	for spec, want := range map[string]string{
		"firefox:none":   `firefox: no profile "none"; there are bbb.work, aaa.default, ccc.snap`,
		"firefox:./none": "firefox: no cookies in ./none",
		"netscape":       `no browser "netscape"; there are firefox, chrome, chromium, brave, edge, opera, vivaldi`,
		"chromium":       "chromium: no profile with cookies; looked in " + m.Home + "/snap/chromium/common/chromium, ",
	} {
		_, err := cookies.FromBrowser(t.Context(), spec, m, now)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("FromBrowser(%q) = %v, want %s", spec, err, want)
		}
	}
}

func TestChromiumElsewhere(t *testing.T) {
	t.Parallel()
	for _, os := range []string{"darwin", "windows"} {
		_, err := cookies.FromBrowser(t.Context(), "chrome", &cookies.Machine{OS: os, Home: t.TempDir()}, now)
		if err == nil || !strings.Contains(err.Error(), "--cookies FILE") {
			t.Errorf("FromBrowser() on %s = %v, want what to do instead", os, err)
		}
	}
}

// A file that is no database is an error that says which.
func TestBrokenDatabase(t *testing.T) {
	t.Parallel()
	m := linux(t)
	file := filepath.Join(m.Home, ".mozilla/firefox/x.default/cookies.sqlite")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cookies.FromBrowser(t.Context(), "firefox", m, now); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("FromBrowser() = %v, want an error about %s", err, file)
	}
}

// Values as openssl encrypts them: aes-128-cbc with Chromium's key.
const (
	sealedPlain  = "e5b3efab3bf2220f0c98f29bd302bc22"                                                                 // "hello 世界"
	sealedHashed = "1bb654833fa6f8a731528db92d657dc37c87544a81ba7875d0681273543b4e4faa1b08d505d37281a8dff295e80bece1" // the hash of ".example.com", "s3cret"
	sealedEmpty  = "c0202bcb189868beaa5363145b904497"
)

// micros is later on Chromium's clock.
const micros = "13444473600000000"

func TestChromium(t *testing.T) {
	t.Parallel()
	row := func(host, name, value, sealed, expires string) string {
		return `INSERT INTO cookies (creation_utc, host_key, path, name, value, encrypted_value, expires_utc, is_secure, is_httponly)
			VALUES (1, '` + host + `', '/', '` + name + `', '` + value + `', X'` + sealed + `', ` + expires + `, 1, 0)`
	}
	v10, v11 := hex.EncodeToString([]byte("v10")), hex.EncodeToString([]byte("v11"))
	table := `CREATE TABLE cookies (creation_utc INTEGER, host_key TEXT, top_frame_site_key TEXT NOT NULL DEFAULT '', name TEXT, value TEXT,
		encrypted_value BLOB, path TEXT, expires_utc INTEGER, is_secure INTEGER, is_httponly INTEGER)`
	meta := func(version string) []string {
		return []string{`CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)`, `INSERT INTO meta VALUES ('version', '` + version + `')`}
	}
	for _, tt := range []struct {
		name    string
		file    string
		version string
		rows    []string
		want    cookies.Set
	}{
		{"plain and v10", ".config/chromium/Default/Cookies", "21",
			[]string{
				table,
				row(".example.com", "plain", "v", "", "0"),
				row("www.example.com", "sealed", "", v10+sealedPlain, micros),
				row("www.example.com", "old", "v", "", "13000000000000000"),
				row("www.example.com", "zero", "v", "", "1"),
			},
			cookies.Set{Expired: 2, Cookies: []cookies.Cookie{
				{Host: "example.com", Subdomains: true, Path: "/", Secure: true, Name: "plain", Value: "v"},
				{Host: "www.example.com", Path: "/", Secure: true, Expires: later, Name: "sealed", Value: "hello 世界"}}}},
		{"the hash of the host", ".config/chromium/Profile 1/Network/Cookies", "24",
			[]string{
				table,
				row(".example.com", "sid", "", v10+sealedHashed, "0"),
				row(".example.org", "moved", "", v10+sealedHashed, "0"), // of another host
				row(".example.com", "before", "", v10+sealedPlain, "0"), // without
			},
			cookies.Set{Sealed: 2, Cookies: []cookies.Cookie{
				{Host: "example.com", Subdomains: true, Path: "/", Secure: true, Name: "sid", Value: "s3cret"}}}},
		{"locked by the keyring", ".config/chromium/Default/Cookies", "21",
			[]string{
				table,
				row("a.test", "keyring", "", v11+"00112233445566778899aabbccddeeff", "0"),
				row("a.test", "unknown", "", hex.EncodeToString([]byte("v20"))+sealedPlain, "0"),
				row("a.test", "cut", "", v10+"0011", "0"),
				row("a.test", "none", "", v10, "0"),
				row("a.test", "empty", "", v11+sealedEmpty, "0"), // the keyring gave an empty password
				`INSERT INTO cookies (creation_utc, host_key, path, name, value, encrypted_value, top_frame_site_key) VALUES (1, 'a.test', '/', 'apart', 'v', '', 'https://b.test')`,
			},
			cookies.Set{Sealed: 4, Apart: 1, Cookies: []cookies.Cookie{
				{Host: "a.test", Path: "/", Secure: true, Name: "empty", Value: "empty"}}}},
		{"an old table", ".config/chromium/Default/Cookies", "10",
			[]string{
				`CREATE TABLE cookies (creation_utc INTEGER, host_key TEXT, name TEXT, value TEXT, encrypted_value BLOB, path TEXT, expires_utc INTEGER, secure INTEGER, httponly INTEGER)`,
				`INSERT INTO cookies VALUES (1, 'a.test', 'n', 'v', '', '/', 0, 1, 1)`,
			},
			cookies.Set{Cookies: []cookies.Cookie{{Host: "a.test", Path: "/", Secure: true, HTTPOnly: true, Name: "n", Value: "v"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := linux(t)
			database(t, filepath.Join(m.Home, tt.file), append(meta(tt.version), tt.rows...)...)
			tt.want.Source = "chromium (Default)"
			if strings.Contains(tt.file, "Profile 1") {
				tt.want.Source = "chromium (Profile 1)"
			}
			if d := cmp.Diff(&tt.want, fromBrowser(t, "chromium", m)); d != "" {
				t.Errorf("FromBrowser() (-want +got):\n%s", d)
			}
		})
	}
}
