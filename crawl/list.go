package crawl

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/trawl-go/trawl/internal/save"
)

// filesList is the name of the list of the files of a job whose files are not
// under their paths: files.jsonl, in the directory of the records.
const filesList = "files"

// listFiles writes the list anew, in the order of the paths.
func (e *Engine) listFiles(ctx context.Context, n save.Namer) error {
	if e.outputs.outs[filesList] != nil {
		e.warn(fmt.Sprintf("the list of files is not written: the records of an output go to %s.jsonl", filesList))
		return nil
	}
	path := e.outputs.path(filesList, ".jsonl")
	err := replaceFile(e.outputs.temp(), path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for f, err := range e.parts.Store.Files(ctx) {
			if err != nil {
				return err
			}
			err := enc.Encode(FileDone{
				URL: f.URL, From: f.URL, Path: f.Path, At: n.NameOf(Saved(&f)), Size: f.Size, Type: f.Type,
				SHA256: hex.EncodeToString(f.SHA256[:]), DuplicateOf: f.DuplicateOf,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return &save.Error{Reason: save.Disk, Path: path, Err: err}
	}
	return nil
}
