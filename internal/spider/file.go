package spider

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/extract"
)

// file is the handle that page.save returns. It is falsy if there is nothing
// to save.
type file struct {
	r        *run
	index    int  // in Result.Files; -1 if there is nothing to save
	dropped  bool // its item failed
	filled   bool // its path is settled
	where    site
	template string
	names    []starlark.Tuple // given to page.save itself
}

func (f *file) Type() string          { return "file" }
func (f *file) Freeze()               {}
func (f *file) Truth() starlark.Bool  { return f.index >= 0 }
func (f *file) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: file") }
func (f *file) String() string {
	if f.index < 0 {
		return "<no file>"
	}
	return "<file " + f.template + ">"
}

// pageSave is page.save(url, path, referer=…, backup=…, **names).
func pageSave(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		link                    starlark.Value
		path                    string
		referer, backup, noPath starlark.Value = starlark.None, starlark.None, starlark.None
	)
	own, names := splitNames(kwargs, "url", "path", "referer", "backup")
	if err := starlark.UnpackArgs(b.Name(), args, own, "url", &link, "path?", &noPath, "referer?", &referer, "backup?", &backup); err != nil {
		return nil, err
	}
	r := b.Receiver().(*page).r
	abs, err := r.address(thread, b, "url", link)
	if err != nil {
		return nil, err
	}
	f := &file{r: r, index: -1, where: r.here(thread), names: names}
	if abs == "" {
		return f, nil
	}
	req := trawl.Request{
		URL:    abs,
		Kind:   trawl.KindFile,
		Spider: r.s.settings.Name,
		Depth:  r.page.Request.Depth + 1,
	}
	switch p := noPath.(type) {
	case starlark.NoneType:
		path = escapeTemplate(valueText(fileStem(abs) + fileExt(abs)))
		req.Loose = true
	case starlark.String:
		path = string(p)
	default:
		return nil, fmt.Errorf("%s: path is a %s; want a string", b.Name(), p.Type())
	}
	if strings.Trim(path, "/ ") == "" {
		return nil, fmt.Errorf("%s: the path is empty", b.Name())
	}
	f.template = strings.ToValidUTF8(path, "\ufffd")
	if req.Referer, err = r.refererOf(referer); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if req.Backup, err = r.backups(backup, abs); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if err := r.spend(len(r.files), r.s.opts.Limits.Files, "files", len(abs)+len(path)); err != nil {
		return nil, err
	}
	f.index = len(r.files)
	r.files = append(r.files, f)
	r.res.Files = append(r.res.Files, req)
	return f, nil
}

// splitNames divides keyword arguments into those of page.save and the names
// for its template.
func splitNames(kwargs []starlark.Tuple, own ...string) (mine, names []starlark.Tuple) {
next:
	for _, kv := range kwargs {
		for _, name := range own {
			if kv[0] == starlark.String(name) {
				mine = append(mine, kv)
				continue next
			}
		}
		names = append(names, kv)
	}
	return mine, names
}

// backups returns further addresses of a file: a string, a list or None.
func (r *run) backups(v starlark.Value, first string) ([]string, error) {
	if v == starlark.None {
		return nil, nil
	}
	var links, urls []string
	if err := readStrings(v, &links); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	for _, link := range links {
		abs := r.doc.Abs(link)
		u, err := trawl.ParseURL(abs)
		if err != nil {
			continue // a backup that is none is no loss
		}
		if abs = u.String(); abs != first {
			urls = append(urls, abs)
		}
	}
	return urls, nil
}

// dropFiles forgets the files that were asked for since mark.
func (r *run) dropFiles(mark int) {
	for _, f := range r.files[mark:] {
		f.dropped = true
	}
	r.files = r.files[:mark]
	r.res.Files = r.res.Files[:mark]
}

// fill settles the path of a file from the item that holds it. The names
// given to page.save come first, then those of the item, then page.meta.
func (f *file) fill(item []starlark.Tuple) error {
	if f.filled {
		return nil
	}
	path, err := expand(f.template, f.r.s.opts.Clean, func(name string) (string, error) {
		v, err := f.lookup(name, item)
		if err != nil {
			return "", err
		}
		text, err := pathText(v)
		if err != nil {
			return "", fmt.Errorf("{%s} %w", name, err)
		}
		return valueText(text), nil
	})
	if err != nil {
		return &Error{Place: f.where.place(f.r.s), Msg: fmt.Sprintf("page.save: path %q: %v", f.template, err)}
	}
	f.filled = true
	f.r.res.Files[f.index].Path = path
	return nil
}

