package s3

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/trawl-go/trawl/internal/save"
)

// A Kind says what is wrong, and so what there is to do; see [Error.Hint].
type Kind string

// Kinds of an [Error].
const (
	Setup    Kind = "setup"     // an endpoint that is none
	NoBucket Kind = "no bucket" // there is none of that name
	Denied   Kind = "denied"    // no keys, wrong ones, or ones that may not
	Region   Kind = "region"    // the bucket is in another one
	Clock    Kind = "clock"     // this machine's is wrong
	Full     Kind = "full"      // the server's disk, or a quota
	InUse    Kind = "in use"    // the place belongs to another job, or to someone
	Away     Kind = "away"      // no answer, or that of a server in trouble
	Missing  Kind = "missing"   // no such object
	Refused  Kind = "refused"   // this one request
)

// An Error is a request that came to nothing.
type Error struct {
	Kind Kind
	Op   string // what was tried, like "upload"
	At   string // the object, "s3://bucket/key"
	Err  error

	// alone says that others succeeded meanwhile.
	alone bool
}

// Error returns "s3: OP AT: what happened". It has nothing secret.
func (e *Error) Error() string {
	if e.At == "" {
		return fmt.Sprintf("s3: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("s3: %s %s: %v", e.Op, e.At, e.Err)
}

// Unwrap returns what the server or the connection said, and fs.ErrNotExist for
// what is missing.
func (e *Error) Unwrap() []error {
	if e.Kind == Missing {
		return []error{e.Err, fs.ErrNotExist}
	}
	return []error{e.Err}
}

// Persistent reports whether the next file would meet the same fate.
func (e *Error) Persistent() bool {
	switch e.Kind {
	case Missing, Refused:
		return false
	case Away:
		return !e.alone
	}
	return true
}

// Hint returns the next step, "" if there is none to name.
func (e *Error) Hint() string {
	switch e.Kind {
	case NoBucket:
		return "create the bucket first, or mend its name; $AWS_ENDPOINT_URL says on which server it is looked for, if not on Amazon's"
	case Denied:
		return "give keys that may list, get, put and delete objects there: $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, or a profile of ~/.aws/credentials in $AWS_PROFILE"
	case Region:
		var r minio.ErrorResponse
		if errors.As(e.Err, &r) && r.Region != "" {
			return "the bucket is in another region: set AWS_REGION=" + r.Region
		}
		return "set $AWS_REGION to the region of the bucket"
	case Clock:
		return "set the clock of this machine; requests are signed with the time"
	case Full:
		return "make room there; the same command goes on"
	case InUse:
		return "choose another bucket or prefix"
	case Away:
		return "the same command goes on where it was, once the server answers"
	}
	return ""
}

// kindOf judges what a request came to.
func kindOf(err error) Kind {
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		switch r.Code {
		case "NoSuchBucket", "InvalidBucketName":
			return NoBucket
		case "NoSuchKey", "NoSuchUpload":
			return Missing
		case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AllAccessDisabled", "AccountProblem", "NotSignedUp":
			return Denied
		case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "InvalidRegion", "IllegalLocationConstraintException":
			return Region
		case "RequestTimeTooSkewed", "RequestExpired":
			return Clock
		case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity":
			return Full
		case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody", "RequestTimeout", "SlowDown", "OperationAborted":
			return Away // the same request may go well
		}
		switch s := r.StatusCode; {
		case s == http.StatusInsufficientStorage:
			return Full
		case s == http.StatusUnauthorized, s == http.StatusForbidden:
			return Denied
		case s == http.StatusMovedPermanently, s == http.StatusTemporaryRedirect:
			return Region
		case s == http.StatusNotFound:
			return Missing
		case s >= 500, s == http.StatusTooManyRequests, s == http.StatusRequestTimeout:
			return Away
		}
		return Refused
	}
	for _, target := range []any{new(x509.UnknownAuthorityError), new(x509.HostnameError), new(x509.CertificateInvalidError)} {
		if errors.As(err, target) {
			return Setup
		}
	}
	if strings.Contains(err.Error(), "gave HTTP response to HTTPS client") {
		return Setup
	}
	if errors.Is(err, errChanged) {
		return Refused
	}
	return Away
}

// A patience tries again what may go well the next time.
type patience struct {
	wait time.Duration // how long; see Options.Wait
	last atomic.Int64  // when a request succeeded, in Unix nanoseconds
}

// do runs a request until it succeeds, fails for good, or has failed for as
// long as wait allows. A single attempt at size bytes has a minute, and more
// for a large one.
func (p *patience) do(ctx context.Context, op, at string, size int64, request func(context.Context) error) error {
	began := time.Now()
	for n := 0; ; n++ {
		attempt, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(size/(64<<10))*time.Second)
		err := request(attempt)
		cancel()
		if err == nil {
			p.last.Store(time.Now().UnixNano())
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if own := (*Error)(nil); errors.As(err, &own) {
			return own
		}
		e := &Error{Kind: kindOf(err), Op: op, At: at, Err: err}
		if e.Kind != Away {
			return e
		}
		if time.Since(began) >= p.wait {
			e.alone = p.last.Load() > began.UnixNano()
			return e
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(100*time.Millisecond<<min(n, 10), 10*time.Second)):
		}
	}
}

// diskError makes an [Error] one of the seam, with the path of its file. Others
// are that already, or of a context.
func diskError(path string, err error) error {
	if e, ok := err.(*Error); ok {
		return &save.Error{Reason: save.Disk, Path: path, Err: e}
	}
	return err
}
