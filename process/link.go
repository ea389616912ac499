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

	mu     sync.Mutex // guards everything below; held during direct writes
	direct bool       // messages are written by who sends them
	out    []byte     // messages to be written, unless direct
	spare  []byte     // a buffer to be used again
	wake   chan struct{}
	closed bool
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
	return &link{r: r, w: w, wake: make(chan struct{}, 1)}
}

// newDirectLink makes a link whose sends block until the message is written.
// A child talks to its parent that way: the parent always reads.
func newDirectLink(r, w *os.File) *link {
	return &link{r: r, w: w, direct: true}
}

// begin starts a message in b; end finishes it.
func begin(b []byte, kind byte) []byte {
	return append(b, 0, 0, 0, 0, kind)
}

func end(b []byte, start int) {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
}

var errTooLong = errors.New("message is longer than 1 GB")

// send sends one message. Errors of the other side having gone are not
// reported: its end is noticed elsewhere.
func (l *link) send(kind byte, body ...[]byte) error {
	n := 1
	for _, b := range body {
		n += len(b)
	}
	if n > maxMessage {
		return &EncodeError{Type: "message", Err: errTooLong}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	b := l.out
	start := len(b)
	b = begin(b, kind)
	for _, part := range body {
		b = append(b, part...)
	}
	end(b, start)
	if l.direct {
		l.w.Write(b)
		l.out = b[:0]
		if cap(b) > 1<<20 {
			l.out = nil
		}
		return nil
	}
	l.out = b
	if start == 0 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// write writes what is sent until the link is closed or the other side gone.
func (l *link) write() {
	for range l.wake {
		l.mu.Lock()
		b := l.out
		l.out, l.spare = l.spare[:0], nil
		closed := l.closed
		l.mu.Unlock()
		if len(b) > 0 {
			if _, err := l.w.Write(b); err != nil {
				l.close()
			}
		}
		if closed {
			return
		}
		l.mu.Lock()
		if cap(b) <= 1<<20 {
			l.spare = b[:0]
		}
		l.mu.Unlock()
	}
}

// close makes sends do nothing, and write return.
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

// read calls handle with each message that comes, until the other side has
// gone. The body is valid during the call.
func (l *link) read(handle func(kind byte, body []byte)) error {
	r := bufio.NewReaderSize(l.r, 64<<10)
	var big []byte
	for {
		head, err := r.Peek(headerLen)
		if err != nil {
			if err == io.EOF && len(head) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		n := int(binary.LittleEndian.Uint32(head)) - 1
		kind := head[4]
		if n < 0 || n >= maxMessage {
			return errTooLong
		}
		r.Discard(headerLen)
		if n <= r.Size() {
			body, err := r.Peek(n)
			if err != nil {
				return err
			}
			handle(kind, body)
			r.Discard(n)
			continue
		}
		if cap(big) < n {
			big = make([]byte, n)
		}
		if _, err := io.ReadFull(r, big[:n]); err != nil {
			return err
		}
		handle(kind, big[:n])
		if cap(big) > 4<<20 {
			big = nil
		}
	}
}
