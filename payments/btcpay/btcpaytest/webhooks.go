package btcpaytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// hook is a webhook, with its queue: one delivery at a time, in order.
type hook struct {
	id, url, secret string
	enabled         bool
	everything      bool
	events          []string
	queue           []Event
	busy            bool
}

func (s *Server) listHooks(*http.Request, []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, h := range s.hooks {
		list = append(list, h.data())
	}
	return reply(http.StatusOK, list)
}

func (h *hook) data() map[string]any {
	return map[string]any{
		"id": h.id, "url": h.url, "enabled": h.enabled, "automaticRedelivery": true,
		"authorizedEvents": map[string]any{"everything": h.everything, "specificEvents": h.events},
	}
}

func (s *Server) createHook(r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &hook{id: newID(), secret: newID()}
	s.hooks = append(s.hooks, h)
	return h.change(body, true)
}

func (s *Server) updateHook(r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hooks {
		if h.id == r.PathValue("hook") {
			return h.change(body, false)
		}
	}
	return refusal(http.StatusNotFound, "webhook-not-found", "The webhook was not found")
}

func (h *hook) change(body []byte, secret bool) answer {
	var in struct {
		URL, Secret      string
		Enabled          bool
		AuthorizedEvents struct {
			Everything     bool
			SpecificEvents []string
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return invalid("", "the body cannot be read")
	}
	h.url, h.enabled = in.URL, in.Enabled
	h.everything, h.events = in.AuthorizedEvents.Everything, in.AuthorizedEvents.SpecificEvents
	if in.Secret != "" {
		h.secret = in.Secret
	}
	data := h.data()
	if secret {
		data["secret"] = h.secret
	}
	return reply(http.StatusOK, data)
}

// tell emits what has happened to an invoice since it was told last.
func (s *Server) tell(i *invoice) {
	s.mu.Lock()
	status, additional := i.state(s.options.Now())
	news := i.paid[i.toldPaid:]
	i.toldPaid = len(i.paid)
	changed := i.told != status && (i.told != "" || status != "New")
	i.told = status
	bolt11 := i.bolt11
	s.mu.Unlock()
	for _, r := range news {
		more := map[string]any{"afterExpiration": r.at.After(i.expires), "paymentMethodId": s.lightning(), "payment": receiptData(r, bolt11)}
		s.emit(i, "InvoiceReceivedPayment", more)
		s.emit(i, "InvoicePaymentSettled", more)
	}
	if !changed {
		return
	}
	switch status {
	case "Settled":
		s.emit(i, "InvoiceSettled", map[string]any{"manuallyMarked": additional == "Marked", "overPaid": additional == "PaidOver"})
	case "Expired":
		s.emit(i, "InvoiceExpired", map[string]any{"partiallyPaid": additional == "PaidPartial"})
	case "Invalid":
		s.emit(i, "InvoiceInvalid", map[string]any{"manuallyMarked": additional == "Marked"})
	}
}

// emit sends an event to the webhooks that want it.
func (s *Server) emit(i *invoice, event string, more map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hooks {
		if h.enabled && (h.everything || slices.Contains(h.events, event)) {
			e := Event{Type: event, Invoice: i.id, Metadata: i.metadata, Webhook: h.id, At: s.options.Now(), More: more}
			h.queue = append(h.queue, e)
			if !h.busy {
				h.busy = true
				s.work.Go(func() { s.deliverAll(h) })
			}
		}
	}
}

// deliverAll sends what is in a webhook's queue: one that is not taken holds
// back the rest.
func (s *Server) deliverAll(h *hook) {
	for {
		s.mu.Lock()
		if len(h.queue) == 0 || s.ctx.Err() != nil {
			h.busy = false
			s.mu.Unlock()
			return
		}
		e, url, secret := h.queue[0], h.url, h.secret
		h.queue = h.queue[1:]
		s.mu.Unlock()
		s.deliver(url, secret, e)
	}
}

// deliver sends until it is taken. Only no answer, 408, 429 and 5xx are reasons
// to send again; any other answer ends it.
func (s *Server) deliver(url, secret string, e Event) {
	e.Delivery = newID()
	e.Original = e.Delivery
	for n := 0; ; n++ {
		if !s.send(url, secret, e) || n == len(s.options.Retries) {
			return
		}
		select {
		case <-time.After(s.options.Retries[n]):
		case <-s.ctx.Done():
			return
		}
		e.Delivery, e.Again = newID(), true
	}
}

// send tells whether to send again.
func (s *Server) send(url, secret string, e Event) (again bool) {
	r, err := e.Request(url, secret)
	if err != nil {
		return false
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	seen := Exchange{Event: e.Type, Method: r.Method, URL: url, Header: r.Header, Body: body}
	res, err := s.client.Do(r.WithContext(s.ctx))
	if err == nil {
		seen.Status = res.StatusCode
		res.Body.Close()
	}
	if s.options.Inspect != nil {
		s.options.Inspect(seen)
	}
	return err != nil || seen.Status >= 500 || seen.Status == http.StatusRequestTimeout || seen.Status == http.StatusTooManyRequests
}
