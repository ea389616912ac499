//go:build !linux

package save_test

import "github.com/trawl-go/trawl/internal/save"

var ways = []way{
	{"none", 16, save.Options{NoSync: true}, 256, syncNothing},
	{"each file and directory", 16, save.Options{}, 1, syncDirs},
	{"each file", 16, save.Options{}, 256, syncDirs},
}
