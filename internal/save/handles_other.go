//go:build !linux

package save

import "errors"

// canUseHandles is false where calls do not take open directories, or none
// moves a file and fails if something is there.
const canUseHandles = false

func renameNew(handle, string, handle, string) error { return errors.ErrUnsupported }

func createNew(handle, string) (file, error) { return nil, errors.ErrUnsupported }

func existsIn(handle, string) bool { return true }
