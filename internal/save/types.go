package save

import (
	"bytes"
	"net/http"
	"path"
	"strings"
)

// extensions returns the extensions of a media type that sniff finds, the
// usual one first; nil for a type that has none.
func extensions(mediaType string) []string {
	switch mediaType {
	case "image/jpeg":
		return []string{".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg"}
	case "image/png":
		return []string{".png", ".apng"}
	case "image/gif":
		return []string{".gif"}
	case "image/webp":
		return []string{".webp"}
	case "image/bmp":
		return []string{".bmp", ".dib"}
	case "image/tiff": // and the raw formats of cameras, which are TIFF inside
		return []string{".tif", ".tiff", ".dng", ".nef", ".cr2", ".arw", ".pef", ".orf"}
	case "image/avif":
		return []string{".avif", ".avifs"}
	case "image/heic":
		return []string{".heic", ".heif", ".hif"}
	case "image/jxl":
		return []string{".jxl"}
	case "image/jp2":
		return []string{".jp2", ".jpx", ".j2k"}
	case "image/svg+xml":
		return []string{".svg"}
	case "image/x-icon":
		return []string{".ico", ".cur"}
	case "image/vnd.adobe.photoshop":
		return []string{".psd", ".psb"}
	case "video/mp4":
		return []string{".mp4", ".m4v", ".mov", ".m4a", ".m4b", ".3gp", ".3g2", ".f4v"}
	case "video/webm": // Matroska as well
		return []string{".webm", ".mkv", ".mka", ".mk3d"}
	case "video/avi":
		return []string{".avi"}
	case "video/x-flv":
		return []string{".flv"}
	case "audio/mpeg":
		return []string{".mp3", ".mp2", ".mpga"}
	case "audio/wave":
		return []string{".wav"}
	case "audio/flac":
		return []string{".flac"}
	case "application/ogg":
		return []string{".ogg", ".oga", ".ogv", ".ogx", ".opus", ".spx"}
	case "application/pdf":
		return []string{".pdf", ".ai"}
	case "application/zip":
		return []string{".zip"}
	case "application/x-gzip":
		return []string{".gz"}
	case "application/x-rar-compressed":
		return []string{".rar"}
	case "application/x-7z-compressed":
		return []string{".7z"}
	case "text/html":
		return []string{".html", ".htm"}
	case "text/xml":
		return []string{".xml"}
	case "text/plain":
		return []string{".txt"}
	case "application/json":
		return []string{".json"}
	}
	return nil
}

// Ext returns the usual extension of a media type, such as ".jpg" for
// "image/jpeg", with or without parameters; "" if it is not known.
func Ext(mediaType string) string {
	if exts := extensions(baseType(mediaType)); exts != nil {
		return exts[0]
	}
	return ""
}

// FixExt returns path with the extension that fits the content: "a.png" and
// "a.png!small" become "a.jpg" for "image/jpeg", and "v1.2" becomes
// "v1.2.jpg". A path whose extension fits (".jpeg") stays as it is, and so
// does every path for a type that is not known or of which the extension
// tells more than the content: archives (".docx" is a zip file) and text.
// The result is as clean as path.
func FixExt(p, mediaType string) string {
	mediaType = baseType(mediaType)
	exts := extensions(mediaType)
	if exts == nil || !isMedia(mediaType) {
		return p
	}
	dir, name := path.Split(p)
	ext := path.Ext(name)
	if len(ext) == len(name) {
		ext = "" // ".jpg" is a name
	}
	lower := strings.ToLower(ext)
	for _, e := range exts {
		if lower == e {
			return p
		}
	}
	stem := name
	if isReplaceable(lower) {
		stem = name[:len(name)-len(ext)]
	}
	if name = shorten(stem+exts[0], maxName); len(dir)+len(name) > maxPath {
		return fit(append(strings.Split(strings.TrimSuffix(dir, "/"), "/"), name))
	}
	return dir + name
}

// isReplaceable reports whether an extension says what the content was
// thought to be, or nothing at all.
func isReplaceable(ext string) bool {
	// Image servers add the wanted size: ".jpg!small", ".jpg_300x300".
	if i := strings.IndexAny(ext, "!_@-,;&= "); i > 0 {
		ext = ext[:i]
	}
	switch ext {
	case ".null", ".none", ".undefined", ".bin", ".tmp", ".part", ".dat", ".img", ".image", ".pic", ".html", ".htm":
		return true
	}
	return isScript(ext) || typeOf(ext) != ""
}

// isScript reports whether an extension is that of a program on a server.
func isScript(ext string) bool {
	switch ext {
	case ".", ".php", ".asp", ".aspx", ".ashx", ".jsp", ".do", ".action", ".cgi", ".pl":
		return true
	}
	return false
}

// Nameless reports whether the name that a URL ends in, such as "download.php"
// or "", is that of something on the server and not of what it sends: it has no
// extension, or a program's.
func Nameless(name string) bool {
	ext := path.Ext(name)
	return ext == "" || ext == name || isScript(strings.ToLower(ext))
}

