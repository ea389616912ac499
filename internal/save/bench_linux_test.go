package save_test

import (
	"os"

	"github.com/trawl-go/trawl/internal/save"
	"golang.org/x/sys/unix"
)

var ways = []way{
	{"none", 16, save.Options{NoSync: true}, 256, syncNothing},
	{"each file and directory", 16, save.Options{}, 1, syncDirs},
	{"each file", 16, save.Options{}, 256, syncDirs},
	{"each file of 32", 32, save.Options{}, 256, syncDirs},
	{"each file of 64", 64, save.Options{}, 256, syncDirs},
	{"syncfs", 16, save.Options{NoSync: true}, 256, syncFS},
}

// syncFS writes out all of the file system.
func syncFS(_ *save.Dir, dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
