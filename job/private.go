package job

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/trawl-go/trawl/internal/store"
)

// privateKey is where the store keeps the start hosts at private addresses.
const privateKey = "private_hosts"

// privateHosts are the hosts at private addresses where the job starts. They
// are kept with the job, since a later run goes on without its start.
type privateHosts struct {
	st    store.Store
	hosts []string
}

func (p *privateHosts) load(ctx context.Context) error {
	s, err := p.st.Get(ctx, privateKey)
	if err != nil || s == "" {
		return err
	}
	if err := json.Unmarshal([]byte(s), &p.hosts); err != nil {
		return fmt.Errorf("job: what the store says of private hosts: %w", err)
	}
	return nil
}

// add keeps one more. It is called by one goroutine at a time. An error of the
// store ends the job soon in any case, and what is lost here is refused later,
// with a reason.
func (p *privateHosts) add(ctx context.Context, host string) {
	p.hosts = append(p.hosts, host)
	slices.Sort(p.hosts)
	if data, err := json.Marshal(p.hosts); err == nil {
		_ = p.st.Set(ctx, privateKey, string(data))
	}
}
