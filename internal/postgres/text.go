package postgres

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// escape returns text as it is kept. PostgreSQL holds no zero byte and nothing
// that is not UTF-8; a URL or a message may have either. Such text becomes
// `\x` with its bytes in hexadecimal digits, and another backslash goes before
// text that begins with one.
func escape(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		if strings.HasPrefix(s, `\`) {
			return `\` + s
		}
		return s
	}
	return `\x` + hex.EncodeToString([]byte(s))
}

// unescape undoes escape.
func unescape(s string) string {
	rest, ok := strings.CutPrefix(s, `\`)
	if !ok {
		return s
	}
	if digits, ok := strings.CutPrefix(rest, "x"); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			return string(b)
		}
	}
	return rest
}

// uuid returns a place for a key.
func uuid(k *trawl.Key) *[16]byte { return (*[16]byte)(k) }

// columns of arrays, as statements take them: one row an element.

func ids[T any](vs []T, f func(*T) store.HostID) []int64 {
	return column(vs, func(v *T) int64 { return int64(f(v)) })
}

func keys[T any](vs []T, f func(*T) trawl.Key) []string {
	return column(vs, func(v *T) string { return f(v).String() })
}

func column[T, V any](vs []T, f func(*T) V) []V {
	out := make([]V, len(vs))
	for i := range vs {
		out[i] = f(&vs[i])
	}
	return out
}
