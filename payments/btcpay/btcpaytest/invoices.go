package btcpaytest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/dmshop/dmshop/payments"
)

// invoice is one of the store's.
type invoice struct {
	id, orderID      string
	metadata         json.RawMessage
	amount           payments.Msat
	currency         string
	created, expires time.Time
	memo             string
	node             string // the node's name for it; empty without one
	bolt11           string
	asleep           bool
	archived         bool
	marked           string // Settled or Invalid, by hand
	paid             []receipt
	seen             bool // the node's payment is among paid
	told             string
	toldPaid         int
}

// receipt is money that came.
type receipt struct {
	id     string
	amount payments.Msat
	at     time.Time
}

func (i *invoice) received() (sum payments.Msat) {
	for _, r := range i.paid {
		sum += r.amount
	}
	return sum
}

// state is BTCPay's pair of states.
func (i *invoice) state(now time.Time) (status, additional string) {
	var inTime payments.Msat
	for _, r := range i.paid {
		if !r.at.After(i.expires) {
			inTime += r.amount
		}
	}
	all := i.received()
	switch {
	case i.marked != "":
		return i.marked, "Marked"
	case inTime > i.amount:
		return "Settled", "PaidOver"
	case inTime == i.amount:
		return "Settled", "None"
	case now.Before(i.expires) && all > 0:
		return "New", "PaidPartial"
	case now.Before(i.expires):
		return "New", "None"
	case all >= i.amount:
		return "Expired", "PaidLate"
	case all > 0:
		return "Expired", "PaidPartial"
	default:
		return "Expired", "None"
	}
}

