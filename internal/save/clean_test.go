package save_test

import (
	"math/rand/v2"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/trawl-go/trawl/internal/save"
	"golang.org/x/text/unicode/norm"
)

func TestClean(t *testing.T) {
	long := strings.Repeat("漂", 100) // 300 bytes
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "posters/1.jpg", "posters/1.jpg"},
		{"chinese", "性感美女/第一页.jpg", "性感美女/第一页.jpg"},
		{"space inside", "a b/c d.jpg", "a b/c d.jpg"},
		{"empty", "", "file"},
		{"slash", "/", "file"},
		{"dots", "../..", "file"},
		{"absolute", "/etc/passwd", "etc/passwd"},
		{"parent", "../../a/../b.jpg", "a/b.jpg"},
		{"many dots", "a/.../b", "a/b"},
		{"current", "./a/./b", "a/b"},
		{"double slash", "a//b", "a/b"},
		{"trailing slash", "a/b/", "a/b"},
		{"backslash", `..\..\windows\x.dll`, "_._.._windows_x.dll"},
		{"drive", `C:/x`, "C_/x"},
		{"stream", "a.txt:evil", "a.txt_evil"},
		{"wildcards", `a*b?c"d<e>f|g`, "a_b_c_d_e_f_g"},
		{"nul", "a\x00b", "a_b"},
		{"escape", "a\x1b[31mb", "a_[31mb"},
		{"c1 control", "a\u009bb", "a_b"},
		{"newline", "a\r\nb\tc", "a  b c"},
		{"right to left override", "photo\u202egpj.exe", "photogpj.exe"},
		{"isolate", "\u2066a\u2069", "a"},
		{"zero width", "a\u200bb\ufeffc", "abc"},
		{"dots hidden by width zero", ".\u200b.", "file"},
		{"hidden git behind a joiner", "\u200d.git/config", "_git/config"},
		{"persian joiner stays", "می\u200cخواهم", "می\u200cخواهم"},
		{"emoji stays", "👨\u200d👩\u200d👧.jpg", "👨\u200d👩\u200d👧.jpg"},
		{"own folder", ".trawl/job.db", "_trawl/job.db"},
		{"hidden", ".git/hooks/pre-commit", "_git/hooks/pre-commit"},
		{"option", "-rf/--x", "_rf/_-x"},
		{"trailing dots", "Dr./x. .", "Dr/x"},
		{"leading space", " a / b", "a/b"},
		{"ideographic space", "\u3000图\u3000", "图"},
		{"reserved", "con/NUL.txt", "_con/_NUL.txt"},
		{"reserved port", "com1.tar.gz", "_com1.tar.gz"},
		{"reserved superscript", "LPT¹", "_LPT¹"},
		{"reserved before a space", "nul .txt", "_nul .txt"},
		{"not reserved", "contact/com10/null", "contact/com10/null"},
		{"invalid utf-8", "\xff\xfe\xfd.jpg", "_.jpg"},
		{"replacement character", "a\ufffdb", "a_b"},
		{"decomposed", "e\u0301", "é"},
		{"long keeps extension", long + ".jpeg", strings.Repeat("漂", 78) + ".jpeg"},
		{"long without extension", long, strings.Repeat("漂", 80)},
		{"long extension", "a." + strings.Repeat("x", 300), "a." + strings.Repeat("x", 238)},
		{"tilde", "~root/x", "~root/x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := save.Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestCleanDeep(t *testing.T) {
	got := save.Clean(strings.Repeat("deep/", 1000) + "图.jpg")
	if len(got) > 768 || path.Base(got) != "图.jpg" || !strings.HasPrefix(got, "deep/deep/") {
		t.Errorf("Clean(deep) = %d bytes, %q", len(got), got)
	}
}

func TestCleanName(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"肖申克的救赎", "肖申克的救赎"},
		{"Face/Off", "Face_Off"},
		{"../../etc", "_._.._etc"},
		{"..", "_"},
		{".", "_"},
		{"  ", ""},
		{"Dr. No", "Dr. No"},
		{"a\nb", "a b"},
	} {
		if got := save.CleanName(tt.in); got != tt.want {
			t.Errorf("CleanName(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// checkClean fails unless p is a path that is safe everywhere.
func checkClean(t *testing.T, in, p string) {
	t.Helper()
	if again := save.Clean(p); again != p {
		t.Errorf("Clean(%.120q) = %.120q, and cleaned again %.120q", in, p, again)
	}
	if p == "" || len(p) > 768 || !filepath.IsLocal(p) || path.Clean(p) != p || !utf8.ValidString(p) || !norm.NFC.IsNormalString(p) {
		t.Errorf("Clean(%.120q) = %.120q: not a clean path", in, p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || len(part) > 240 || part[0] == '.' || part[0] == '-' ||
			strings.TrimSpace(part) != part || strings.HasSuffix(part, ".") {
			t.Errorf("Clean(%.120q) = %.120q: component %.120q", in, p, part)
		}
	}
	for _, r := range p {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || strings.ContainsRune(`\:*?"<>|`, r) {
			t.Errorf("Clean(%.120q) = %.120q: has %U", in, p, r)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"", "..", "a/../b", ".trawl/job.db", "CON", "aux.c", "\x00\x1b]0;x\x07", "a\u202eb", "e\u0301/\u0338.",
		strings.Repeat("漂亮", 200) + ".jpg", strings.Repeat("x/", 900), "_\u0301", "<\u0338", "\u200d.\u200d.", "-" + strings.Repeat("é", 130),
		"COM1" + strings.Repeat(" ", 300) + ".x", strings.Repeat("a", 239) + "\u0301.jpg", "\xff\xfe", "\u1100\u1161\u11a8",
		"a. .\u200c. ", ".." + strings.Repeat("\u200d", 200),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkClean(t, s, save.Clean(s))
		name := save.CleanName(s)
		if strings.Contains(name, "/") {
			t.Errorf("CleanName(%.120q) = %.120q has a slash", s, name)
		}
		if again := save.CleanName(name); again != name {
			t.Errorf("CleanName(%.120q) = %.120q, and cleaned again %.120q", s, name, again)
		}
		for _, typ := range []string{"image/jpeg", "video/mp4", "text/html"} {
			checkClean(t, s, save.FixExt(save.Clean(s), typ))
		}
	})
}

// TestCleanMixed strings together what is trouble alone.
func TestCleanMixed(t *testing.T) {
	alphabet := []string{
		"a", "Z", "漂", "é", "e", "\u0301", "\u0338", "<", "=", ".", "..", "/", "\\", " ", "\u3000", "\u00a0", "\u200c", "\u200d",
		"\u200b", "\u202e", "\ufeff", "\x00", "\x1b", "\u0085", "\u009b", "\xff", "\ufffd", "\uffff", "-", "_", "~", "CON", "nul", "COM", "1", "¹",
		".jpg", ".trawl", ":", "\u1100", "\u1161", "\U000e0041", "\ufe0f", "👨", strings.Repeat("x", 117), strings.Repeat("图", 39),
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 30000 {
		var b strings.Builder
		for range 1 + rnd.IntN(12) {
			b.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		checkClean(t, b.String(), save.Clean(b.String()))
		checkClean(t, b.String(), save.FixExt(save.Clean(b.String()), "image/jpeg"))
		if t.Failed() {
			return
		}
	}
}

func BenchmarkClean(b *testing.B) {
	for _, bb := range []struct{ name, path string }{
		{"ascii", "gallery-12345/page_01.jpg"},
		{"chinese", "性感美女/第一页.jpg"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				save.Clean(bb.path)
			}
		})
	}
}
