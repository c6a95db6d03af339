package btcpaytest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// pull is a pull payment.
type pull struct {
	id, name, description string
	amount                payments.Msat
	approve, archived     bool
}

// Payout is one of the store's payouts.
type Payout struct {
	ID, Pull, Destination string
	Amount                payments.Msat
	// State is AwaitingApproval, AwaitingPayment, InProgress, Completed or
	// Cancelled.
	State string
	hash  payments.Hash
	proof payments.Preimage
}

// lifeOfClaims is how long an invoice that is claimed must still live.
const lifeOfClaims = 30 * 24 * time.Hour

func (s *Server) processors(*http.Request, []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	if s.settings.Processor {
		name := "payoutMethodId"
		if s.options.Legacy {
			name = "paymentMethod"
		}
		list = append(list, map[string]any{name: s.lightning(), "intervalSeconds": 3600, "processNewPayoutsInstantly": s.settings.AtOnce})
	}
	return reply(http.StatusOK, list)
}

func (s *Server) createPull(_ *http.Request, body []byte) answer {
	var in struct {
		Name, Description, Amount, Currency string
		AutoApproveClaims                   bool
		PayoutMethods, PaymentMethods       []string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return invalid("", "the body cannot be read")
	}
	if in.AutoApproveClaims && s.misses("btcpay.store.cancreatepullpayments") {
		return forbidden("btcpay.store.cancreatepullpayments")
	}
	methods := in.PayoutMethods
	if s.options.Legacy {
		methods = in.PaymentMethods
	}
	amount, err := payments.ParseBTC(in.Amount)
	switch {
	case err != nil || amount == 0:
		return invalid("amount", "The amount should more than 0.")
	case len(in.Name) > 50:
		return invalid("name", "The name should be maximum 50 characters.")
	case in.Currency != "BTC":
		return invalid("currency", "Invalid currency")
	case len(methods) == 0 || !s.takesMethod(methods[0]):
		return invalid("payoutMethods[0]", "Invalid or unsupported payment method")
	}
	p := &pull{id: newID(), name: in.Name, description: in.Description, amount: amount, approve: in.AutoApproveClaims}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulls = append(s.pulls, p)
	return reply(http.StatusOK, s.pullData(p))
}

func (s *Server) pullData(p *pull) map[string]any {
	return map[string]any{
		"id": p.id, "name": p.name, "description": p.description, "currency": "BTC", "amount": p.amount.FormatBTC(),
		"autoApproveClaims": p.approve, "archived": p.archived, "viewLink": s.http.URL + "/pull-payments/" + p.id,
	}
}

func (s *Server) listPulls(*http.Request, []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, p := range slices.Backward(s.pulls) {
		if !p.archived {
			list = append(list, s.pullData(p))
		}
	}
	return reply(http.StatusOK, list)
}

// pull is called with the lock.
func (s *Server) pull(r *http.Request) *pull {
	i := slices.IndexFunc(s.pulls, func(p *pull) bool { return p.id == r.PathValue("pull") })
	if i < 0 {
		return nil
	}
	return s.pulls[i]
}

func pullNotFound() answer {
	return refusal(http.StatusNotFound, "pullpayment-not-found", "The pull payment was not found")
}

func (s *Server) getPull(r *http.Request, _ []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pull(r)
	if p == nil {
		return pullNotFound()
	}
	return reply(http.StatusOK, s.pullData(p))
}

func (s *Server) archivePull(r *http.Request, _ []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pull(r)
	if p == nil {
		return pullNotFound()
	}
	p.archived = true
	for _, o := range s.payouts {
		if o.Pull == p.id && o.State != "Completed" && o.State != "InProgress" {
			o.State = "Cancelled"
		}
	}
	return answer{status: http.StatusOK}
}

func (s *Server) listPayouts(r *http.Request, _ []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pull(r)
	if p == nil {
		return pullNotFound()
	}
	list := []any{}
	for _, o := range s.payouts {
		if o.Pull == p.id && (o.State != "Cancelled" || r.URL.Query().Get("includeCancelled") == "true") {
			list = append(list, s.payoutData(o))
		}
	}
	return reply(http.StatusOK, list)
}

func (s *Server) payoutData(o *Payout) map[string]any {
	data := map[string]any{
		"id": o.ID, "revision": 0, "pullPaymentId": o.Pull, "date": "1700000000", "destination": o.Destination, "state": o.State,
		"metadata": map[string]any{},
	}
	if s.options.Legacy {
		data["paymentMethod"], data["cryptoCode"], data["amount"] = s.lightning(), "BTC", o.Amount.FormatBTC()
	} else {
		data["payoutMethodId"], data["payoutCurrency"], data["originalCurrency"] = s.lightning(), "BTC", "BTC"
		data["originalAmount"], data["payoutAmount"] = o.Amount.FormatBTC(), o.Amount.FormatBTC()
	}
	if !o.hash.IsZero() {
		data["paymentProof"] = map[string]any{
			"proofType": "PayoutLightningBlob", "PaymentHash": o.hash.String(), "Preimage": hex.EncodeToString(o.proof[:]),
		}
	}
	return data
}

