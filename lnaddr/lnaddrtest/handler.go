package lnaddrtest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/fiatjaf/go-lnurl"

	"github.com/dmshop/dmshop/lnaddr"
)

// InvoiceFunc makes the invoice by which name receives an amount in
// millisatoshi. Its error is logged; the payer only hears that there is none.
type InvoiceFunc func(ctx context.Context, name string, amountMsat int64) (bolt11 string, err error)

// Service is what a wallet service offers under its domain.
type Service struct {
	// Host is the domain, "wallet.example". Required.
	Host string
	// Names are who can be paid; nil means everybody.
	Names []string
	// Min and Max bound an amount, in millisatoshi; zero means 1 sat and
	// 1 BTC.
	Min, Max int64
	// Comment is the longest comment taken; zero is none.
	Comment int
	// Invoice makes the invoices. Required.
	Invoice InvoiceFunc
	// Logger gets errors of Invoice; nil means slog.Default().
	Logger *slog.Logger
}

const (
	paramsPath   = "/.well-known/lnurlp/{name}"
	callbackPath = "/lnurlp/{name}/callback"
)

// Handler serves the service's names by LNURL-pay (LUD-06, LUD-12, LUD-16).
func Handler(s Service) http.Handler {
	if s.Min == 0 {
		s.Min = 1000
	}
	if s.Max == 0 {
		s.Max = 100_000_000_000
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+paramsPath, s.params)
	mux.HandleFunc("GET "+callbackPath, s.callback)
	return mux
}

func (s Service) params(w http.ResponseWriter, r *http.Request) {
	name, ok := s.payee(r)
	if !ok {
		answer(w, lnurl.ErrorResponse("nobody of that name here"))
		return
	}
	address := name + "@" + s.Host
	answer(w, lnurl.LNURLPayParams{
		Tag:            "payRequest",
		Callback:       "https://" + s.Host + "/lnurlp/" + name + "/callback",
		MinSendable:    s.Min,
		MaxSendable:    s.Max,
		CommentAllowed: int64(s.Comment),
		EncodedMetadata: lnurl.Metadata{
			Description:      "Payment to " + address,
			LightningAddress: address,
		}.Encode(),
	})
}

func (s Service) callback(w http.ResponseWriter, r *http.Request) {
	name, ok := s.payee(r)
	amount, err := strconv.ParseInt(r.FormValue("amount"), 10, 64)
	switch {
	case !ok:
		answer(w, lnurl.ErrorResponse("nobody of that name here"))
		return
	case err != nil || amount < s.Min || amount > s.Max:
		answer(w, lnurl.ErrorResponse("the amount is not between minSendable and maxSendable"))
		return
	case utf8.RuneCountInString(r.FormValue("comment")) > s.Comment:
		answer(w, lnurl.ErrorResponse("the comment is too long"))
		return
	}
	bolt11, err := s.Invoice(r.Context(), name, amount)
	if err != nil {
		s.Logger.ErrorContext(r.Context(), "no invoice for a lightning address", "host", s.Host, "err", err)
		answer(w, lnurl.ErrorResponse("no invoice can be made right now"))
		return
	}
	answer(w, lnurl.LNURLPayValues{PR: bolt11, Routes: []struct{}{}})
}

// payee is who the path names, in an address's one spelling.
func (s Service) payee(r *http.Request) (string, bool) {
	name := r.PathValue("name")
	a, err := lnaddr.Parse(name + "@" + s.Host)
	if err != nil || a.String() != name+"@"+s.Host {
		return "", false
	}
	return name, s.Names == nil || slices.Contains(s.Names, name)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the payer is gone: nothing to do for them
}
