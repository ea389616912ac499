package save_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/save"
)

func TestExt(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"image/jpeg", ".jpg"},
		{"IMAGE/PNG; charset=binary", ".png"},
		{"text/html; charset=gbk", ".html"},
		{"application/octet-stream", ""},
		{"", ""},
	} {
		if got := save.Ext(tt.in); got != tt.want {
			t.Errorf("Ext(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestFixExt(t *testing.T) {
	for _, tt := range []struct{ path, mediaType, want string }{
		{"a/1.jpg", "image/jpeg", "a/1.jpg"},
		{"a/1.JPEG", "image/jpeg", "a/1.JPEG"},
		{"a/1.png", "image/jpeg", "a/1.jpg"},
		{"a/1.jpg", "image/webp", "a/1.webp"},
		{"a/1", "image/gif", "a/1.gif"},
		{"图.png", "image/jpeg", "图.jpg"},
		{"a/1.null", "image/jpeg", "a/1.jpg"},
		{"a/1.jpg!dta", "image/jpeg", "a/1.jpg"},
		{"a/1.png_300x300", "image/png", "a/1.png"},
		{"a/photo.php", "image/png", "a/photo.png"},
		{"a/v1.2", "image/png", "a/v1.2.png"},
		{"a.b/c", "image/png", "a.b/c.png"},
		{"第1.5章", "image/jpeg", "第1.5章.jpg"},
		{".jpg", "image/png", ".jpg.png"},
		{"x.docx", "application/zip", "x.docx"},
		{"x.svgz", "application/x-gzip", "x.svgz"},
		{"x.css", "text/plain", "x.css"},
		{"x.dat", "application/octet-stream", "x.dat"},
		{"clip.mov", "video/mp4", "clip.mov"},
		{"clip.gif", "video/mp4", "clip.mp4"},
		{"x.bin", "application/pdf", "x.pdf"},
		{strings.Repeat("x", 238), "image/jpeg", strings.Repeat("x", 236) + ".jpg"},
	} {
		if got := save.FixExt(tt.path, tt.mediaType); got != tt.want {
			t.Errorf("FixExt(%q, %q) = %q, want %q", tt.path, tt.mediaType, got, tt.want)
		}
	}
}

func TestWriteType(t *testing.T) {
	d, dir := open(t, &save.Options{NoSync: true})
	const (
		html  = "\n<!DOCTYPE html><title>请登录</title>"
		xml   = `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`
		json  = ` {"error": "login required"}`
		text  = "盗链禁止 no hotlinking"
		svg   = `<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>`
		avif  = "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf"
		heic  = "\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic"
		video = "\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42"
		bmp   = "BM\x00\x00\x00\x00\x00\x00\x00\x00"
	)
	png := string(picture(t))
	for _, tt := range []struct {
		name, body string
		want       save.Want
		found      string // "" for an error
	}{
		{"html as .jpg", html, save.Want{Path: "1.jpg"}, ""},
		{"html as image/jpeg", html, save.Want{Path: "1", ContentType: "Image/JPEG; x=y"}, ""},
		{"html, a picture wanted", html, save.Want{Path: "1.null", Picture: true}, ""},
		{"html fragment", "<div>404</div>", save.Want{Path: "1.jpg"}, ""},
		{"gbk html", "<html>\xc7\xeb\xb5\xc7\xc2\xbc", save.Want{Path: "1.jpg"}, ""},
		{"html as .mp4", html, save.Want{Path: "1.mp4"}, ""},
		{"html as .zip", html, save.Want{Path: "1.zip"}, ""},
		{"html as .html", html, save.Want{Path: "1.html"}, "text/html"},
		{"html, nothing promised", html, save.Want{Path: "1"}, "text/html"},
		{"xml", xml, save.Want{Path: "1.png"}, ""},
		{"json", json, save.Want{Path: "1.gif"}, ""},
		{"json as .json", json, save.Want{Path: "1.json"}, "application/json"},
		{"text", text, save.Want{Path: "1.webp"}, ""},
		{"text as .txt", text, save.Want{Path: "1.txt"}, "text/plain"},
		{"nothing", "", save.Want{Path: "1.jpg"}, ""},
		{"nothing as text", "", save.Want{Path: "1.txt"}, "text/plain"},
		{"png as .jpg", png, save.Want{Path: "1.jpg"}, "image/png"},
		{"png", png, save.Want{Path: "1.png", ContentType: "text/html"}, "image/png"},
		{"svg", svg, save.Want{Path: "1.svg"}, "image/svg+xml"},
		{"avif", avif, save.Want{Path: "1.jpg"}, "image/avif"},
		{"heic", heic, save.Want{Path: "1.jpg"}, "image/heic"},
		{"video as .gif", video, save.Want{Path: "1.gif"}, "video/mp4"},
		{"bmp", bmp, save.Want{Path: "1.bmp"}, "image/bmp"},
		{"tiff", "II*\x00\x08\x00\x00\x00", save.Want{Path: "1.tif"}, "image/tiff"},
		{"unheard of", "\x01\x02\x03\x04", save.Want{Path: "1.jpg"}, "application/octet-stream"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Length = -1
			tmp, err := d.Write(context.Background(), strings.NewReader(tt.body), tt.want)
			var e *save.Error
			switch {
			case tt.found == "" && (!errors.As(err, &e) || e.Reason != save.Type):
				t.Errorf("Write() = %v, want reason type", err)
			case tt.body == "" && tt.found == "" && !strings.Contains(err.Error(), "empty"):
				t.Errorf("Write() = %v, want it to say that the body is empty", err)
			case tt.found != "" && err != nil:
				t.Errorf("Write() = %v", err)
			case tt.found != "" && tmp.Type != tt.found:
				t.Errorf("Type = %q, want %q", tmp.Type, tt.found)
			}
			if tmp != nil {
				tmp.Discard()
			}
		})
	}
	noTemps(t, dir)
}

func TestWriteCutPicture(t *testing.T) {
	d, dir := open(t, nil)
	body := picture(t)
	_, err := d.Write(context.Background(), bytes.NewReader(body[:len(body)-20]), save.Want{Length: -1, Path: "1.png"})
	var e *save.Error
	if !errors.As(err, &e) || e.Reason != save.Cut {
		t.Errorf("Write(cut picture) = %v, want reason cut", err)
	}
	noTemps(t, dir)
}