// claim is as BTCPay's: an invoice is paid once, an address whenever it is
// claimed, and the limit of the pull payment is all that stands before that.
func (s *Server) claim(r *http.Request, body []byte) answer {
	var in struct{ Destination, Amount, PayoutMethodID, PaymentMethod string }
	if err := json.Unmarshal(body, &in); err != nil {
		return invalid("", "the body cannot be read")
	}
	method := in.PayoutMethodID
	if s.options.Legacy {
		method = in.PaymentMethod
	}
	if !s.takesMethod(method) {
		return invalid("payoutMethodId", "Invalid payment method")
	}
	amount, err := payments.ParseBTC(in.Amount)
	if err != nil || amount == 0 {
		return invalid("amount", "Invalid amount")
	}
	in.Destination = strings.TrimSpace(in.Destination)
	read, notInvoice := bolt11.Decode(in.Destination)
	if notInvoice != nil {
		if !s.online(r.Context(), in.Destination, amount) {
			return invalid("destination", "The LNURL / Lightning Address provided was not online: "+in.Destination)
		}
	} else if read.ExpiresAt.Sub(s.options.Now()) < lifeOfClaims {
		return invalid("destination", "The BOLT11 invoice must have an expiry date of at least 30 days from submission")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pull(r)
	if p == nil {
		return pullNotFound()
	}
	if p.archived {
		return refusal(http.StatusBadRequest, "archived", "This pull payment has been archived")
	}
	claimed := amount
	for _, o := range s.payouts {
		if o.Pull == p.id && o.State != "Cancelled" {
			claimed += o.Amount
		}
		if notInvoice == nil && o.Destination == in.Destination && o.State != "Cancelled" && o.State != "Completed" {
			return refusal(http.StatusBadRequest, "duplicate-destination", "This address is already used for another payout")
		}
	}
	if claimed > p.amount {
		return refusal(http.StatusBadRequest, "overdraft", "The payout amount overdraft the pull payment's limit")
	}
	o := &Payout{ID: newID(), Pull: p.id, Destination: in.Destination, Amount: amount, State: "AwaitingApproval"}
	s.payouts = append(s.payouts, o)
	if p.approve {
		o.State = "AwaitingPayment"
		if s.settings.Processor && s.settings.AtOnce {
			s.work.Go(func() { s.payOut(s.ctx, o) })
		}
	}
	return reply(http.StatusOK, s.payoutData(o))
}

// online asks an address as BTCPay does when it is claimed; for an invoice that
// nobody uses.
func (s *Server) online(ctx context.Context, destination string, amount payments.Msat) bool {
	if s.options.Resolve == nil || !strings.Contains(destination, "@") && !strings.HasPrefix(strings.ToLower(destination), "lnurl") {
		return false
	}
	_, err := s.options.Resolve(ctx, destination, amount)
	return err == nil
}

// Process lets the processor pay what is approved, as it does each hour.
func (s *Server) Process(ctx context.Context) {
	s.mu.Lock()
	waiting := slices.Clone(s.payouts)
	s.mu.Unlock()
	for _, o := range waiting {
		s.payOut(ctx, o)
	}
}

// payOut pays a payout that waits for it. What fails waits again.
func (s *Server) payOut(ctx context.Context, o *Payout) {
	s.mu.Lock()
	ready := o.State == "AwaitingPayment"
	if ready {
		o.State = "InProgress"
	}
	s.mu.Unlock()
	if !ready {
		return
	}
	text, err := o.Destination, error(nil)
	if _, notInvoice := bolt11.Decode(text); notInvoice != nil {
		text, err = s.options.Resolve(ctx, o.Destination, o.Amount)
	}
	var p payments.Payment
	if err == nil {
		p, err = s.options.Wallet.Pay(ctx, payments.PayRequest{Bolt11: text, Amount: o.Amount, MaxFee: o.Amount / 20})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && p.State == payments.PaySucceeded:
		o.State, o.hash, o.proof = "Completed", p.Hash, p.Preimage
	case payments.MayRepeat(err):
		o.State = "AwaitingPayment"
	}
}

// Payouts are all of the store, cancelled ones among them.
func (s *Server) Payouts() (all []Payout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.payouts {
		all = append(all, *o)
	}
	return all
}

// Pulls is how many pull payments there are, archived ones among them.
func (s *Server) Pulls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pulls)
}

// SetPayouts sets the state of all payouts, as a person does.
func (s *Server) SetPayouts(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.payouts {
		o.State = state
	}
}
