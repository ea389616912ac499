package replica_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/trawl-go/trawl/internal/replica"
)

func Example() {
	ctx := context.Background()
	s := replica.New(&replica.Options{Seed: 1})
	if err := s.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	client := s.Client()
	defer client.CloseIdleConnections()

	gallery := s.Expected().Galleries[3]
	resp, err := client.Get(gallery.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Println(len(gallery.Pages), "pages; the first shows its picture:", strings.Contains(string(page), gallery.Pages[0].Image))

	// Without a Referer the picture is refused.
	resp, err = client.Get(gallery.Pages[0].Image)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	fmt.Println("picture:", resp.Status)

	// Output:
	// 60 pages; the first shows its picture: true
	// picture: 403 Forbidden
}

func ExampleServer_Change() {
	s := replica.New(nil)
	// Every third page of the site fails twice before it comes, and pictures
	// asked for from elsewhere are all the same one.
	s.Change("www.mzitu.com", func(r *replica.Rules) {
		r.Faults = append(r.Faults, replica.Fault{Kind: replica.Status, Status: 503, OneIn: 3, First: 2})
	})
	s.Change("*.meizitu.net", func(r *replica.Rules) {
		r.Referer, r.Refusal = replica.RefererPage, replica.RefusePlaceholder
	})
	r, _ := s.Rules("i5.meizitu.net")
	fmt.Println(r.Referer, r.Refusal)
	// Output: page placeholder
}
