package cookies

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the databases of the browsers
)

// A Machine is where browsers are looked for. The zero value of a field means
// this one.
type Machine struct {
	OS     string // as in runtime.GOOS
	Home   string // the user's home directory
	Config string // the user's directory of configurations on Linux
}

func (m *Machine) withDefaults() (Machine, error) {
	var d Machine
	if m != nil {
		d = *m
	}
	d.OS = cmp.Or(d.OS, runtime.GOOS)
	if d.Home == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return d, err
		}
		d.Home = home
		d.Config = cmp.Or(d.Config, os.Getenv("XDG_CONFIG_HOME"))
	}
	d.Config = cmp.Or(d.Config, filepath.Join(d.Home, ".config"))
	return d, nil
}

// A browser is how one of them keeps its cookies.
type browser struct {
	name  string
	roots func(*Machine) []string // folders that hold profiles
	files []string                // of cookies, in a profile
	read  func(context.Context, *sql.DB, *Set, time.Time) error
	only  string // the only OS on which we can read them; "" for all
}

func browsers() []browser {
	home := func(m *Machine, paths ...string) []string {
		for i, p := range paths {
			paths[i] = filepath.Join(m.Home, filepath.FromSlash(p))
		}
		return paths
	}
	chromium := func(name, config string, more ...string) browser {
		return browser{
			name: name, files: []string{"Cookies", "Network/Cookies"}, read: readChromium, only: "linux",
			roots: func(m *Machine) []string {
				return append(home(m, slices.Clone(more)...), filepath.Join(m.Config, filepath.FromSlash(config)))
			},
		}
	}
	return []browser{
		{name: "firefox", files: []string{"cookies.sqlite"}, read: readFirefox, roots: func(m *Machine) []string {
			switch m.OS {
			case "darwin":
				return home(m, "Library/Application Support/Firefox/Profiles")
			case "windows":
				return home(m, "AppData/Roaming/Mozilla/Firefox/Profiles")
			}
			return append(home(m, ".mozilla/firefox", "snap/firefox/common/.mozilla/firefox",
				".var/app/org.mozilla.firefox/.mozilla/firefox", ".var/app/org.mozilla.firefox/config/mozilla/firefox"),
				filepath.Join(m.Config, "mozilla", "firefox"))
		}},
		chromium("chrome", "google-chrome", ".var/app/com.google.Chrome/config/google-chrome"),
		chromium("chromium", "chromium", "snap/chromium/common/chromium", ".var/app/org.chromium.Chromium/config/chromium"),
		chromium("brave", "BraveSoftware/Brave-Browser", "snap/brave/current/.config/BraveSoftware/Brave-Browser",
			".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser"),
		chromium("edge", "microsoft-edge", ".var/app/com.microsoft.Edge/config/microsoft-edge"),
		chromium("opera", "opera"),
		chromium("vivaldi", "vivaldi", ".var/app/com.vivaldi.Vivaldi/config/vivaldi"),
	}
}

// FromBrowser reads the cookies of a browser on this machine, which may run
// meanwhile: its database is copied and the copy read. spec is NAME or
// NAME:PROFILE, where PROFILE is the name of a profile or of its folder, or a
// path to it; without one it is the profile that was used last.
//
// What a browser keeps only in memory, such as cookies that end with its
// session, is not there. Those of Chromium and its kin can be read on Linux,
// as far as they are not locked with a key of the desktop's keyring; see
// Set.Sealed.
func FromBrowser(ctx context.Context, spec string, m *Machine, now time.Time) (*Set, error) {
	machine, err := m.withDefaults()
	if err != nil {
		return nil, err
	}
	name, profile, _ := strings.Cut(spec, ":")
	var b *browser
	var names []string
	for _, x := range browsers() {
		names = append(names, x.name)
		if x.name == strings.ToLower(name) {
			b = &x
		}
	}
	if b == nil {
		return nil, fmt.Errorf("no browser %q; there are %s", name, strings.Join(names, ", "))
	}
	if b.only != "" && machine.OS != b.only {
		return nil, fmt.Errorf("%s locks its cookies on this system; export them to a cookies.txt and use --cookies FILE, or take Firefox", b.name)
	}
	file, err := b.find(&machine, profile)
	if err != nil {
		return nil, err
	}
	s := &Set{Source: b.name + " (" + profileDir(file) + ")"}
	if err := b.readFile(ctx, file, s, now); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", b.name, file, err)
	}
	slices.SortStableFunc(s.Cookies, func(a, b Cookie) int { return cmp.Compare(a.Host, b.Host) })
	return s, nil
}