// typeOf returns the media type of an extension in lower case if it is of a
// kind that is never text; "" otherwise.
func typeOf(ext string) string {
	switch ext {
	case ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg":
		return "image/jpeg"
	case ".png", ".apng":
		return "image/png"
	case ".gif", ".webp", ".bmp", ".tiff", ".avif", ".heic", ".jxl", ".jp2":
		return "image/" + ext[1:]
	case ".tif":
		return "image/tiff"
	case ".heif", ".hif":
		return "image/heic"
	case ".svg":
		return "image/svg+xml"
	case ".ico":
		return "image/x-icon"
	case ".psd":
		return "image/vnd.adobe.photoshop"
	case ".mp4", ".m4v", ".mov", ".m4a", ".3gp":
		return "video/mp4"
	case ".webm", ".mkv":
		return "video/webm"
	case ".avi", ".flv", ".wmv", ".mpg", ".mpeg", ".ts":
		return "video/" + ext[1:]
	case ".mp3", ".wav", ".flac", ".aac", ".ogg", ".opus", ".wma":
		return "audio/" + ext[1:]
	case ".pdf":
		return "application/pdf"
	case ".zip", ".rar", ".7z", ".gz", ".bz2", ".xz", ".zst", ".tar", ".cbz", ".cbr", ".epub":
		return "application/" + ext[1:]
	}
	return ""
}

// wanted names what the path and the header promise in a word: "picture",
// another kind that is never text, or "" for nothing in particular.
func (w *Want) wanted() string {
	t := typeOf(strings.ToLower(path.Ext(w.Path)))
	if w.Picture || strings.HasPrefix(t, "image/") || strings.HasPrefix(baseType(w.ContentType), "image/") {
		return "picture"
	}
	kind, rest, _ := strings.Cut(t, "/")
	if kind == "application" {
		return rest + " file"
	}
	return kind
}

// isMedia reports whether the content of a type decides its extension.
func isMedia(t string) bool {
	return strings.HasPrefix(t, "image/") || strings.HasPrefix(t, "video/") ||
		strings.HasPrefix(t, "audio/") || t == "application/pdf" || t == "application/ogg"
}

// isText reports whether a type that sniff found is one that a server sends
// instead of a picture.
func isText(t string) bool {
	return strings.HasPrefix(t, "text/") || t == "application/json"
}

// baseType returns a media type in lower case without its parameters.
func baseType(t string) string {
	t, _, _ = strings.Cut(t, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// sniff returns the media type of content from its first bytes, without
// parameters; "application/octet-stream" if it is not known.
func sniff(p []byte) string {
	if t := sniffMagic(p); t != "" {
		return t
	}
	t := baseType(http.DetectContentType(p))
	switch t {
	case "text/plain", "text/xml", "text/html":
		if isSVG(p) {
			return "image/svg+xml"
		}
		if s := trimText(p); t == "text/plain" && len(s) > 0 {
			switch s[0] {
			case '{', '[':
				return "application/json"
			case '<':
				return "text/html" // a fragment, or one that starts unusually
			}
		}
	}
	return t
}

// sniffMagic knows what http.DetectContentType does not.
func sniffMagic(p []byte) string {
	has := func(at int, magic string) bool {
		return len(p) >= at+len(magic) && string(p[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\xff\xd8\xff"):
		return "image/jpeg"
	case has(0, "II*\x00"), has(0, "MM\x00*"):
		return "image/tiff"
	case has(0, "\xff\x0a"), has(0, "\x00\x00\x00\x0cJXL \r\n\x87\n"):
		return "image/jxl"
	case has(0, "\x00\x00\x00\x0cjP  \r\n\x87\n"):
		return "image/jp2"
	case has(0, "8BPS"):
		return "image/vnd.adobe.photoshop"
	case has(0, "fLaC"):
		return "audio/flac"
	case has(0, "FLV\x01"):
		return "video/x-flv"
	case has(0, "7z\xbc\xaf\x27\x1c"):
		return "application/x-7z-compressed"
	case has(4, "ftyp"):
		return sniffBrand(p)
	}
	return ""
}

// sniffBrand tells the formats apart that share the container of MP4, by
// their brands: the major one, then those compatible with it.
func sniffBrand(p []byte) string {
	size := int(p[0])<<24 | int(p[1])<<16 | int(p[2])<<8 | int(p[3])
	box := p[8:min(max(size, 12), len(p), 256)]
	for at := 0; at+4 <= len(box); at += 4 {
		switch string(box[at : at+4]) {
		case "avif", "avis":
			return "image/avif"
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
			// mif1 is the major brand of some AVIF files too.
			if bytes.Contains(box, []byte("avif")) {
				return "image/avif"
			}
			return "image/heic"
		case "isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "qt  ", "M4V ", "M4A ", "3gp4", "3gp5", "dash":
			return "video/mp4"
		}
	}
	return "video/mp4"
}

// isSVG reports whether text is an SVG picture: its first element is svg.
func isSVG(p []byte) bool {
	s := trimText(p[:min(len(p), 4<<10)])
	for {
		switch {
		case bytes.HasPrefix(s, []byte("<?")):
			s = after(s, "?>")
		case bytes.HasPrefix(s, []byte("<!--")):
			s = after(s, "-->")
		case bytes.HasPrefix(s, []byte("<!DOCTYPE svg")):
			return true // with a subset in brackets, perhaps
		default:
			return bytes.HasPrefix(s, []byte("<svg")) || bytes.HasPrefix(s, []byte("<svg:svg"))
		}
	}
}

// after returns what follows the first mark, without leading white space.
func after(s []byte, mark string) []byte {
	_, s, _ = bytes.Cut(s, []byte(mark))
	return bytes.TrimLeft(s, " \t\r\n\f")
}

// trimText drops a byte order mark and white space from the start.
func trimText(p []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(p, []byte("\xef\xbb\xbf")), " \t\r\n\f")
}
