package crawl

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/trawl-go/trawl/internal/store"
)

// stoppedValue is the name of the value that has the hosts which the last run
// stopped, as a JSON object: the reason by host.
const stoppedValue = "stopped"

// StoppedHosts returns the hosts that the last run of a job has stopped, with
// the reason; see Summary.Stopped. They are those of all processes that work on
// the job, until nothing waits any more.
func StoppedHosts(ctx context.Context, st store.Store) (map[string]string, error) {
	v, err := st.Get(ctx, stoppedValue)
	if err != nil || v == "" {
		return nil, err
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(v), &m); err != nil {
		return nil, fmt.Errorf("%w: the hosts that were stopped: %v", store.ErrCorrupt, err)
	}
	return m, nil
}

// keepStopped remembers the hosts that this run has stopped.
func (e *Engine) keepStopped(ctx context.Context, sum *Summary) error {
	old, err := StoppedHosts(ctx, e.parts.Store)
	if err != nil {
		return err
	}
	now := maps.Clone(sum.Stopped)
	if e.shared != nil && sum.Left() > 0 {
		now = maps.Clone(old)
		if now == nil {
			now = make(map[string]string)
		}
		maps.Copy(now, sum.Stopped)
	}
	if maps.Equal(old, now) {
		return nil
	}
	data := []byte{}
	if len(now) > 0 {
		if data, err = json.Marshal(now); err != nil {
			return err
		}
	}
	return e.parts.Store.Set(ctx, stoppedValue, string(data))
}
