package store_test

import (
	"testing"

	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

func TestMem(t *testing.T) {
	storetest.Test(t, storetest.Driver{
		Open: func(testing.TB) store.Store { return store.NewMem() },
	})
}
