package future_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/trawl-go/trawl/future"
)

func ExamplePromise() {
	var p future.Promise[string]
	f := p.Future()
	f.OnDone(func() { fmt.Println("callback:", f.State()) })

	go func() {
		if p.Start() {
			p.Set("结果", nil)
		}
	}()
	fmt.Println(f.Result(context.Background()))
	// Output:
	// callback: finished
	// 结果 <nil>
}

func ExampleFuture_Cancel() {
	var p future.Promise[int]
	f := p.Future()
	fmt.Println(f.Cancel(), p.Start())
	fmt.Println(f.TryResult())
	// Output:
	// true false
	// 0 future: cancelled
}

func ExampleFuture_TryResult() {
	var p future.Promise[int]
	fmt.Println(p.Future().TryResult())
	p.Set(1, nil)
	fmt.Println(p.Future().TryResult())
	// Output:
	// 0 future: not done yet
	// 1 <nil>
}

func ExampleWait() {
	var a, b, c future.Promise[int]
	a.Set(1, nil)
	b.Set(0, errors.New("broken"))
	done, pending, err := future.Wait(context.Background(), future.FirstError, a.Future(), b.Future(), c.Future())
	fmt.Println(len(done), len(pending), err)
	// Output: 2 1 <nil>
}

func ExampleAsCompleted() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var slow, fast future.Promise[string]
	fast.Set("fast", nil)
	for f, err := range future.AsCompleted(ctx, slow.Future(), fast.Future()) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(f.TryResult())
		cancel()
	}
	// Output:
	// fast <nil>
	// 1 (of 2) futures unfinished: context canceled
}
