// Package wds keeps the files of a job in shards: tar archives as the library
// WebDataset reads them, for jobs of millions of files.
//
// Each file is a sample of two members that lie side by side, KEY.jpg, say, and
// KEY.json with its URL, name, size, hash and type. KEY is the file's key in the
// job, 32 hexadecimal digits: unique, and without a dot, up to which WebDataset
// takes a name for the key of a sample.
//
// A shard is written in the job's directory, .trawl/shards, and put in its place,
// the directory itself or a bucket, once it has its size and every sample in it
// counts, that is, is recorded in the store. [Files.Committed] says so. A file
// counts as soon as the shard that it is in is synced; until the shard is in its
// place the job's directory is needed.
//
// What a process that died has left is brought to what the store says by the next
// [Open] in the directory: samples that were not recorded, and half ones, are cut
// away, and the shard is put in its place, short as it may be.
//
// Nothing here starts a goroutine. A [Files] is safe for concurrent use.
package wds
