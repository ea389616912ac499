// Package thread gives goroutines names, identity and joins, and offers the
// classic tools for making them work together: locks, conditions, events,
// semaphores, barriers, queues and pools.
//
// Every one of them differs from its cousin in package sync in one respect:
// whoever waits can stop waiting, because waiting takes a context. Start with
// [Go] and [Thread.Join], [Queue], and [Pool] with [Submit] and [Map].
//
// # Rules that hold everywhere
//
//   - A call that may wait takes a context first. A timeout is
//     context.WithTimeout; "do not wait" is the method that begins with Try.
//   - If the context has ended already, a call that takes or gives something
//     (a lock, a permit, an item) returns ctx.Err() and changes nothing. A call
//     that only waits until something is so (Join, Event.Wait, Result) succeeds
//     if it is so.
//   - Waiters are served first come, first served. What was handed to a waiter
//     is never lost, even if its context ends at the same moment: such a call
//     returns success.
//   - The zero value of [Lock], [Event], [Semaphore] and [Queue] is ready for
//     use. None of the types may be copied after first use.
//   - Every function and method is safe for concurrent use.
//   - Handing something over synchronizes: a Release happens before the
//     return of the Acquire it lets through, a Put before the return of the
//     Get that takes its item, Event.Set before the return of the Wait it
//     ends, Notify before the return of the Wait it ends, the end of a thread
//     before the return of its Join.
//   - The package works under testing/synctest: whoever waits here is durably
//     blocked, and no channel outlives the call or the value it belongs to.
//
// # Identity
//
// The current thread travels in the context: [Current] asks it, and nothing
// else. A goroutine started with a plain go statement that is given the
// thread's context therefore counts as that thread, and a context that no
// thread made belongs to [Main].
//
// The list of living threads is kept for the whole process, as the runtime's
// list of goroutines is, because that is the list a debugger needs. [Scope]
// gives a program the ending that Python programs have: it returns when every
// thread started in it has ended, daemons excepted.
//
// # Looking inside
//
// While a thread runs its goroutine carries the profiler label "thread", with
// the name it started with. It shows in CPU and goroutine profiles, and in the
// stacks of a crash if GODEBUG has tracebacklabels=1; goroutines that the thread
// starts inherit it. [Dump] writes all threads with the calls they wait in.
// [ScopeOptions].StartStacks makes threads remember who started them.
package thread
