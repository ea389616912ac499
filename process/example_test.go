package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/trawl-go/trawl/process"
)

// Page is what a worker gets, and Doc what it makes of it.
type Page struct{ URL, HTML string }

type Doc struct {
	URL   string
	Title string
}

var parse = process.Register("example.parse", func(_ context.Context, p Page) (Doc, error) {
	_, rest, ok := strings.Cut(p.HTML, "<title>")
	title, _, _ := strings.Cut(rest, "</title>")
	if !ok {
		return Doc{}, fmt.Errorf("%s: %w", p.URL, errNoTitle)
	}
	return Doc{p.URL, title}, nil
})

var errNoTitle = errors.New("no title")

var pages = []Page{
	{"/1", "<title>肖申克的救赎</title>"},
	{"/2", "<p>nothing here"},
	{"/3", "<title>霸王别姬</title>"},
}

func Example() {
	// main and TestMain begin with process.Init().
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 2, TaskTimeout: time.Minute})

	doc, err := parse.Apply(ctx, pool, pages[0])
	fmt.Println(doc.Title, err)

	_, err = parse.Apply(ctx, pool, pages[1])
	fmt.Println(err, errors.Is(err, errNoTitle))

	pool.Close()
	fmt.Println(pool.Join(ctx))
	// Output:
	// 肖申克的救赎 <nil>
	// /2: no title true
	// <nil>
}

func ExampleInit() {
	main := func() {
		process.Init() // does not return in a worker
		fmt.Println("the first process goes on")
	}
	main()
	// Output: the first process goes on
}

var hello = process.Register("example.hello", func(_ context.Context, name string) (struct{}, error) {
	fmt.Println("hello", name)
	return struct{}{}, nil
})

func ExampleRegister() {
	// At the top of a file:
	//
	//	var hello = process.Register("hello", func(_ context.Context, name string) (struct{}, error) {
	//		fmt.Println("hello", name)
	//		return struct{}{}, nil
	//	})
	ctx := context.Background()
	p, err := hello.Start(ctx, "小帅b", &process.Options{Stdout: exampleOutput})
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Join(ctx)
	fmt.Println(p.ExitCode())
	// Output:
	// hello 小帅b
	// 0 true
}

// exampleOutput is where the example's output is looked for.
var exampleOutput = writerFunc(func(b []byte) (int, error) { return os.Stdout.Write(b) })

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func ExampleFunc_New() {
	ctx := context.Background()
	p := hello.New("world", &process.Options{Name: "greeter", Stdout: io.Discard})
	fmt.Println(p.Name(), p.Alive(), p.PID())
	fmt.Println(p.Start(ctx), p.Join(ctx), p.Alive(), p.Err())
	// Output:
	// greeter false 0
	// <nil> <nil> false <nil>
}

var sleep = process.Register("example.sleep", func(ctx context.Context, d time.Duration) (struct{}, error) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return struct{}{}, ctx.Err()
})

func ExampleProcess_Kill() {
	ctx := context.Background()
	p, err := sleep.Start(ctx, time.Hour, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	fmt.Println(p.Join(short), p.Alive())

	p.Kill()
	p.Join(ctx)
	var crash *process.CrashError
	fmt.Println(errors.As(p.Err(), &crash), p.Alive())
	// Output:
	// context deadline exceeded true
	// true false
}

func ExampleShutdown() {
	ctx := context.Background()
	sleep.Start(ctx, time.Millisecond, nil)
	sleep.Start(ctx, time.Hour, &process.Options{Daemon: true})
	fmt.Println(len(process.ActiveChildren()) > 0)
	fmt.Println(process.Shutdown(ctx)) // joins the first, terminates the second
	// Output:
	// true
	// <nil>
}

func ExampleFunc_Submit() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 2})
	defer pool.Terminate()

	f, err := parse.Submit(ctx, pool, pages[2])
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := f.Result(ctx)
	fmt.Println(doc.Title, err)
	// Output: 霸王别姬 <nil>
}

func ExampleFunc_Map() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 2})
	defer pool.Terminate()

	docs, err := parse.Map(ctx, pool, pages, 0)
	fmt.Println(docs)
	fmt.Println(err)
	// Output:
	// [{/1 肖申克的救赎} { } {/3 霸王别姬}]
	// item 1: /2: no title
}

func ExampleFunc_Imap() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 2})
	defer pool.Terminate()

	for doc, err := range parse.Imap(ctx, pool, slices.Values(pages), 0) {
		fmt.Println(doc.Title, err)
	}
	// Output:
	// 肖申克的救赎 <nil>
	//  item 1: /2: no title
	// 霸王别姬 <nil>
}