// profileDir returns the name of the folder of the profile that a file of
// cookies is in.
func profileDir(file string) string {
	dir := filepath.Dir(file)
	if filepath.Base(dir) == "Network" {
		dir = filepath.Dir(dir)
	}
	return filepath.Base(dir)
}

// find returns the file of cookies of a profile, or of the one that was used
// last.
func (b *browser) find(m *Machine, profile string) (string, error) {
	type found struct {
		file string
		used time.Time
	}
	var all []found
	look := func(dir string) {
		for _, f := range b.files {
			file := filepath.Join(dir, filepath.FromSlash(f))
			if used, ok := lastUsed(file); ok {
				all = append(all, found{file, used})
			}
		}
	}
	roots := b.roots(m)
	if strings.ContainsAny(profile, `/\`) {
		look(profile)
		if len(all) == 0 {
			return "", fmt.Errorf("%s: no cookies in %s", b.name, profile)
		}
		return all[0].file, nil
	}
	for _, root := range roots {
		look(root) // a browser with one profile
		dirs, err := os.ReadDir(root)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		for _, d := range dirs {
			look(filepath.Join(root, d.Name()))
		}
	}
	if len(all) == 0 {
		return "", fmt.Errorf("%s: no profile with cookies; looked in %s", b.name, strings.Join(roots, ", "))
	}
	slices.SortStableFunc(all, func(a, b found) int { return b.used.Compare(a.used) })
	if profile == "" {
		return all[0].file, nil
	}
	var names []string
	for _, f := range all {
		// Firefox puts random letters before the name.
		name := profileDir(f.file)
		_, short, _ := strings.Cut(name, ".")
		if name == profile || b.name == "firefox" && short == profile {
			return f.file, nil
		}
		names = append(names, name)
	}
	return "", fmt.Errorf("%s: no profile %q; there are %s", b.name, profile, strings.Join(names, ", "))
}

// beside lists the files in which SQLite keeps what is not in the database
// file yet, or not for good, by what they add to its name.
func beside() []string { return []string{"-wal", "-journal"} }

// lastUsed returns when a database was last written to.
func lastUsed(file string) (used time.Time, ok bool) {
	for _, add := range append(beside(), "") {
		if st, err := os.Stat(file + add); err == nil && st.Mode().IsRegular() {
			ok = ok || add == ""
			if st.ModTime().After(used) {
				used = st.ModTime()
			}
		}
	}
	return used, ok
}

// readFile reads a copy of a database, since the browser keeps its own locked
// and may write to it. The copy is gone when readFile returns.
func (b *browser) readFile(ctx context.Context, file string, s *Set, now time.Time) (err error) {
	dir, err := os.MkdirTemp("", "trawl-cookies-") // for the user alone
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tmp := filepath.Join(dir, "copy")
	if err := snapshot(file, tmp); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", tmp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return b.read(ctx, db, s, now)
}

// snapshot copies a database with what is beside it, as they are at one
// moment: if they changed meanwhile it tries again.
func snapshot(file, to string) error {
	const tries = 5
	for range tries {
		before := stamp(file)
		if err := copyFile(file, to); err != nil {
			return err
		}
		for _, add := range beside() {
			_ = os.Remove(to + add) // of the try before
			if err := copyFile(file+add, to+add); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if stamp(file) == before {
			return nil
		}
	}
	return errors.New("it changes all the time; close the browser")
}

// stamp tells two states of a database apart.
func stamp(file string) string {
	var b strings.Builder
	for _, add := range append(beside(), "") {
		if st, err := os.Stat(file + add); err == nil {
			fmt.Fprintln(&b, add, st.Size(), st.ModTime().UnixNano())
		}
	}
	return b.String()
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
