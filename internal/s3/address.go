package s3

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// Scheme is what the address of a bucket begins with.
const Scheme = "s3://"

// An Address is a place for files: a bucket, and what the keys in it begin
// with.
type Address struct {
	Bucket string
	Prefix string // "" or a path that ends with a slash
}

// IsAddress reports whether a directory that a user names is in a bucket.
func IsAddress(s string) bool { return strings.HasPrefix(s, Scheme) }

// ParseAddress parses "s3://BUCKET" or "s3://BUCKET/PREFIX".
func ParseAddress(s string) (Address, error) {
	rest, ok := strings.CutPrefix(s, Scheme)
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || !validBucket(bucket) {
		return Address{}, fmt.Errorf("%q: must be s3://BUCKET or s3://BUCKET/PREFIX; the name of a bucket is 3 to 63 small letters, digits, dots and hyphens", s)
	}
	prefix = strings.Trim(prefix, "/")
	if prefix == "" {
		return Address{Bucket: bucket}, nil
	}
	if path.Clean("/"+prefix) != "/"+prefix || !utf8.ValidString(prefix) || len(prefix) > 512 || strings.ContainsAny(prefix, "\x00\r\n\\") {
		return Address{}, fmt.Errorf("%q: the part after the bucket must be plain names with slashes between them, 512 bytes at most", s)
	}
	return Address{Bucket: bucket, Prefix: prefix + "/"}, nil
}

// validBucket reports whether a bucket may have a name; it never needs
// escaping.
func validBucket(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Trim(name, ".-") != name || strings.Contains(name, "..") {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// String returns the address without a slash at its end.
func (a Address) String() string { return strings.TrimSuffix(Scheme+a.Bucket+"/"+a.Prefix, "/") }

// Join returns the address of what is under a name below this one.
func (a Address) Join(name string) Address {
	a.Prefix += name + "/"
	return a
}