func ExampleFunc_ImapUnordered() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 2})
	defer pool.Terminate()

	for doc, err := range parse.ImapUnordered(ctx, pool, slices.Values(pages), 0) {
		var item *process.ItemError
		if errors.As(err, &item) {
			fmt.Println(pages[item.Index].URL, "failed")
			continue
		}
		fmt.Println(doc.URL, doc.Title)
	}
	// Unordered output:
	// /1 肖申克的救赎
	// /2 failed
	// /3 霸王别姬
}

var crash = process.Register("example.crash", func(context.Context, string) (string, error) {
	os.Exit(3)
	return "", nil
})

func ExampleCrashError() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 1})
	defer pool.Terminate()

	_, err := crash.Apply(ctx, pool, "")
	var crashed *process.CrashError
	if errors.As(err, &crashed) {
		fmt.Println("exit code", crashed.ExitCode)
	}
	// The pool goes on.
	doc, err := parse.Apply(ctx, pool, pages[0])
	fmt.Println(doc.Title, err)
	// Output:
	// exit code 3
	// 肖申克的救赎 <nil>
}

func ExampleTimeoutError() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 1, TaskTimeout: 50 * time.Millisecond})
	defer pool.Terminate()

	_, err := sleep.Apply(ctx, pool, time.Hour)
	fmt.Println(err)
	// Output: process: task took longer than 50ms; worker killed
}

var setUp = process.Register("example.setUp", func(_ context.Context, language string) (struct{}, error) {
	greeting = map[string]string{"zh": "你好", "en": "hello"}[language]
	return struct{}{}, nil
})

var greeting string // of the worker

var greet = process.Register("example.greet", func(_ context.Context, name string) (string, error) {
	return greeting + ", " + name, nil
})

func ExampleFunc_With() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Init: setUp.With("zh")})
	defer pool.Terminate()
	fmt.Println(greet.Apply(ctx, pool, "小帅b"))
	// Output: 你好, 小帅b <nil>
}

var upper = process.Register("example.upper", func(ctx context.Context, c *process.Conn[string]) (struct{}, error) {
	for {
		s, err := c.Recv(ctx)
		if err == io.EOF { // the other side is gone
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, err
		}
		if err := c.Send(ctx, strings.ToUpper(s)); err != nil {
			return struct{}{}, err
		}
	}
})

func ExampleDuplex() {
	ctx := context.Background()
	here, there, err := process.Duplex[string]()
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := upper.Start(ctx, there, nil) // which has that end now
	if err != nil {
		fmt.Println(err)
		return
	}
	here.Send(ctx, "ping")
	fmt.Println(here.Recv(ctx))
	here.Close()
	p.Join(ctx)
	fmt.Println(p.ExitCode())
	// Output:
	// PING <nil>
	// 0 true
}

var counting = process.Register("example.counting", func(ctx context.Context, w *process.Conn[int]) (struct{}, error) {
	for i := range 3 {
		w.Send(ctx, i)
	}
	return struct{}{}, nil
})

func ExamplePipe() {
	ctx := context.Background()
	r, w, err := process.Pipe[int]()
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := counting.Start(ctx, w, nil); err != nil {
		fmt.Println(err)
		return
	}
	for {
		n, err := r.Recv(ctx)
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(n)
	}
	// Output:
	// 0
	// 1
	// 2
	// EOF
}

// Work is an argument that takes queues along.
type Work struct {
	Pages *process.Queue[Page]
	Docs  *process.Queue[Doc]
}

var consumer = process.Register("example.consumer", func(ctx context.Context, w Work) (struct{}, error) {
	for range w.Pages.All(ctx) {
		if err := w.Docs.Put(ctx, Doc{Title: "a page"}); err != nil {
			return struct{}{}, err
		}
		w.Pages.TaskDone()
	}
	return struct{}{}, nil
})

