package s3

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"gopkg.in/ini.v1"
)

// amazon is where requests go if nothing else is said.
const amazon = "https://s3.amazonaws.com"

// dial returns a client as the environment says, by the names that Amazon's own
// tools go by: $AWS_ENDPOINT_URL_S3 or $AWS_ENDPOINT_URL, $AWS_REGION or
// $AWS_DEFAULT_REGION, the keys of $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY
// and $AWS_SESSION_TOKEN, else those of $AWS_PROFILE in ~/.aws/credentials and
// ~/.aws/config, else those that the role of the machine gives.
func dial(ctx context.Context) (*minio.Core, error) {
	profile := readProfile()
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), profile("endpoint_url"), amazon)
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Path != "" && u.Path != "/" {
		return nil, &Error{Kind: Setup, Op: "connect", Err: fmt.Errorf("the endpoint is not like https://s3.example.com; see $AWS_ENDPOINT_URL")}
	}
	creds, err := credentialsOf(ctx, u.Host)
	if err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, &Error{Kind: Setup, Op: "connect", Err: err}
	}
	transport.MaxIdleConnsPerHost = 64 // as many files may go up at a time
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), profile("region"))
	if region == "" && endpoint != amazon {
		region = "us-east-1" // most servers have one region, and call it that
	}
	c, err := minio.NewCore(u.Host, &minio.Options{
		Creds: creds, Secure: u.Scheme == "https", Region: region, Transport: transport,
		// Ours is the one policy of retries. Two, as the client learns in the
		// first in which region a bucket is.
		MaxRetries: 2,
	})
	if err != nil {
		return nil, &Error{Kind: Setup, Op: "connect", Err: err}
	}
	return c, nil
}

// credentialsOf finds the keys. Those of the machine's role are looked for by
// asking an address that only exists in Amazon's network, so not for long, and
// last.
func credentialsOf(ctx context.Context, host string) (*credentials.Credentials, error) {
	client := &http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		ResponseHeaderTimeout: 10 * time.Second,
	}}
	creds := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: client},
	})
	v, err := creds.GetWithContext(&credentials.CredContext{Client: client, Endpoint: host, Context: ctx})
	if err != nil {
		return nil, &Error{Kind: Denied, Op: "connect", Err: err}
	}
	if v.AccessKeyID == "" || v.SecretAccessKey == "" {
		return nil, &Error{Kind: Denied, Op: "connect", Err: fmt.Errorf("no keys: neither in the environment, nor in ~/.aws, nor from a role of this machine")}
	}
	return creds, nil
}

// readProfile returns what ~/.aws/config says in the section of the profile.
func readProfile() func(key string) string {
	name := cmp.Or(os.Getenv("AWS_PROFILE"), "default")
	file := os.Getenv("AWS_CONFIG_FILE")
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return func(string) string { return "" }
		}
		file = filepath.Join(home, ".aws", "config")
	}
	conf, err := ini.LoadSources(ini.LoadOptions{Loose: true, SkipUnrecognizableLines: true, AllowNestedValues: true}, file)
	if err != nil {
		return func(string) string { return "" } // as if it were not there
	}
	section := conf.Section("profile " + name)
	if name == "default" {
		section = conf.Section("default")
	}
	return func(key string) string { return section.Key(key).String() }
}
