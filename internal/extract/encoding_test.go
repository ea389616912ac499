package extract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/trawl-go/trawl/internal/extract"
)

// encode puts a text into an encoding.
func encode(t testing.TB, label, text string) string {
	t.Helper()
	enc, err := htmlindex.Get(label)
	if err != nil {
		t.Fatal(err)
	}
	out, err := encoding.ReplaceUnsupported(enc.NewEncoder()).String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const prose = "这是一个用来检测编码的中文网页，里面有足够多的文字，可以让统计方法得出可靠的结论。" +
	"春天的山谷里开满了花，我们坐在河边喝茶，看着远处的云慢慢地走过天空。"

func TestDecode(t *testing.T) {
	gbk := func(s string) string { return encode(t, "gbk", s) }
	tests := []struct {
		name        string
		body        string
		contentType string
		forced      string
		want        string // encoding
		text        string // that must be in it
	}{
		{"forced wins over everything", "\ufeff" + `<meta charset="utf-8">` + gbk("中文"), "text/html; charset=utf-8", "gb2312", "gb18030", "中文"},
		{"unknown forced is ignored", "中文", "", "gb-99", "utf-8", "中文"},
		{"bom over header", "\ufeff中文", "text/html; charset=gbk", "", "utf-8", "中文"},
		{"utf-16 little-endian bom", "\xff\xfe\x2d\x4e\x87\x65", "text/html; charset=utf-8", "", "utf-16le", "中文"},
		{"utf-16 big-endian bom", "\xfe\xff\x4e\x2d\x65\x87", "", "", "utf-16be", "中文"},
		{"utf-16 without bom", "<\x00p\x00>\x00\x2d\x4e", "", "", "utf-16le", "中"},
		{"header over meta", `<meta charset="utf-8">` + gbk("中文"), "text/html; charset=GBK", "", "gb18030", "中文"},
		{"header in quotes", gbk("中文"), `text/html;charset="gb2312"`, "", "gb18030", "中文"},
		{"header with more", gbk("中文"), `text/html; CHARSET = gbk ; x=y`, "", "gb18030", "中文"},
		{"unknown header is ignored", `<meta charset="gbk">` + gbk("中文"), "text/html; charset=nonsense", "", "gb18030", "中文"},
		{"meta charset", `<html><head><meta charset='gb2312'>` + gbk("中文"), "text/html", "", "gb18030", "中文"},
		{"meta http-equiv", `<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=big5">` + encode(t, "big5", "繁體中文"), "", "", "big5", "繁體中文"},
		{"meta in a comment is none", `<!-- <meta charset="big5"> --><meta charset="gbk">` + gbk("中文"), "", "", "gb18030", "中文"},
		{"meta in the body is none", `<body><meta charset="big5">中文`, "", "", "utf-8", "中文"},
		{"meta after a long script", "<script>" + strings.Repeat("x();\n", 1000) + `</script><meta charset="gbk">` + gbk("中文"), "", "", "gb18030", "中文"},
		{"meta of another kind", `<meta name="charset" content="charset=big5"><p>中文`, "", "", "utf-8", "中文"},
		{"meta utf-16 means utf-8", `<meta charset="utf-16"><p>中文`, "", "", "utf-8", "中文"},
		{"xml declaration", `<?xml version="1.0" encoding="gb2312"?><a>` + gbk("中文") + "</a>", "", "", "gb18030", "中文"},
		{"characters beyond gbk", `<meta charset="gb2312">` + encode(t, "gb18030", "㐀𠮷"), "", "", "gb18030", "㐀𠮷"},
		{"undeclared utf-8 far down", strings.Repeat("ascii ", 1000) + "中文", "", "", "utf-8", "中文"},
		{"undeclared utf-8, last character cut", "中文"[:5], "", "", "utf-8", "中\ufffd"},
		{"undeclared gbk", "<p>" + gbk(prose), "", "", "gb18030", "春天的山谷"},
		{"undeclared shift_jis", "<p>" + encode(t, "shift_jis", strings.Repeat("これは日本語の文章です。漢字とひらがなとカタカナ。", 5)), "", "", "shift_jis", "日本語"},
		{"undeclared latin", "caf\xe9", "", "", "windows-1252", "café"},
		{"iso-8859-1 is windows-1252", "\x93x\x94", "text/html; charset=iso-8859-1", "", "windows-1252", "“x”"},
		{"broken utf-8", `<meta charset="utf-8">a` + "\xff" + "b", "", "", "utf-8", "a\ufffdb"},
		{"empty", "", "", "", "utf-8", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, name := extract.Decode([]byte(tt.body), tt.contentType, tt.forced)
			if name != tt.want || !strings.Contains(text, tt.text) {
				t.Errorf("Decode = %.200q, %s; want %q in it, %s", text, name, tt.text, tt.want)
			}
			if strings.HasPrefix(text, "\ufeff") && tt.forced == "" {
				t.Error("the byte order mark is still there")
			}
		})
	}
}

func TestEncodingName(t *testing.T) {
	for label, want := range map[string]string{"GB2312": "gb18030", " gbk ": "gb18030", "UTF8": "utf-8", "latin1": "windows-1252", "sjis": "shift_jis", "x": "", "": ""} {
		if got, ok := extract.EncodingName(label); got != want || ok != (want != "") {
			t.Errorf("EncodingName(%q) = %q, %v; want %q", label, got, ok, want)
		}
	}
}

// TestDetectsRealPages checks undeclared pages and feeds of real sites, whose
// encoding is in the file's name. The detector does not know all of them:
// the files listed here are the ones it takes for something else.
func TestDetectsRealPages(t *testing.T) {
	dir := os.Getenv("TRAWL_CAPTURES")
	if dir == "" {
		t.Skip("TRAWL_CAPTURES is not set; it names a folder of pages of real sites")
	}
	files, err := filepath.Glob(filepath.Join(dir, "encodings", "chardet_*"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v; want 40 and more", len(files), err)
	}
	labels := map[string]string{"Big5": "big5", "CP949": "euc-kr", "EUC-JP": "euc-jp", "EUC-KR": "euc-kr", "GB2312": "gb18030",
		"KOI8-R": "koi8-r", "SHIFT": "shift_jis", "UTF-16LE": "utf-16le", "iso-8859-7-greek": "iso-8859-7",
		"windows-1251-russian": "windows-1251", "windows-1252": "windows-1252"}
	var wrong []string
	for _, file := range files {
		base := filepath.Base(file)
		want, ok := labels[strings.Split(base, "_")[1]]
		if !ok {
			t.Fatalf("%s: no label for it", base)
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text, got := extract.Decode(body, "", ""); got != want {
			wrong = append(wrong, fmt.Sprintf("%s: %s, want %s", base, got, want))
		} else if n := strings.Count(text, "\ufffd"); n > 20 {
			t.Errorf("%s: %d characters could not be decoded", base, n)
		}
	}
	want := []string{
		"chardet_EUC-JP___mozilla_bug431054_text.html: windows-1252, want euc-jp", // 39 bytes
		"chardet_KOI8-R___chromium_KOI8-R_with_no_encoding_specified.html: windows-1252, want koi8-r",
		"chardet_iso-8859-7-greek___chromium_ISO-8859-7_with_no_encoding_specified.html: windows-1252, want iso-8859-7",
		"chardet_windows-1251-russian___chromium_windows-1251_with_no_encoding_specified.html: windows-1252, want windows-1251",
	}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Errorf("wrong answers (-want +got):\n%s", diff)
	}
}