func ExampleQueue() {
	ctx := context.Background()
	pages, err := process.NewQueue[Page](100)
	if err != nil {
		fmt.Println(err)
		return
	}
	docs, err := process.NewQueue[Doc](0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 5 {
		consumer.Start(ctx, Work{pages, docs}, nil)
	}
	for range 10 {
		pages.Put(ctx, Page{})
	}
	pages.Join(ctx) // all are worked off
	pages.Shutdown()
	process.Shutdown(ctx)
	fmt.Println(docs.Len(), "documents")
	// Output: 10 documents
}

// Shared is an argument that takes a lock and a number along.
type Shared struct {
	Lock  *process.Lock
	Total *process.Value[int64]
}

var adding = process.Register("example.adding", func(ctx context.Context, s Shared) (struct{}, error) {
	for range 1000 {
		if err := s.Lock.Acquire(ctx); err != nil {
			return struct{}{}, err
		}
		s.Total.Store(s.Total.Load() + 1) // s.Total.Add(1) would need no lock
		s.Lock.Release()
	}
	return struct{}{}, nil
})

func ExampleLock() {
	ctx := context.Background()
	lock, err := process.NewLock()
	if err != nil {
		fmt.Println(err)
		return
	}
	total, err := process.NewValue[int64](0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		adding.Start(ctx, Shared{lock, total}, nil)
	}
	process.Shutdown(ctx) // joins them
	fmt.Println(total.Load())
	// Output: 3000
}

var leaving = process.Register("example.leaving", func(ctx context.Context, l *process.Lock) (struct{}, error) {
	return struct{}{}, l.Acquire(ctx) // and never releases it
})

func ExampleLock_Acquire() {
	ctx := context.Background()
	lock, err := process.NewLock()
	if err != nil {
		fmt.Println(err)
		return
	}
	leaving.Start(ctx, lock, nil)
	process.Shutdown(ctx)

	err = lock.Acquire(ctx)
	fmt.Println(err == process.ErrOwnerDied, lock.Locked())
	lock.Release()
	fmt.Println(lock.Acquire(ctx))
	// Output:
	// true true
	// <nil>
}

func ExampleSemaphore() {
	three, err := process.NewBoundedSemaphore(3)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Handed to any number of processes, it lets three of them in at a time.
	ctx := context.Background()
	for range 3 {
		fmt.Println(three.Acquire(ctx))
	}
	fmt.Println(three.TryAcquire())
	fmt.Println(three.Release(3), three.Release(1) == process.ErrOverRelease)
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// false
	// <nil> true
}

var starting = process.Register("example.starting", func(ctx context.Context, e *process.Event) (struct{}, error) {
	e.Set()
	return struct{}{}, nil
})

func ExampleEvent() {
	ctx := context.Background()
	up, err := process.NewEvent()
	if err != nil {
		fmt.Println(err)
		return
	}
	starting.Start(ctx, up, nil)
	fmt.Println(up.Wait(ctx), up.IsSet())
	// Output: <nil> true
}

// Basket is an argument that takes a condition along.
type Basket struct {
	Cond   *process.Cond
	Apples *process.Value[int32]
}

var picking = process.Register("example.picking", func(ctx context.Context, b Basket) (struct{}, error) {
	for range 5 {
		if err := b.Cond.L.Acquire(ctx); err != nil {
			return struct{}{}, err
		}
		b.Apples.Add(1)
		b.Cond.Notify(1)
		b.Cond.L.Release()
	}
	return struct{}{}, nil
})

func ExampleCond() {
	ctx := context.Background()
	cond, err := process.NewCond(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	apples, err := process.NewValue[int32](0)
	if err != nil {
		fmt.Println(err)
		return
	}
	picking.Start(ctx, Basket{cond, apples}, nil)

	cond.L.Acquire(ctx)
	err = cond.WaitFor(ctx, func() bool { return apples.Load() == 5 })
	fmt.Println(apples.Load(), "apples", err)
	cond.L.Release()
	// Output: 5 apples <nil>
}

var meeting = process.Register("example.meeting", func(ctx context.Context, b *process.Barrier) (struct{}, error) {
	_, err := b.Wait(ctx)
	return struct{}{}, err
})

func ExampleBarrier() {
	ctx := context.Background()
	b, err := process.NewBarrier(3)
	if err != nil {
		fmt.Println(err)
		return
	}
	meeting.Start(ctx, b, nil)
	meeting.Start(ctx, b, nil)
	_, err = b.Wait(ctx)
	fmt.Println("all three are here", err)
	// Output: all three are here <nil>
}

var filling = process.Register("example.filling", func(ctx context.Context, a *process.Array[float64]) (struct{}, error) {
	a.CopyFrom([]float64{1.5, 2.5}, 1)
	a.Add(0, 0.25)
	return struct{}{}, nil
})

func ExampleArray() {
	ctx := context.Background()
	a, err := process.NewArray[float64](4)
	if err != nil {
		fmt.Println(err)
		return
	}
	filling.Start(ctx, a, nil)
	process.Shutdown(ctx)
	all := make([]float64, a.Len())
	a.CopyTo(all, 0)
	fmt.Println(all)
	// Output: [0.25 1.5 2.5 0]
}

var who = process.Register("example.who", func(context.Context, struct{}) (string, error) {
	parent, _ := process.Parent()
	return fmt.Sprintf("%s of %s, child: %v", process.Current().Name, parent.Name, process.IsChild()), nil
})

func ExampleCurrent() {
	ctx := context.Background()
	pool := process.NewPool(&process.PoolOptions{Workers: 1, Name: "工人"})
	defer pool.Terminate()
	name, err := who.Apply(ctx, pool, struct{}{})
	fmt.Println(strings.HasPrefix(name, "工人-"), strings.HasSuffix(name, " of MainProcess, child: true"), err)
	fmt.Println(process.Current().Name)
	// Output:
	// true true <nil>
	// MainProcess
}
