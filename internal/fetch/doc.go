// Package fetch turns a request into a response: a page in memory or the
// body of a file as a stream.
//
// Start with [New], then [Client.Page] and [Client.Open]. What went wrong is
// an [*Error] with a [Reason]; summaries and exit statuses group by it.
//
// The package promises that
//
//   - a header or cookie stays with the host it was meant for, wherever that
//     host redirects to;
//   - a body that is shorter than announced is an error, never a short body;
//   - the rest of a file, asked for with [Client.Resume], is of the version
//     whose beginning is there, or it is the whole;
//   - with Options.RefusePrivate no link or redirect leads into the user's own
//     network;
//   - every wait has an end: connecting, waiting for the header, a body that
//     stalls and a body that drips;
//   - a page is bounded in memory, before and after decompression.
//
// It does not retry and does not wait for its turn: package frontier decides
// when a host may be asked, and the engine what is worth a second try.
//
// A Client is safe for concurrent use and starts no goroutine of its own;
// those of net/http end with [Client.Close].
package fetch
