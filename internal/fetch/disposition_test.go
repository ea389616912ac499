package fetch_test

import (
	"net/http"
	"testing"

	"github.com/trawl-go/trawl/internal/fetch"
)

func TestSuggestedName(t *testing.T) {
	for _, tt := range []struct{ name, header, want string }{
		{"none", "", ""},
		{"a type alone", "attachment", ""},
		{"token", "attachment; filename=a.jpg", "a.jpg"},
		{"quoted", `attachment; filename="a b.jpg"`, "a b.jpg"},
		{"inline", `inline; filename="a.jpg"`, "a.jpg"},
		{"no type", `filename="a.jpg"`, "a.jpg"},
		{"upper case", `ATTACHMENT; FILENAME="a.jpg"`, "a.jpg"},
		{"spaces", "attachment ;\tfilename =  a.jpg ; size=3", "a.jpg"},
		{"spaces without quotation marks", "attachment; filename=a b.jpg", "a b.jpg"},
		{"semicolon inside", `attachment; filename="a;b.jpg"; size=3`, "a;b.jpg"},
		{"quotation mark inside", `attachment; filename="say \"hi\".jpg"`, `say "hi".jpg`},
		{"escaped backslash", `attachment; filename="a\\b.jpg"`, "b.jpg"},
		{"no end", `attachment; filename="a.jpg`, "a.jpg"},
		{"something behind the end", `attachment; filename="a.jpg" x; size=1`, "a.jpg"},
		{"empty", `attachment; filename=""`, ""},
		{"the first counts", `attachment; filename=a.jpg; filename=b.jpg`, "a.jpg"},
		{"an empty one does not", `attachment; filename=; filename=b.jpg`, "b.jpg"},
		{"another parameter", `attachment; name=x.jpg; creation-date="a; filename=no.jpg"; filename=a.jpg`, "a.jpg"},

		{"UTF-8", `attachment; filename="思考中.jpg"`, "思考中.jpg"},
		{"GBK", "attachment; filename=\"\xcb\xbc\xbf\xbc\xd6\xd0.jpg\"", "思考中.jpg"},
		{"Latin-1", "attachment; filename=\"na\xefve.jpg\"", "naïve.jpg"},
		{"escapes", `attachment; filename="%E6%80%9D%E8%80%83%E4%B8%AD.jpg"`, "思考中.jpg"},
		{"a percent sign", `attachment; filename="100% real.jpg"`, "100% real.jpg"},
		{"escapes that are no UTF-8", `attachment; filename="50%e9.jpg"`, "50%e9.jpg"},
		{"encoded words", `attachment; filename="=?UTF-8?B?5oCd6ICD5Lit?= =?GBK?Q?=CB=BC?=.jpg"`, "思考中思.jpg"},
		{"no encoded words", `attachment; filename="=?x?=.jpg"`, "=?x?=.jpg"},

		{"extended", `attachment; filename*=UTF-8''%e6%80%9d%20a.jpg`, "思 a.jpg"},
		{"extended wins", `attachment; filename="b.jpg"; filename*=utf-8'zh'%e6%80%9d.jpg`, "思.jpg"},
		{"extended wins in any order", `attachment; filename*=utf-8''%e6%80%9d.jpg; filename=b.jpg`, "思.jpg"},
		{"extended in Latin-1", `attachment; filename*=iso-8859-1''na%efve.jpg`, "naïve.jpg"},
		{"extended in GBK", `attachment; filename*=GBK''%cb%bc.jpg`, "思.jpg"},
		{"extended in Big5", `attachment; filename*=big5''%ab%e4.jpg`, "思.jpg"},
		{"extended in quotation marks", `attachment; filename*="UTF-8''%e6%80%9d.jpg"`, "思.jpg"},
		{"extended without an encoding", `attachment; filename=b.jpg; filename*=''a.jpg`, "b.jpg"},
		{"extended in an unknown encoding", `attachment; filename=b.jpg; filename*=klingon''a.jpg`, "b.jpg"},
		{"extended that is no UTF-8", `attachment; filename=b.jpg; filename*=UTF-8''%ff.jpg`, "b.jpg"},
		{"extended that is cut", `attachment; filename=b.jpg; filename*=UTF-8''a%2`, "b.jpg"},
		{"extended with one mark", `attachment; filename=b.jpg; filename*=UTF-8'a.jpg`, "b.jpg"},

		{"path", `attachment; filename="../../a.jpg"`, "a.jpg"},
		{"Windows path", `attachment; filename="C:\pictures\a.jpg"`, "a.jpg"},
		{"escaped path", `attachment; filename*=UTF-8''..%2f..%5ca.jpg`, "a.jpg"},
		{"directory", `attachment; filename="a/"`, ""},
		{"dots", `attachment; filename=".."`, ""},
		{"escaped dots", `attachment; filename=b.jpg; filename*=UTF-8''%2e%2e`, "b.jpg"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Content-Disposition": {tt.header}}
			if got := fetch.SuggestedName(h); got != tt.want {
				t.Errorf("SuggestedName(%q) = %q, want %q", tt.header, got, tt.want)
			}
		})
	}
}
