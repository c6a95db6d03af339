package btcpay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	callTimeout = 20 * time.Second
	// claimTimeout is for claims: BTCPay asks the destination for up to 30
	// seconds.
	claimTimeout = 45 * time.Second
	// maxAnswer bounds an answer.
	maxAnswer = 16 << 20
	// maxRetryAfter bounds what is believed of a Retry-After.
	maxRetryAfter = time.Hour
)

// get reads.
func (w *Wallet) get(ctx context.Context, path string) ([]byte, error) {
	return w.call(ctx, callTimeout, http.MethodGet, path, nil)
}

// post writes.
func (w *Wallet) post(ctx context.Context, path string, in any) ([]byte, error) {
	return w.call(ctx, callTimeout, http.MethodPost, path, in)
}

// call makes one request and returns the body of its answer; BTCPay's own error
// is a *replyError, no usable answer a *lostError.
func (w *Wallet) call(ctx context.Context, timeout time.Duration, method, path string, in any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, &lostError{err: err}
		}
		body = bytes.NewReader(text)
	}
	// From the moment that there is a connection, the request may arrive.
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, body)
	if err != nil {
		return nil, &lostError{err: cause(err)}
	}
	req.Header.Set("Authorization", "token "+w.secrets().apiKey)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, &lostError{sent: sent.Load(), err: cause(err)}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, &lostError{sent: true, err: cause(err)}
	}
	if len(text) > maxAnswer {
		return nil, &lostError{sent: true, err: errors.New("the answer is too large")}
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		return text, nil
	}
	err = readReplyError(res.StatusCode, text)
	var reply *replyError
	if errors.As(err, &reply) {
		reply.retryAfter = retryAfter(res.Header.Get("Retry-After"))
	}
	return nil, err
}

func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// cause leaves the URL out of net/http's errors: it names what was asked for,
// and a pull payment's id is a secret.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// replyError is BTCPay's own answer that it did not do it.
type replyError struct {
	status     int
	code       string
	message    string
	retryAfter time.Duration
}

func (e *replyError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("status %d", e.status)
	}
	return e.message
}

// lostError is a request without an answer that BTCPay gave.
type lostError struct {
	sent bool // it may have arrived
	err  error
}

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// readReplyError reads the answer to a call that failed: {"code","message"}, or
// [{"path","message"}] for a request that is not valid. Anything else comes
// from something in between, and says nothing of BTCPay.
func readReplyError(status int, body []byte) error {
	var e struct {
		Code              *string `json:"code"`
		Message           *string `json:"message"`
		MissingPermission string  `json:"missingPermission"`
	}
	if json.Unmarshal(body, &e) == nil && e.Message != nil {
		r := &replyError{status: status, message: clip(*e.Message)}
		if e.Code != nil { // null where an invoice cannot be made
			r.code = clip(*e.Code)
		}
		if e.MissingPermission != "" {
			r.message = "the API key lacks " + clip(e.MissingPermission)
		}
		return r
	}
	var list []struct {
		Path    *string `json:"path"`
		Message *string `json:"message"`
	}
	if json.Unmarshal(body, &list) == nil && len(list) > 0 && list[0].Path != nil && list[0].Message != nil {
		return &replyError{status: status, code: "validation", message: clip(*list[0].Path + ": " + *list[0].Message)}
	}
	return &lostError{sent: true, err: fmt.Errorf("status %d, and not from BTCPay", status)}
}

func clip(s string) string {
	if len(s) > 256 {
		return s[:256] + "..."
	}
	return s
}