func (s *Server) createInvoice(r *http.Request, body []byte) answer {
	var in struct {
		Amount   *string         `json:"amount"`
		Currency string          `json:"currency"`
		Metadata json.RawMessage `json:"metadata"`
		Checkout struct {
			Minutes *int64   `json:"expirationMinutes"`
			Methods []string `json:"paymentMethods"`
			Lazy    *bool    `json:"lazyPaymentMethods"`
		} `json:"checkout"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return invalid("", "the body cannot be read")
	}
	for _, m := range in.Checkout.Methods {
		if !s.takesMethod(m) {
			return invalid("checkout.paymentMethods[0]", "Invalid PaymentMethodId")
		}
	}
	var meta struct {
		OrderID string `json:"orderId"`
		Memo    string `json:"itemDesc"`
	}
	_ = json.Unmarshal(in.Metadata, &meta) // whatever it holds
	life := 15 * time.Minute
	if in.Checkout.Minutes != nil {
		life = time.Duration(*in.Checkout.Minutes) * time.Minute
	}
	if life < 30*time.Second {
		return invalid("checkout.expirationMinutes", "Expiration time must be at least 30 seconds")
	}
	if in.Amount == nil {
		return invalid("amount", "the double makes no top-up invoices")
	}
	amount, err := payments.ParseBTC(*in.Amount)
	if err != nil || in.Currency != "BTC" {
		return invalid("amount", "the double counts in BTC only")
	}
	now := s.options.Now().UTC().Truncate(time.Second)
	i := &invoice{
		id: newID(), orderID: meta.OrderID, metadata: in.Metadata, amount: amount, currency: in.Currency,
		created: now, expires: now.Add(life), memo: meta.Memo, asleep: true,
	}
	s.mu.Lock()
	lazy := s.settings.Lazy
	if in.Checkout.Lazy != nil && !s.settings.Lazy {
		lazy = *in.Checkout.Lazy
	}
	s.mu.Unlock()
	if !lazy {
		s.wake(r.Context(), i)
	}
	s.mu.Lock()
	s.invoices = append(s.invoices, i)
	s.mu.Unlock()
	s.emit(i, "InvoiceCreated", nil)
	return reply(http.StatusOK, s.invoiceData(i))
}

// wake lets the node make the invoice. When it is down, there is none.
func (s *Server) wake(ctx context.Context, i *invoice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings.NodeDown || i.node != "" {
		return
	}
	life := i.expires.Sub(s.options.Now()).Truncate(time.Second)
	made, err := s.options.Wallet.CreateInvoice(ctx, payments.Charge{Key: "btcpay-" + i.id, Amount: i.amount, Memo: i.memo, Expiry: max(life, time.Second)})
	if err != nil {
		return
	}
	i.node, i.bolt11, i.asleep = made.ID, made.Bolt11, false
}

func (s *Server) activate(r *http.Request, _ []byte) answer {
	i := s.invoice(r.PathValue("id"))
	if i == nil {
		return invoiceNotFound()
	}
	if !s.takesMethod(r.PathValue("method")) {
		return invalid("paymentMethod", "Invalid payment method")
	}
	s.wake(r.Context(), i)
	return answer{status: http.StatusOK}
}

func (s *Server) invoice(id string) *invoice {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.invoices {
		if i.id == id {
			return i
		}
	}
	return nil
}

func invoiceNotFound() answer {
	return refusal(http.StatusNotFound, "invoice-not-found", "The invoice was not found")
}

func (s *Server) getInvoice(r *http.Request, _ []byte) answer {
	i := s.invoice(r.PathValue("id"))
	if i == nil {
		return invoiceNotFound()
	}
	s.refresh(r.Context(), i)
	return reply(http.StatusOK, s.invoiceData(i))
}

func (s *Server) listInvoices(r *http.Request, _ []byte) answer {
	archived := r.URL.Query().Get("includeArchived") == "true"
	s.mu.Lock()
	all := slices.Clone(s.invoices)
	s.mu.Unlock()
	list := []any{}
	for _, i := range slices.Backward(all) { // the newest first
		if order := r.URL.Query()["orderId"]; len(order) > 0 && !slices.Contains(order, i.orderID) || i.archived && !archived {
			continue
		}
		s.refresh(r.Context(), i)
		list = append(list, s.invoiceData(i))
	}
	return reply(http.StatusOK, list)
}

func (s *Server) invoiceData(i *invoice) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, additional := i.state(s.options.Now())
	data := map[string]any{
		"id": i.id, "storeId": StoreID, "amount": i.amount.FormatBTC(), "currency": i.currency, "type": "Standard",
		"checkoutLink": s.http.URL + "/i/" + i.id, "createdTime": i.created.Unix(), "expirationTime": i.expires.Unix(),
		"monitoringExpiration": i.expires.Add(24 * time.Hour).Unix(), "status": status, "additionalStatus": additional,
		"availableStatusesForManualMarking": []string{}, "archived": i.archived, "metadata": i.metadata,
		"checkout": map[string]any{"paymentMethods": []string{s.lightning()}, "paymentTolerance": 0.0},
		"receipt":  map[string]any{},
	}
	if !s.options.Legacy {
		data["paidAmount"] = i.received().FormatBTC()
	}
	return data
}

func (s *Server) getMethods(r *http.Request, _ []byte) answer {
	i := s.invoice(r.PathValue("id"))
	if i == nil {
		return invoiceNotFound()
	}
	s.refresh(r.Context(), i)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.node == "" && !i.asleep {
		return reply(http.StatusOK, []any{})
	}
	paid := []any{}
	for _, p := range i.paid {
		paid = append(paid, receiptData(p, i.bolt11))
	}
	link := ""
	if i.bolt11 != "" {
		link = "lightning:" + i.bolt11
	}
	m := map[string]any{
		"destination": i.bolt11, "paymentLink": link, "rate": "1", "amount": i.amount.FormatBTC(),
		"due": (max(0, i.amount-i.received())).FormatBTC(), "totalPaid": i.received().FormatBTC(),
		"paymentMethodPaid": i.received().FormatBTC(), "activated": i.node != "", "payments": paid,
	}
	if s.options.Legacy {
		m["paymentMethod"], m["cryptoCode"], m["networkFee"] = s.lightning(), "BTC", "0"
	} else {
		m["paymentMethodId"], m["currency"], m["paymentMethodFee"] = s.lightning(), "BTC", "0"
	}
	return reply(http.StatusOK, []any{m})
}

func receiptData(r receipt, destination string) map[string]any {
	return map[string]any{
		"id": r.id, "receivedDate": r.at.Unix(), "value": r.amount.FormatBTC(), "fee": "0", "status": "Settled", "destination": destination,
	}
}

// refresh asks the node about an invoice, and tells what has changed.
func (s *Server) refresh(ctx context.Context, i *invoice) {
	s.mu.Lock()
	node, done := i.node, i.seen || s.settings.NodeDown
	s.mu.Unlock()
	if node != "" && !done {
		if got, err := s.options.Wallet.LookupInvoice(ctx, node); err == nil && got.Status == payments.Settled {
			s.mu.Lock()
			if !i.seen {
				i.seen = true
				i.paid = append(i.paid, receipt{got.Hash.String(), got.Received, got.SettledAt})
			}
			s.mu.Unlock()
		}
	}
	s.tell(i)
}

// Refresh lets the server look at its invoices, as BTCPay does all the time.
func (s *Server) Refresh(ctx context.Context) {
	s.mu.Lock()
	all := slices.Clone(s.invoices)
	s.mu.Unlock()
	for _, i := range all {
		s.refresh(ctx, i)
	}
}

// watch lets the server know of payments by itself.
func (s *Server) watch() {
	for s.ctx.Err() == nil {
		_ = s.options.Wallet.Watch(s.ctx, "", func(ctx context.Context, n payments.Notice) error {
			s.mu.Lock()
			at := slices.IndexFunc(s.invoices, func(i *invoice) bool { return i.node == n.ID })
			var found *invoice
			if at >= 0 {
				found = s.invoices[at]
			}
			s.mu.Unlock()
			if found != nil {
				s.refresh(ctx, found)
			}
			return nil
		})
		select {
		case <-s.ctx.Done():
		case <-time.After(100 * time.Millisecond): // the node is away
		}
	}
}

// Receive adds money to an invoice that no node saw: in part, too much, or late.
func (s *Server) Receive(id string, amount payments.Msat, at time.Time) {
	i := s.invoice(id)
	s.mu.Lock()
	i.paid = append(i.paid, receipt{newID(), amount, at})
	s.mu.Unlock()
	s.tell(i)
}

// Mark sets an invoice by hand: "Settled" or "Invalid".
func (s *Server) Mark(id, status string) {
	i := s.invoice(id)
	s.mu.Lock()
	i.marked = status
	s.mu.Unlock()
	s.tell(i)
}

// Archive hides an invoice from lists.
func (s *Server) Archive(id string) {
	i := s.invoice(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	i.archived = true
}

// AddForeign makes an invoice as other software does that counts its orders too.
func (s *Server) AddForeign(orderID string, metadata map[string]any) (id string) {
	text, err := json.Marshal(metadata)
	if err != nil {
		panic(err) // of plain values
	}
	now := s.options.Now().UTC().Truncate(time.Second)
	i := &invoice{
		id: newID(), orderID: orderID, metadata: text, amount: payments.Sat, currency: "BTC",
		created: now, expires: now.Add(time.Hour),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invoices = append(s.invoices, i)
	return i.id
}

// Invoices is how many invoices there are of an order.
func (s *Server) Invoices(orderID string) (count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.invoices {
		if i.orderID == orderID {
			count++
		}
	}
	return count
}
