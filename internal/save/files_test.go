package save_test

import (
	"testing"

	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/save/savetest"
)

func TestDirIsFiles(t *testing.T) {
	savetest.Run(t, func(t *testing.T) savetest.Kind {
		dir := t.TempDir()
		return savetest.Kind{Open: func(t *testing.T) save.Files {
			d, err := save.Open(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}}
	})
}
