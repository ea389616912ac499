package gallery_test

import "testing"

// TestNext finds the next page of a gallery, and nothing else.
func TestNext(t *testing.T) {
	const at = "https://h.example/g/12345"
	for _, tc := range []struct{ name, url, html, want string }{
		{"link rel", at, `<link rel="next" href="?page=2">`, at + "?page=2"},
		{"a rel", at, `<a rel="nofollow Next" href="/g/12345/2">2</a>`, at + "/2"},
		{"rel to anywhere", "https://h.example/photo/lake", `<a rel=next href="/photo/terraces">Next</a>`, "https://h.example/photo/terraces"},
		{"rel to the next article", at, `<link rel="next" title="Another day by the lake" href="/g/other">`, ""},
		{"rel with a long title", at, `<a rel="next" href="/another-day">Another day by the lake with friends →</a>`, ""},
		{"rel to another host", at, `<link rel="next" href="https://elsewhere.example/g/12345/2">`, ""},
		{"rel to itself", at, `<link rel="next" href="#top"><a rel="next" href="/g/12345#more">Next</a>`, ""},
		{"the number wins over rel", at, `<link rel="next" href="/g/other"><a href="/g/12345/2">Next page</a>`, at + "/2"},
		{"javascript", at, `<a rel="next" href="javascript:next()">Next</a>`, ""},
		{"mail", at, `<a href="mailto:next@h.example?page=2">Next</a>`, ""},

		{"simplified Chinese", at, `<a href="/g/12345/2">下一页</a>`, at + "/2"},
		{"in brackets", at, `<a href="/g/12345/2">[ 下一页 » ]</a>`, at + "/2"},
		{"traditional Chinese", at, `<a href="/g/12345/2">下一頁&gt;&gt;</a>`, at + "/2"},
		{"picture by picture", at, `<a href="/g/12345_2">下一张</a>`, at + "_2"},
		{"Japanese", at, `<a href="?p=2">次へ</a>`, at + "?p=2"},
		{"Korean", at, `<a href="?p=2">다음</a>`, at + "?p=2"},
		{"French", at, `<a href="?p=2">Page suivante</a>`, at + "?p=2"},
		{"German", at, `<a href="?p=2">Weiter</a>`, at + "?p=2"},
		{"Russian", at, `<a href="?p=2">Вперёд →</a>`, at + "?p=2"},
		{"English with a number", at, `<a href="?start=20">Next 20 »</a>`, at + "?start=20"},
		{"label", at, `<a href="?p=2" aria-label="Next page"><svg></svg></a>`, at + "?p=2"},
		{"title", at, `<a href="?p=2" title="下一页"><i></i></a>`, at + "?p=2"},
		{"picture of a word", at, `<a href="?p=2"><img src="/img/n.gif" alt="Next"></a>`, at + "?p=2"},
		{"another host", at, `<a href="https://elsewhere.example/g/12345/2">下一页</a>`, ""},
		{"with www", at, `<a href="https://www.h.example/g/12345/2">下一页</a>`, "https://www.h.example/g/12345/2"},
		{"the page itself", at, `<a href="/g/12345">下一页</a>`, ""},
		{"a picture", at, `<a rel="next" href="/g/2.jpg">下一页</a>`, ""},
		{"the next article in Chinese", at, `<a href="/g/12346">下一篇</a><a rel=next href="/g/12346">下一篇：湖边</a>`, ""},
		{"the next set in Chinese", at, `<a href="/g/12346">下一组&raquo;</a>`, ""},
		{"the next post", at, `<a rel="next" href="/g/12346">Next post</a>`, ""},
		{"next within a sentence", at, `<a href="/g/12346">What comes next in the garden</a>`, ""},
		{"unlike address", at, `<a href="/login?to=2">Next</a>`, ""},

		{"arrow in a pager", at, `<div class="pagination"><a href="?p=2">2</a><a href="?p=9">9</a><a href="?p=2">›</a></div>`, at + "?p=2"},
		{"arrow among numbers", at, `<p><b>1</b><a href="?p=2">2</a><a href="?p=2">&gt;</a></p>`, at + "?p=2"},
		{"arrow elsewhere", at, `<div><a href="?p=2">›</a></div>`, ""},
		{"double arrow to the last page", at, `<div class="pager"><a href="?p=2">2</a><a href="?p=3">3</a><a href="?p=60">»</a></div>`, at + "?p=2"},
		{"double arrow to the next page", at + "?p=4", `<div class="pager"><a href="?p=3">3</a><a href="?p=5">»</a></div>`, at + "?p=5"},
		{"arrow back to the start", at + "?p=4", `<div class="pager"><a href="?p=1">›</a></div>`, ""},
		{"class", at, `<ul class="pager"><li class="next"><a href="?p=2"><i></i></a></li></ul>`, at + "?p=2"},
		{"class of a pager's script", at, `<div class="pager"><a class="btn-next" href="#"></a></div>`, ""},
		{"class outside of a pager", at, `<div><a class="slider-next" href="?slide=2"></a></div>`, ""},
		{"the word wins over the arrow", at, `<div class="pager"><a href="?p=9">›</a><a href="?p=2">下一页</a></div>`, at + "?p=2"},

		{"file name", "https://h.example/a/lake.html", `<a href="lake_2.html">下一页</a>`, "https://h.example/a/lake_2.html"},
		{"second file name", "https://h.example/a/lake_2.html", `<a href="lake_3.html">下一页</a>`, "https://h.example/a/lake_3.html"},
		{"index", "https://h.example/a/index.html", `<a href="index_2.html">下一页</a>`, "https://h.example/a/index_2.html"},
		{"folder", "https://h.example/a/", `<a href="page/2/">Next</a>`, "https://h.example/a/page/2/"},
		{"next folder", "https://h.example/a/page/2/", `<a href="/a/page/3/">Next</a>`, "https://h.example/a/page/3/"},
		{"p2", "https://h.example/a/", `<a href="p2.html"><b>Next</b> &raquo;</a>`, "https://h.example/a/p2.html"},
		{"longer number", "https://h.example/a/1", `<a href="/a/12/x">Next</a>`, ""},
		{"number of another", "https://h.example/a/1/2", `<a href="/a/2/3">Next</a>`, ""},
		{"deeper page", "https://h.example/a", `<a href="/a/comments/2">Next</a>`, ""},
		{"cursor", at, `<a href="?after=t3_abc">Next</a>`, at + "?after=t3_abc"},
		{"other arguments kept", at + "?tag=x", `<a href="?tag=x&amp;page=2">Next</a>`, at + "?tag=x&page=2"},
		{"other arguments changed", at + "?tag=x", `<a href="?tag=y&amp;page=2">Next</a>`, ""},
		{"another album in the query", at + "?album=1", `<a href="?album=2&amp;page=2">Next</a>`, ""},
		{"another path and another query", at + "?tag=x", `<a href="/g/12345/2?tag=y">Next</a>`, ""},
		{"another path and the same query", at + "?tag=x", `<a href="/g/12345/2?tag=x">Next</a>`, at + "/2?tag=x"},
		{"in a script", at, `<script>document.write("<a rel='next' href='/trap'>下一页</a>")</script>`, ""},
		{"in a template", at, `<template><a rel="next" href="?p=2">Next</a></template>`, ""},
		{"base", at, `<base href="/g/"><a href="12345/2">Next</a>`, at + "/2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := parse(t, htmlPage(tc.url, tc.html+`<p><img src="/a.jpg">`))
			got := ""
			for _, p := range res.Pages {
				got += p.URL
			}
			if got != tc.want {
				t.Errorf("next = %q, want %q", got, tc.want)
			}
		})
	}
}
