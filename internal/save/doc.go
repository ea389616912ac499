// Package save turns a response body into a file on disk under its final
// name, or into nothing.
//
// [Dir.Write] streams a body into a temporary file, counts and hashes it,
// looks at what it really is, checks that a picture goes on to its end, and
// syncs the data. [Temp.Rename] gives it its name. [Dir.Sync] makes names
// durable, once for many files. Whatever goes wrong before the rename leaves
// nothing behind, and whatever a dead process left is removed by [Open]; but of
// a body that was cut, whose source can be asked for the rest, the beginning
// is kept for [Dir.Part].
//
// [Clean] makes a safe relative path of whatever a spider read from a page,
// and nothing here, whatever the path, writes outside the directory: names
// are resolved by [os.Root].
//
// A Dir is safe for concurrent use; a Temp belongs to one goroutine. The
// package starts no goroutine.
package save
