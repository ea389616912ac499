package gallery

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/trawl-go/trawl/internal/extract"
)

// isPictureExt tells whether an extension, with its dot, is that of a picture.
func isPictureExt(ext string) bool {
	switch ext {
	case ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".avif",
		".bmp", ".tif", ".tiff", ".svg", ".heic", ".heif", ".jxl":
		return true
	}
	return false
}

func isFileExt(ext string) bool {
	switch ext {
	case ".ico", ".psd", ".raw", ".dng",
		".mp4", ".m4v", ".webm", ".mkv", ".mov", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp", ".ogv",
		".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".flac", ".wav", ".wma",
		".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".cbz", ".cbr",
		".pdf", ".epub":
		return true
	}
	return isPictureExt(ext)
}

// isScriptExt tells whether an extension is that of a program or a page on the
// server, which says nothing about what it sends.
func isScriptExt(ext string) bool {
	switch ext {
	case ".php", ".asp", ".aspx", ".ashx", ".jsp", ".cgi", ".pl", ".do", ".html", ".htm", ".shtml", ".xhtml":
		return true
	}
	return false
}

// isFile tells whether a URL names a file rather than a page.
func isFile(u *url.URL) bool {
	_, ext := extract.SplitName(u.String())
	return isFileExt(ext) && !isPageAboutFile(u)
}

// isPicture tells whether a URL names a picture.
func isPicture(address string) bool {
	_, ext := extract.SplitName(address)
	if !isPictureExt(ext) {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && !isPageAboutFile(u)
}

// isPageAboutFile knows pages whose address ends like the file that they are
// about: /wiki/File:Photo.jpg, in whatever language, and /blob/main/photo.jpg.
func isPageAboutFile(u *url.URL) bool {
	last := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if i := strings.IndexByte(last, ':'); i > 0 && strings.Trim(last[:i], "0123456789") != "" {
		return true
	}
	return strings.Contains(u.Path, "/blob/") && (u.Host == "github.com" || strings.HasPrefix(u.Host, "gitlab."))
}

// isHTML decides by the body first: servers send pictures as text/html and
// pages as pictures, and the bytes are right.
func isHTML(contentType string, body []byte) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if media == "image/svg+xml" {
		return false // may start with a comment, which is taken for HTML
	}
	sniffed, _, _ := strings.Cut(http.DetectContentType(body), ";")
	switch {
	case sniffed == "text/html":
		return true
	case sniffed != "text/plain" && sniffed != "application/octet-stream" && sniffed != "text/xml":
		return false
	case media == "text/html" || media == "application/xhtml+xml":
		return true
	case strings.HasSuffix(media, "/xml"):
		return looksLikeHTML(body, "<html")
	case media == "" || media == "application/octet-stream" || media == "text/plain" || strings.HasPrefix(media, "image/"):
		return looksLikeHTML(body, "<html", "<body", "<head>", "<div", "<img", "<a href")
	}
	return false
}

// looksLikeHTML looks for tags near the start of a body that does not begin
// with one that the standard's sniffing knows.
func looksLikeHTML(body []byte, tags ...string) bool {
	head := strings.ToLower(string(body[:min(len(body), 4096)]))
	head = strings.TrimSpace(strings.TrimPrefix(head, "\ufeff"))
	return strings.HasPrefix(head, "<") && slices.ContainsFunc(tags, func(tag string) bool { return strings.Contains(head, tag) })
}
