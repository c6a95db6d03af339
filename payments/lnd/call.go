package lnd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	callTimeout = 30 * time.Second
	// maxMessage bounds an answer, or one message of a stream. A payment that
	// was tried over hundreds of routes lists them all.
	maxMessage = 16 << 20
)

// call makes one request and returns the body of its answer; lnd's own error
// is a *replyError, no usable answer a *lostError. in nil means GET.
func (w *Wallet) call(ctx context.Context, path string, in any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := w.open(ctx, path, in)
	if err != nil {
		return nil, err
	}
	defer s.close()
	body, err := io.ReadAll(io.LimitReader(s.body, maxMessage+1))
	if err != nil {
		return nil, &lostError{sent: true, err: cause(err)}
	}
	if len(body) > maxMessage {
		return nil, &lostError{sent: true, err: errors.New("the answer is too large")}
	}
	return body, nil
}

// stream is an answer that goes on: one JSON object a line.
type stream struct {
	ctx   context.Context
	body  io.ReadCloser
	lines *bufio.Scanner
}

// open makes a request and waits for the head of its answer, which for a
// stream comes only with the first message.
func (w *Wallet) open(ctx context.Context, path string, in any) (*stream, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, &lostError{err: err}
		}
		method, body = http.MethodPost, bytes.NewReader(text)
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
	req.Header.Set("Grpc-Metadata-Macaroon", w.secrets().macaroon)
	res, err := w.client.Do(req)
	if err != nil {
		return nil, &lostError{sent: sent.Load(), err: cause(err)}
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		text, err := io.ReadAll(io.LimitReader(res.Body, maxMessage))
		if err != nil {
			return nil, &lostError{sent: true, err: cause(err)}
		}
		return nil, unlessEnded(ctx, readReplyError(res.StatusCode, text))
	}
	s := &stream{ctx: ctx, body: res.Body, lines: bufio.NewScanner(res.Body)}
	s.lines.Buffer(nil, maxMessage)
	return s, nil
}

func (s *stream) close() { s.body.Close() }

// next is the result in the next message. A stream that ends is a *lostError:
// none of lnd's is over before the caller has read what it wants.
func (s *stream) next() (json.RawMessage, error) {
	if !s.lines.Scan() {
		err := s.lines.Err()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, &lostError{sent: true, err: cause(err)}
	}
	text, err := readMessage(s.lines.Bytes())
	return text, unlessEnded(s.ctx, err)
}

// unlessEnded is err, or that ctx ended: while the connection is closed, lnd's
// last words can still come through, and they are that the call was cancelled.
func unlessEnded(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &lostError{sent: true, err: ctx.Err()}
	}
	return err
}

// cause leaves the URL out of net/http's errors: it names a payment hash.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// replyError is lnd's own answer that it did not do it.
type replyError struct {
	code    int // of gRPC
	message string
}

func (e *replyError) Error() string { return e.message }

// lostError is a request without an answer that lnd gave.
type lostError struct {
	sent bool // it may have arrived
	err  error
}

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// status says a status code that came without lnd's words.
func statusError(status int) error {
	return &lostError{sent: true, err: fmt.Errorf("status %d, and not from lnd", status)}
}
