package process

// SetPortable makes tools that are made from now on live in the hub.
func SetPortable(on bool) { self.portable.Store(on) }

// Shared tells whether there is shared memory on this system.
func Shared() bool {
	_, ok := newShared(kindEvent, 0, false)
	return ok
}
