// Package replica is the three reference sites (mzitu galleries, the Douban
// Top 250, doutula pictures) and a generic picture gallery as HTTP servers on
// loopback.
//
// Everything on them is made up here and computed from a seed: titles, films,
// captions and landscapes. The markup is that of the real sites in a chosen
// year, oddities included, and so are the refusals: Referer checks, rate
// limits, login walls. Links are the real sites' absolute URLs, so a client
// has to send each host to its address on loopback; [Server.ConnectTo] says
// which, and [Server.Client] is a client that does it.
//
// Start with [New] and [Server.Start]. [Server.Expected] says what a perfect
// collector gets, without looking at the HTML; [Server.Picture] has the bytes.
// [Server.Change] switches faults on and off while the server runs, and
// [Server.Log] is the record of every request, the oracle for tests that kill
// and restart a collector.
//
// A Server is safe for concurrent use.
package replica
