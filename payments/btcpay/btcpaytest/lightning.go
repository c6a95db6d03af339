package btcpaytest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/dmshop/dmshop/payments"
	"github.com/dmshop/dmshop/payments/bolt11"
)

func (s *Server) nodeDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings.NodeDown
}

func unavailable() answer {
	return refusal(http.StatusServiceUnavailable, "lightning-node-unavailable", "The lightning node is unavailable")
}

func (s *Server) getPayment(r *http.Request, _ []byte) answer {
	if s.nodeDown() {
		return unavailable()
	}
	h, err := payments.ParseHash(r.PathValue("hash"))
	if err != nil {
		return invalid("paymentHash", "not a payment hash")
	}
	p, err := s.options.Wallet.LookupPayment(r.Context(), h)
	switch {
	case kindIs(err, payments.ErrNotFound):
		return refusal(http.StatusNotFound, "payment-not-found", "Impossible to find a lightning payment with this payment hash")
	case err != nil:
		return unavailable()
	}
	return reply(http.StatusOK, paymentData(p))
}

func paymentData(p payments.Payment) map[string]any {
	data := map[string]any{"id": p.Hash.String(), "paymentHash": p.Hash.String(), "status": "Pending", "createdAt": 1700000000}
	switch p.State {
	case payments.PaySucceeded:
		data["status"], data["preimage"] = "Complete", hex.EncodeToString(p.Preimage[:])
		data["feeAmount"] = strconv.FormatInt(int64(p.Fee), 10)
	case payments.PayFailed:
		data["status"] = "Failed"
	}
	return data
}

func (s *Server) pay(r *http.Request, body []byte) answer {
	if s.nodeDown() {
		return unavailable()
	}
	var in struct {
		Bolt11 string `json:"BOLT11"`
		MaxFee string `json:"maxFeeFlat"`
	}
	_ = json.Unmarshal(body, &in) // what is missing is not valid
	read, err := bolt11.Decode(in.Bolt11)
	if err != nil {
		return invalid("BOLT11", "The BOLT11 invoice was invalid.")
	}
	fee, err := payments.ParseSat(in.MaxFee)
	if err != nil {
		return invalid("maxFeeFlat", "not an amount")
	}
	// BTCPay goes on when the client hangs up; so does the node.
	p, err := s.options.Wallet.Pay(context.WithoutCancel(r.Context()), payments.PayRequest{
		Bolt11: in.Bolt11, Amount: payments.Msat(read.AmountMsat), MaxFee: fee,
	})
	switch {
	case err == nil && p.State == payments.PaySucceeded:
		return reply(http.StatusOK, paymentData(p))
	case err == nil:
		return reply(http.StatusAccepted, paymentData(p))
	case kindIs(err, payments.ErrNoRoute, payments.ErrFunds):
		return refusal(http.StatusBadRequest, "could-not-find-route", "Impossible to find a route to the peer")
	case kindIs(err, payments.ErrUnavailable):
		return unavailable()
	default:
		return refusal(http.StatusBadRequest, "generic-error", "the node refused")
	}
}
