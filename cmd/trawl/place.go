package main

import (
	"path/filepath"

	"github.com/trawl-go/trawl/internal/s3"
	"github.com/trawl-go/trawl/job"
)

// placeHelp is part of the help of the commands that collect.
const placeHelp = `
With -d s3://BUCKET/PREFIX files go to an object store, Amazon's or another that
speaks its language, and count once it has confirmed them. Server and keys are
those of Amazon's own tools: $AWS_ENDPOINT_URL, $AWS_REGION, $AWS_ACCESS_KEY_ID
and $AWS_SECRET_ACCESS_KEY, or a profile of ~/.aws in $AWS_PROFILE. The state of
the job stays in --job-dir, which is what status, retry and verify take.
`

// place says in the options where files go.
func (f *collectFlags) place(o *job.Options) error {
	switch f.layout {
	case "", job.ByName, job.ByHash, job.InShards:
		o.Files.Layout = f.layout
	default:
		return usagef("--layout %s: must be names, hash or wds", f.layout)
	}
	o.Files.ShardSize = int64(f.shardSize)
	if !s3.IsAddress(f.dir) {
		if f.jobDir != "" {
			return usagef("--job-dir is for files that go to a bucket, -d s3://BUCKET/PREFIX; else -d is the directory of the job")
		}
		return nil
	}
	at, err := s3.ParseAddress(f.dir)
	if err != nil {
		return usagef("-d %v", err)
	}
	o.Files.Bucket = at.String()
	return nil
}

// below lets the files of a job go to a place of its own below the one that the
// flags name.
func (f *collectFlags) below(name string) {
	if at, err := s3.ParseAddress(f.dir); err == nil {
		f.dir = at.Join(name).String()
		if f.jobDir != "" {
			f.jobDir = filepath.Join(f.jobDir, name)
		}
	} else if f.dir != "" {
		f.dir = filepath.Join(f.dir, name)
	}
}

// setDefault gives a job that has no directory on this machine one.
func (f *collectFlags) setDefault(dir string) {
	switch {
	case f.dir == "":
		f.dir = dir
	case s3.IsAddress(f.dir) && f.jobDir == "":
		f.jobDir = dir
	}
}

// local returns the directory of the job on this machine, "" for the default.
func (f *collectFlags) local() string {
	if s3.IsAddress(f.dir) {
		return f.jobDir
	}
	return f.dir
}
