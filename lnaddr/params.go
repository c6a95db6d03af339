package lnaddr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/url"
	"strings"
)

// Longest texts of strangers that are kept.
const (
	maxReason = 200
	maxAbout  = 256
)

// Params is what an address takes, as its service said (LUD-06). It holds for
// a short while: services change their limits, so ask again rather than store
// it. The zero value takes nothing.
type Params struct {
	// Min and Max are the smallest and largest amount, in millisatoshi, both
	// included; 1 <= Min <= Max.
	Min, Max int64
	// Comment is the longest comment in characters (LUD-12); 0 is none.
	Comment int
	// About is the service's description of the payment, one line of
	// printable text.
	About string

	host     string
	metadata string
	callback *url.URL
	payer    string // JSON to be sent; empty is none
}

// Accepts tells whether the amount, in millisatoshi, is within the limits: nil,
// or an [*Error] of kind [ErrRange].
func (p Params) Accepts(amountMsat int64) error {
	if amountMsat < max(p.Min, 1) || amountMsat > p.Max {
		return &Error{Step: StepResolve, Kind: ErrRange, Host: p.host, Min: p.Min, Max: p.Max}
	}
	return nil
}

// envelope is common to all answers (LUD-01). Its fields are raw since error
// pages of other make use the same names with other types.
type envelope struct {
	Status json.RawMessage `json:"status"`
	Reason json.RawMessage `json:"reason"`
}

// refusal finds {"status":"ERROR","reason":...}, in any case.
func (e envelope) refusal() (reason string, refused bool) {
	if !strings.EqualFold(text(e.Status), "error") {
		return "", false
	}
	return clean(text(e.Reason), maxReason), true
}

// text is the JSON string in raw, or empty for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// readAnswer reads a body into v. The error is an *Error without step and host.
func readAnswer(body []byte, v any) *Error {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return &Error{Kind: ErrAnswer, Err: errors.New("not a JSON object")}
	}
	if reason, refused := e.refusal(); refused {
		return &Error{Kind: ErrRefused, Reason: reason}
	}
	if err := json.Unmarshal(body, v); err != nil {
		return &Error{Kind: ErrAnswer, Err: errors.New("a field has the wrong type")}
	}
	return nil
}

// readParams reads the first answer (LUD-06) on behalf of payer.
func readParams(body []byte, payer PayerData) (Params, *Error) {
	var w struct {
		Tag            string
		Callback       string
		MinSendable    json.RawMessage
		MaxSendable    json.RawMessage
		Metadata       string
		CommentAllowed json.RawMessage
		PayerData      json.RawMessage
	}
	if err := readAnswer(body, &w); err != nil {
		return Params{}, err
	}
	bad := func(format string, args ...any) (Params, *Error) {
		return Params{}, &Error{Kind: ErrAnswer, Err: fmt.Errorf(format, args...)}
	}
	if w.Tag != "payRequest" {
		return bad("the tag is not payRequest")
	}
	callback, err := checkURL(w.Callback)
	if err != nil {
		return bad("callback: want an https URL of a public host on port 443")
	}
	p := Params{metadata: w.Metadata, callback: callback}
	if p.Min, err = integer(w.MinSendable); err != nil {
		return bad("minSendable: %w", err)
	}
	if p.Max, err = integer(w.MaxSendable); err != nil {
		return bad("maxSendable: %w", err)
	}
	if p.Min < 1 || p.Max < p.Min {
		return bad("want 1 <= minSendable <= maxSendable, got %d and %d", p.Min, p.Max)
	}
	about, err := readMetadata(w.Metadata)
	if err != nil {
		return bad("metadata: %w", err)
	}
	p.About = clean(about, maxAbout)
	// A limit that cannot be read is no reason not to pay, only not to comment.
	if n, err := integer(w.CommentAllowed); err == nil && n > 0 {
		p.Comment = int(min(n, math.MaxInt32))
	}
	var missing bool
	if p.payer, missing = payer.answer(w.PayerData); missing {
		return Params{}, &Error{Kind: ErrPayerData}
	}
	return p, nil
}

// readMetadata finds the one text/plain entry in a JSON array of pairs.
func readMetadata(s string) (string, error) {
	var entries [][]json.RawMessage
	if json.Unmarshal([]byte(s), &entries) != nil {
		return "", errors.New("want a JSON array of arrays, as a string")
	}
	var about string
	found := 0
	for _, e := range entries {
		if len(e) < 2 || text(e[0]) != "text/plain" {
			continue
		}
		found++
		if json.Unmarshal(e[1], &about) != nil {
			return "", errors.New("text/plain: want a string")
		}
	}
	if found != 1 {
		return "", fmt.Errorf("want one text/plain, got %d", found)
	}
	return about, nil
}

// integer reads a JSON number exactly, however it is written: 1000, 1000.0,
// 1e3. Beyond int64 it saturates, since services write "no limit" so.
func integer(raw json.RawMessage) (int64, error) {
	s := string(raw)
	const most = 40 // and an exponent of two digits: bounds the work below
	_, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if s == "" || len(s) > most || len(strings.Trim(exponent, "+-")) > 2 || !strings.ContainsRune("-0123456789", rune(s[0])) {
		return 0, errors.New("want a number")
	}
	r, ok := new(big.Rat).SetString(s)
	switch {
	case !ok:
		return 0, errors.New("want a number")
	case !r.IsInt():
		return 0, errors.New("want a whole number of millisatoshi")
	case r.Num().IsInt64():
		return r.Num().Int64(), nil
	case r.Sign() < 0:
		return math.MinInt64, nil
	default:
		return math.MaxInt64, nil
	}
}
