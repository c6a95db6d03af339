package lntest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// final is an error that waiting does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// poll tries until it works, or ctx ends: a daemon in another process gives no
// signal to wait for. The last error is the one returned.
func poll(ctx context.Context, try func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		var f final
		if err == nil || errors.As(err, &f) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w, after: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}
