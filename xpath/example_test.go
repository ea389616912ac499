package xpath_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

const shop = `<!DOCTYPE html><title>书店</title>
<ul id="books">
<li><a href="/1"><span class="title">平凡的世界</span><span class="title">Ordinary World</span></a><b>9.0</b>
<li><a href="/2"><span class="title">活着</span><span class="title">To Live</span></a><b>9.4</b>
</ul>
<table><tr><td>shelf</td><td>12</td></tr></table>`

func Example() {
	ctx := context.Background()
	root, err := html.ParseWithOptions(strings.NewReader(shop), html.ParseOptionEnableScripting(false))
	if err != nil {
		log.Fatal(err)
	}
	doc := xpath.NewDoc(root)

	// Compile once, for instance in package variables.
	books := xpath.MustCompile(`//ul[@id="books"]/li`, nil)
	title := xpath.MustCompile(`.//span[@class="title"][1]`, nil)
	rating := xpath.MustCompile(`b`, nil)
	link := xpath.MustCompile(`a/@href`, nil)

	nodes, err := books.Nodes(ctx, doc.Root(), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, li := range nodes {
		name, err := title.EvalString(ctx, li, nil)
		if err != nil {
			log.Fatal(err)
		}
		score, _ := rating.EvalNumber(ctx, li, nil)
		href, _ := link.EvalString(ctx, li, nil)
		fmt.Println(name, score, href)
	}
	// Output:
	// 平凡的世界 9 /1
	// 活着 9.4 /2
}

func ExampleCompile() {
	_, err := xpath.Compile(`//a[contains(@href, "/photo/"]`, nil)
	fmt.Println(err)
	// Output:
	// xpath: column 30: ")" was expected to close the arguments of contains(), not "]"
	// 	//a[contains(@href, "/photo/"]
	// 	                             ^
}

func ExampleExpr_Eval() {
	root, err := html.Parse(strings.NewReader(shop))
	if err != nil {
		log.Fatal(err)
	}
	good := xpath.MustCompile(`count(//li[b > $least])`, nil)
	v, err := good.Eval(context.Background(), xpath.NewDoc(root).Root(), &xpath.EvalOptions{
		Vars: map[string]xpath.Value{"least": xpath.NumberValue(9.1)},
	})
	fmt.Println(v, err)
	// Output: 1 <nil>
}

func ExampleExpr_Hint() {
	root, err := html.Parse(strings.NewReader(shop))
	if err != nil {
		log.Fatal(err)
	}
	doc := xpath.NewDoc(root)
	e := xpath.MustCompile(`//table/tr/td[2]`, nil)
	nodes, err := e.Nodes(context.Background(), doc.Root(), nil)
	if err == nil && len(nodes) == 0 {
		fmt.Println(e.Hint(context.Background(), doc.Root(), nil))
	}
	// Output:
	// the HTML parser puts the rows of a table into a tbody; //table/tbody/tr/td[2] finds 1 node
}
