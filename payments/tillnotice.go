package payments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxWebhook is the longest body of a webhook that is read.
const maxWebhook = 256 << 10

// Notify takes a hint that an invoice may have changed, from wherever it came:
// the charge is looked up soon. When it returns nil that is durable. A notice
// about an invoice that this till did not make is none of its business, and no
// error.
func (t *Till) Notify(ctx context.Context, n Notice) error {
	if checkID(n.ID) != nil {
		return nil //nolint:nilerr // nothing of ours
	}
	key, rev, err := t.kv.Get(ctx, t.idName(n.ID))
	if err != nil {
		return fmt.Errorf("payments: take a notice: %w", err)
	}
	if rev == 0 {
		return nil // not ours, or about to be entered, and looked up then
	}
	if err := t.reopen(ctx, string(key)); err != nil {
		return fmt.Errorf("payments: take a notice: %w", err)
	}
	t.soon(string(key), t.now())
	return nil
}

// reopen makes a closed charge live again.
func (t *Till) reopen(ctx context.Context, key string) error {
	for {
		r, rev, err := t.load(ctx, key)
		if err != nil || r == nil || !r.Closed {
			return err
		}
		r.Closed, r.Day = false, day(t.now())
		if err := t.index(ctx, r.Day, key); err != nil {
			return err
		}
		if ok, err := t.save(ctx, r, rev); ok || err != nil {
			return err
		}
	}
}

// Webhook serves the URL that the wallet calls. It answers 204 when the notice
// is durable, or about nothing of ours; 401 to a signature that is wrong; 400
// and 413 to a body that cannot be read; 503 when the storage failed, so that
// the wallet tries again. It panics when the wallet verifies no webhooks.
func (t *Till) Webhook() http.Handler {
	verifier, ok := t.wallet.(WebhookVerifier)
	if !ok {
		panic("payments: Till.Webhook: this wallet verifies no webhooks; the till polls without")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "want POST", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
		if err != nil {
			http.Error(w, "cannot read the body", http.StatusRequestEntityTooLarge)
			return
		}
		notices, err := verifier.VerifyWebhook(r.Header, body, t.now())
		switch {
		case errors.Is(err, ErrAuth):
			http.Error(w, "not authorised", http.StatusUnauthorized)
			return
		case err != nil:
			http.Error(w, "cannot read the body", http.StatusBadRequest)
			return
		}
		for _, n := range notices {
			if t.heard.has(n) {
				continue
			}
			if err := t.Notify(r.Context(), n); err != nil {
				t.options.Logger.WarnContext(r.Context(), "a webhook is refused for now", "err", err)
				http.Error(w, "try again", http.StatusServiceUnavailable)
				return
			}
			t.heard.add(n)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// watch keeps a connection to the wallet, and resumes where it broke off.
func (t *Till) watch(ctx context.Context, w Watcher) {
	for failures := 0; ; {
		cursor, rev, err := t.kv.Get(ctx, t.cursorName())
		if err == nil {
			err = w.Watch(ctx, string(cursor), func(ctx context.Context, n Notice) error {
				failures = 0
				if err := t.Notify(ctx, n); err != nil || n.Cursor == "" || n.Cursor == string(cursor) {
					return err
				}
				cursor, rev, err = t.saveCursor(ctx, n.Cursor, rev)
				return err
			})
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, ErrInvalid) && len(cursor) > 0 {
			// A cursor of another wallet: begin anew, and poll what was missed.
			_, _ = t.kv.Put(ctx, t.cursorName(), nil, rev)
		}
		failures++
		t.options.Logger.WarnContext(ctx, "watching the wallet broke off", "failures", failures, "err", err)
		if errors.Is(err, ErrUnsupported) || t.sleep(ctx, min(backoff(failures), time.Minute)) != nil {
			return
		}
	}
}

// saveCursor notes how far the notices were taken. Where another till noted
// something else, that is true as well: it took all before it.
func (t *Till) saveCursor(ctx context.Context, cursor string, rev int64) ([]byte, int64, error) {
	ok, err := t.kv.Put(ctx, t.cursorName(), []byte(cursor), rev)
	if err != nil {
		return nil, 0, err
	}
	if ok {
		return []byte(cursor), rev + 1, nil
	}
	_, rev, err = t.kv.Get(ctx, t.cursorName())
	return []byte(cursor), rev, err
}
