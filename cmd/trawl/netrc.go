package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/netrc"
)

// logins are those of the command line's URLs and of the user's .netrc, which
// is read when a site first asks for one. It is safe for concurrent use.
type logins struct {
	own     map[string]*url.Userinfo // of URLs, by host
	noNetrc bool
	warn    func(string) // what is wrong with the file

	once sync.Once
	file *netrc.File // nil if there is none
}

// login is an Options.Login for package fetch.
func (l *logins) login(host string) (user, password string, ok bool) {
	if u := l.own[host]; u != nil {
		password, _ := u.Password()
		return u.Username(), password, true
	}
	if !l.noNetrc {
		l.once.Do(l.read)
	}
	if l.file == nil {
		return "", "", false
	}
	return l.file.Login(host)
}

func (l *logins) read() {
	path, given := os.Getenv("NETRC"), true
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return
		}
		path, given = filepath.Join(home, ".netrc"), false
		if runtime.GOOS == "windows" {
			if alt := filepath.Join(home, "_netrc"); exists(alt) && !exists(path) {
				path = alt
			}
		}
	}
	f, err := os.Open(path)
	if err != nil {
		if given || !errors.Is(err, fs.ErrNotExist) {
			l.warn(fmt.Sprintf("no login from .netrc: %v", err))
		}
		return
	}
	defer f.Close()
	if l.file, err = netrc.Parse(f); err != nil {
		l.warn(fmt.Sprintf("no login from .netrc: %v", err))
		return
	}
	for _, m := range l.file.Mistakes {
		l.warn(fmt.Sprintf("%s:%d: %s", path, m.Line, m.Msg))
	}
	if st, err := f.Stat(); err == nil && runtime.GOOS != "windows" && st.Mode()&0o077 != 0 {
		l.warn(fmt.Sprintf("%s can be read by other users; chmod 600 %s", path, path))
	}
}

// takeLogins returns URLs without the names and passwords in them, and those
// by host.
func takeLogins(urls []string) ([]string, map[string]*url.Userinfo) {
	var own map[string]*url.Userinfo
	plain := slices.Clone(urls)
	for i, s := range urls {
		u, err := url.Parse(s)
		if err != nil || u.User == nil {
			continue // one that is malformed is refused later
		}
		user := u.User
		u.User = nil
		plain[i] = u.String()
		if c, err := trawl.ParseURL(plain[i]); err == nil {
			if own == nil {
				own = make(map[string]*url.Userinfo)
			}
			own[c.Host] = user
		}
	}
	return plain, own
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
