// Package s3 keeps the files of a job in a bucket of Amazon S3, or of anything
// that speaks its language: the other side of the seam [save.Files].
//
// A file is written and checked on the local disk by package save, uploaded in
// one request or, if it is large, in parts, and counts as placed when the server
// has confirmed what it has: by the MD5 in its answer, or by size and hash in a
// second question. Its SHA-256 is part of the signature of the upload, so a
// server refuses bytes that have changed on the way, and stays with the object
// as its metadata sha256.
//
// [Open] makes the part of the bucket under an address the job's own; see
// [Options.Owner].
//
// Nothing here starts a goroutine. A [Bucket] is safe for concurrent use.
package s3
