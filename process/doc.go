// Package process runs Go functions in other processes and survives what they
// do there: crash, hang, exhaust memory, or get killed.
//
// A function is registered once, in a package-level variable; the handle that
// [Register] gives is typed and is what everything starts from:
//
//	var parse = process.Register("page.parse", func(ctx context.Context, p Page) (Doc, error) { … })
//
//	func main() {
//		process.Init() // first statement of main, and of TestMain
//		pool := process.NewPool(&process.PoolOptions{Workers: 4, TaskTimeout: time.Minute})
//		doc, err := parse.Apply(ctx, pool, page)
//
// A worker is this very program, executed again: [Init] finds out that it is
// in a worker, does the work and never returns. Whatever runs before Init, the
// program's package-level variables and init functions, runs in every worker.
//
// Start with [Register] and [Pool]; [Func.Start] makes a single [Process].
//
// # Rules that hold everywhere
//
//   - A call that may wait takes a context first. "Do not wait" is the method
//     that begins with Try.
//   - If the context has ended already, a call that takes or gives something
//     returns ctx.Err() and changes nothing. A call that only waits until
//     something is so succeeds if it is so.
//   - A process that dies takes nothing with it: not a lock, not a permit of a
//     bounded semaphore, not a queue. Every future ends.
//   - When a process dies, by whatever means, its children die too, even if
//     they are busy.
//   - Every function and method is safe for concurrent use.
//
// # What can cross
//
// Arguments, results and the items of queues and pipes are copied. Both sides
// are the same program, so only the values travel, no names and no types:
// booleans, numbers, strings, slices, arrays, maps, pointers (to a copy),
// exported fields of structs, values of type error (as a [RemoteError]), and
// all types with the methods of encoding/gob, BinaryMarshaler or
// TextMarshaler. Values in other interfaces go through encoding/gob, which
// must know their types (gob.Register). Channels, functions, cycles and
// structs without exported fields give an [EncodeError].
//
// The tools of this package can cross too: a [Lock], [Queue] or [Value] may be
// part of an argument, a result or an item, and then is the same lock, queue
// or value on the other side. A [Conn] and an *os.File can be part of the
// argument of [Func.Start], and nothing else.
//
// # Systems
//
// On 64-bit Linux the tools live in memory that the processes share, and a
// lock that is free costs no system call; up to 128 processes can use them at
// a time. Elsewhere, and for [Cond] and [Barrier] everywhere, they live in the
// first process, and using one is a message to it. The messages of a [Conn] go
// through such memory too, which its two ends have for themselves; elsewhere
// they go through pipes of the system. [PoolOptions].Memory needs Linux;
// [MemoryLimited] tells.
package process