func (f *file) lookup(name string, item []starlark.Tuple) (starlark.Value, error) {
	for _, kv := range f.names {
		if kv[0] == starlark.String(name) {
			return kv[1], nil
		}
	}
	for _, kv := range item {
		if kv[0] == starlark.String(name) {
			return kv[1], nil
		}
	}
	if v, ok, _ := f.r.meta.Get(starlark.String(name)); ok {
		return v, nil
	}
	if item == nil {
		return nil, fmt.Errorf("there is no {%s}: the file is in no item, and page.meta does not have it", name)
	}
	return nil, fmt.Errorf("there is no {%s}: neither the item nor page.meta has it", name)
}

// nameLooseFiles settles the paths of files that are in no item. One whose
// path cannot be settled is not saved and counts as a failed item.
func (r *run) nameLooseFiles() {
	moved := make([]int, len(r.files)) // new index by old; no item has one that goes
	kept := 0
	for i, f := range r.files {
		moved[i] = kept
		if err := f.fill(nil); err != nil {
			var e *Error
			errors.As(err, &e)
			r.res.Failed = append(r.res.Failed, trawl.ItemError{Place: e.Place, Err: e.Msg, Trace: e.Trace})
			continue
		}
		r.res.Files[kept] = r.res.Files[i]
		kept++
	}
	if kept == len(r.files) {
		return
	}
	r.res.Files = r.res.Files[:kept]
	for _, item := range r.res.Items {
		for i := range item.Fields {
			item.Fields[i].Value = moveRefs(item.Fields[i].Value, moved)
		}
	}
}

// moveRefs renumbers the files in a value.
func moveRefs(v any, moved []int) any {
	switch v := v.(type) {
	case trawl.FileRef:
		// A file in an item has its path, so it is never gone.
		return trawl.FileRef(moved[v])
	case []any:
		for i := range v {
			v[i] = moveRefs(v[i], moved)
		}
	case map[string]any:
		for k := range v {
			v[k] = moveRefs(v[k], moved)
		}
	}
	return v
}

// pathText returns a value as it stands in a path.
func pathText(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return strings.ToValidUTF8(string(v), "\ufffd"), nil
	case starlark.Int:
		return v.String(), nil
	case starlark.Float:
		return strconv.FormatFloat(float64(v), 'f', -1, 64), nil
	case starlark.Bool:
		return v.String(), nil
	case starlark.NoneType:
		return "", errors.New("is None")
	}
	return "", fmt.Errorf("is a %s; want a string or a number", v.Type())
}

// valueText keeps a value within one component of a path.
func valueText(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, text)
}

// expand replaces the {name}s of a path. {{ and }} stand for braces; a brace
// that starts no name stands for itself. Each component goes through clean, if
// that is not nil; one of which nothing is left, or dots alone, becomes "_": it
// must not vanish or lead elsewhere.
func expand(template string, clean func(string) string, lookup func(string) (string, error)) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(template, "/") {
		if part == "" {
			continue
		}
		text, err := expandPart(part, lookup)
		if err != nil {
			return "", err
		}
		if clean != nil {
			text = clean(text)
		}
		if strings.Trim(text, ". ") == "" {
			text = "_"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "/"), nil
}

func expandPart(part string, lookup func(string) (string, error)) (string, error) {
	if !strings.ContainsAny(part, "{}") {
		return part, nil
	}
	var b strings.Builder
	for i := 0; i < len(part); {
		rest := part[i:]
		if strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			b.WriteByte(rest[0])
			i += 2
			continue
		}
		if name, ok := leadingName(rest); ok {
			text, err := lookup(name)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
			i += len(name) + 2
			continue
		}
		b.WriteByte(rest[0])
		i++
	}
	return b.String(), nil
}

// leadingName returns the name of a text that starts with {name}.
func leadingName(s string) (string, bool) {
	if s[0] != '{' {
		return "", false
	}
	name, _, ok := strings.Cut(s[1:], "}")
	if !ok || name == "" {
		return "", false
	}
	for _, r := range name {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return "", false
		}
	}
	return name, true
}

func escapeTemplate(s string) string {
	return strings.NewReplacer("{", "{{", "}", "}}").Replace(s)
}

// fileStem is url.stem with a name for addresses that have none.
func fileStem(abs string) string {
	if stem, _ := extract.SplitName(abs); stem != "" {
		return stem
	}
	return "file"
}

func fileExt(abs string) string {
	_, ext := extract.SplitName(abs)
	return ext
}
