package process

import "context"

// An Event is a flag that processes can wait for. It comes from NewEvent.
//
// An Event is safe for concurrent use.
type Event struct {
	ref  ref
	impl eventImpl
}

// NewEvent makes an event that is not set. For errors see NewLock.
func NewEvent() (*Event, error) {
	e := new(Event)
	var err error
	e.ref, e.impl, err = newTool[eventImpl](kindEvent, 0, false)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Set sets the event and lets everyone go who waits for it, even if Clear
// follows at once. Setting it twice does nothing more.
func (e *Event) Set() { e.impl.set() }

// Clear makes the event not set, for those who wait from now on.
func (e *Event) Clear() { e.impl.clear() }

// IsSet tells whether the event is set.
func (e *Event) IsSet() bool { return e.impl.isSet() }

// Wait waits until the event is set. It returns ctx.Err() if ctx ends first.
func (e *Event) Wait(ctx context.Context) error { return e.impl.wait(ctx) }

func (e *Event) encodeTo(enc *encoder) error { return e.ref.encode(enc) }

func (e *Event) decodeFrom(d *decoder) (err error) {
	e.impl, err = decodeTool[eventImpl](d, kindEvent, &e.ref)
	return err
}
