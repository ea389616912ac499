package process

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
)

// A link carries messages between a process and its parent, over two pipes:
// pipes exist everywhere, are faster than socket pairs, and end when the last
// process that holds the other end does.
//
// A message is its length (4 bytes, of what follows), its kind (1 byte) and a
// body.
type link struct {
	r *os.File
	w *os.File
	p *prompt // of w, with mu held; nil if direct

	in  *bufio.Reader // of who calls next
	has int           // length of the body that next returned and in still holds
	big []byte        // for bodies that in cannot hold

	// For a direct link, and who calls next: to wait in a system call, which
	// is twice as fast as the poller, but may keep other goroutines from
	// running for some milliseconds.
	blocks bool

	mu      sync.Mutex // guards everything below; held during direct writes
	direct  bool       // messages are written by who sends them
	out     []byte     // messages to be written, unless direct
	spare   []byte     // a buffer to be used again
	writing bool       // write is at it
	wake    chan struct{}
	closed  bool
}

const (
	headerLen  = 5
	maxMessage = 1 << 30
)

// Kinds of messages. Down goes from parent to child.
const (
	kindStart    byte = iota + 1 // down, first: startMessage, then the argument
	kindExit                     // up: the function's error, just before the exit
	kindHello                    // up: the child has come to Init
	kindReady                    // up: initialiser's error; the worker takes tasks
	kindTask                     // down: task ID, function, count, arguments
	kindResult                   // up: nanoseconds it took, task ID, then for each argument a status and a result
	kindCancel                   // down: task ID; the task's context has ended
	kindRecall                   // down: give back what has not started
	kindReturned                 // up: IDs of tasks given back
	kindBye                      // down: end when all tasks are done
	kindAsk                      // up: a question to the first process
	kindAnswer                   // down: its answer
	kindGone                     // up: a session has ended
)

// newLink makes a link whose sends never block: whoever owns it runs write.
func newLink(r, w *os.File) *link {
	return &link{r: r, w: w, p: newPromptWriter(w), in: bufio.NewReaderSize(r, 64<<10), wake: make(chan struct{}, 1)}
}

// newDirectLink makes a link whose sends block until the message is written.
// A child talks to its parent that way: the parent always reads.
func newDirectLink(r, w *os.File) *link {
	l := &link{r: r, w: w, direct: true}
	wait := newReadable(r)
	l.in = bufio.NewReaderSize(readerFunc(func(b []byte) (int, error) {
		if !l.blocks {
			wait()
		}
		return r.Read(b)
	}), 64<<10)
	return l
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

var errTooLong = errors.New("message is longer than 1 GB")

// send sends one message. Errors of the other side having gone are not
// reported: its end is noticed elsewhere.
func (l *link) send(kind byte, body ...[]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.postLocked(kind, body...); err != nil {
		return err
	}
	if l.direct {
		l.w.Write(l.out)
		l.out = reusable(l.out)
		return nil
	}
	l.wakeLocked()
	return nil
}

// post is send that leaves it to flush to write the message.
func (l *link) post(kind byte, body ...[]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.postLocked(kind, body...)
}

// flush writes what is to be written, as far as that goes without waiting:
// it is faster than to wake write for it, but for a single message only.
func (l *link) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing || l.closed || len(l.out) == 0 {
		return
	}
	n := l.p.write(l.out)
	if n < len(l.out) {
		l.out = l.out[:copy(l.out, l.out[n:])]
		l.wakeLocked()
		return
	}
	l.out = reusable(l.out)
}

func (l *link) postLocked(kind byte, body ...[]byte) error {
	n := 1
	for _, b := range body {
		n += len(b)
	}
	if n > maxMessage {
		return &EncodeError{Type: "message", Err: errTooLong}
	}
	if l.closed {
		return nil
	}
	l.out = append(binary.LittleEndian.AppendUint32(l.out, uint32(n)), kind)
	for _, b := range body {
		l.out = append(l.out, b...)
	}
	return nil
}

func (l *link) wakeLocked() {
	if l.closed {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// reusable is an empty buffer.
func reusable(b []byte) []byte {
	if cap(b) > 1<<20 {
		return nil
	}
	return b[:0]
}

// write writes what is sent until the link is closed or the other side gone.
func (l *link) write() {
	for range l.wake {
		l.mu.Lock()
		b := l.out
		l.out, l.spare = l.spare[:0], nil
		l.writing = true
		l.mu.Unlock()
		var err error
		if len(b) > 0 {
			_, err = l.w.Write(b)
		}
		l.mu.Lock()
		l.writing = false
		l.spare = reusable(b)
		if len(l.out) > 0 { // posted meanwhile, and flush left it to us
			l.wakeLocked()
		}
		l.mu.Unlock()
		if err != nil {
			l.close()
		}
	}
}

// close makes sends do nothing, and write return once all is written.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	if !l.direct {
		close(l.wake)
	}
}

// next waits for the next message. The body is valid until the next call. One
// goroutine at a time may call it.
func (l *link) next() (kind byte, body []byte, err error) {
	l.in.Discard(l.has)
	l.has = 0
	if cap(l.big) > 4<<20 {
		l.big = nil
	}
	head, err := l.in.Peek(headerLen)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head)) - 1
	kind = head[4]
	if n < 0 || n >= maxMessage {
		return 0, nil, errTooLong
	}
	l.in.Discard(headerLen)
	if n <= l.in.Size() {
		l.has = n
		body, err = l.in.Peek(n)
		return kind, body, err
	}
	if cap(l.big) < n {
		l.big = make([]byte, n)
	}
	_, err = io.ReadFull(l.in, l.big[:n])
	return kind, l.big[:n], err
}
