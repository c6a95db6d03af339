// Package shop is the conversation with a customer: what each message does,
// step by step, from the menu to the invoice, and back to a refund.
package shop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/catalog"
	"github.com/dmshop/dmshop/examples/btcrecharge/internal/orders"
	"github.com/dmshop/dmshop/fsm"
	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/nostrbot"
	"github.com/dmshop/dmshop/payments"
)

// maxText is more than any command or address is long.
const maxText = 2000

// Shop answers customers. It has no state of its own: conversations are in the
// bot's store, orders in the desk's book.
type Shop struct {
	Catalog *catalog.Catalog
	Desk    *orders.Desk
}

type chat = nostrbot.Chat[session]

// Open declares the shop's commands on a bot.
func (s *Shop) Open(bot *nostrbot.Bot) {
	on := func(pattern, summary string, h func(context.Context, *chat) error) {
		bot.Command(pattern, summary, stateful(h))
	}
	bot.Use(nostrbot.MaxText(maxText))
	on("start|hi|hello|hey|gm", "welcome", s.start)
	on("help", "the commands", s.help)
	on("menu [CC]", "countries, or one country's operators", s.menu)
	on("buy SKU", "choose an operator", s.buy)
	on("confirm|yes|y|ok", "get the invoice", s.confirm)
	on("cancel|no|n", "stop and start over", s.cancel)
	on("status [ID]", "your orders, or one of them", s.status)
	on("cart", "what you are choosing", s.cart)
	on("clear", "empty the cart", s.clear)
	bot.Fallback(stateful(s.talk))
}

func stateful(h func(context.Context, *chat) error) nostrbot.Handler {
	return nostrbot.WithState("shop", h)
}

func (s *Shop) start(_ context.Context, c *chat) error {
	c.State.try(Reset)
	c.Reply(textWelcome)
	return nil
}

func (s *Shop) help(_ context.Context, c *chat) error {
	c.Reply(textHelp)
	return nil
}

func (s *Shop) menu(_ context.Context, c *chat) error {
	code := c.Arg("CC")
	if code == "" {
		c.State.try(Browse)
		c.Reply(textCountries(s.Catalog))
		return nil
	}
	country, ok := s.Catalog.Country(code)
	if !ok {
		c.Reply(textUnknownCountry(s.Catalog))
		return nil
	}
	c.State.try(Browse)
	c.Reply(textOperators(country))
	return nil
}

func (s *Shop) buy(_ context.Context, c *chat) error {
	op, ok := s.Catalog.Operator(c.Arg("SKU"))
	if !ok {
		c.Reply(textUnknownSKU(s.Catalog))
		return nil
	}
	c.State.try(Choose)
	c.State.SKU, c.State.Value, c.State.Phone = op.SKU, "", ""
	c.Reply(textAmounts(op))
	return nil
}

func (s *Shop) cancel(ctx context.Context, c *chat) error {
	if c.State.Step == AwaitingPayment {
		o, ok, err := s.Desk.Book.Get(ctx, c.From, c.State.Order)
		if err != nil {
			return err
		}
		if ok && o.State == orders.AwaitingPayment {
			c.State.try(Reset)
			c.Replyf(textCancelledInvoice, o.ID)
			return nil
		}
	}
	c.State.try(Reset)
	c.Reply(textCancelled)
	return nil
}

func (s *Shop) clear(_ context.Context, c *chat) error {
	c.State.try(Reset)
	c.Reply(textCleared)
	return nil
}

func (s *Shop) cart(_ context.Context, c *chat) error {
	op, pkg, ok := s.chosen(c.State)
	switch {
	case !ok && c.State.SKU != "":
		c.Reply(textAmounts(op))
	case !ok:
		c.Reply(textCartEmpty)
	case c.State.Phone == "":
		c.Replyf("%s\n"+textAskPhone, label(op, pkg), s.exampleNumber(op))
	default:
		c.Reply(textReview(label(op, pkg), c.State.Phone, pkg.Price))
	}
	return nil
}

// confirm makes the order and its invoice. The message's key makes both
// repeatable: after a crash the same invoice is found again.
func (s *Shop) confirm(ctx context.Context, c *chat) error {
	if c.State.Step == AwaitingPayment {
		o, ok, err := s.Desk.Book.Get(ctx, c.From, c.State.Order)
		if err != nil {
			return err
		}
		if ok && o.State == orders.AwaitingPayment {
			c.Reply(textStillWaiting(o))
			return nil
		}
	}
	op, pkg, ok := s.chosen(c.State)
	if !ok || c.State.Phone == "" || c.State.Step != ConfirmingAmount {
		c.Reply(textNoConfirm)
		return nil
	}
	if full, err := s.tooManyUnpaid(ctx, c); err != nil || full {
		return err
	}
	o, err := s.Desk.Place(ctx, orders.Order{
		Customer: c.From, Key: c.Key, Label: label(op, pkg), Price: pkg.Price,
		Item: payments.Item{SKU: op.ID, Value: pkg.Value, Recipient: c.State.Phone},
	})
	if err != nil {
		return err // nothing is saved: still confirming_amount
	}
	if o.State != orders.AwaitingPayment { // placed before a crash, and gone on since
		c.State.try(Reset)
		c.Reply(textStatus(o))
		return nil
	}
	c.State.try(Confirm)
	c.State.Order = o.ID
	c.Reply(textInvoice(o))
	return nil
}

// tooManyUnpaid refuses another invoice to a customer who leaves them unpaid:
// each is watched until it expires. The message's own order does not count.
func (s *Shop) tooManyUnpaid(ctx context.Context, c *chat) (bool, error) {
	const most = 5
	all, err := s.Desk.Book.Of(ctx, c.From)
	if err != nil {
		return false, err
	}
	unpaid := 0
	for _, o := range all {
		if o.State == orders.AwaitingPayment && o.Key != c.Key {
			unpaid++
		}
	}
	if unpaid < most {
		return false, nil
	}
	c.Replyf("You have %d unpaid invoices. Please pay one, or wait until they expire; /status lists them.", unpaid)
	return true, nil
}

func (s *Shop) status(ctx context.Context, c *chat) error {
	if id := c.Arg("ID"); id != "" {
		o, ok, err := s.Desk.Book.Get(ctx, c.From, id)
		switch {
		case err != nil:
			return err
		case !ok:
			c.Reply(textNoSuch)
		case o.State == orders.AwaitingPayment:
			c.Reply(textStatus(o) + "\n\n" + o.Bolt11)
		default:
			c.Reply(textStatus(o))
		}
		return nil
	}
	all, err := s.Desk.Book.Of(ctx, c.From)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		c.Reply(textNoOrders)
		return nil
	}
	const newest = 10
	var lines []string
	for _, o := range slices.Backward(all[max(0, len(all)-newest):]) {
		lines = append(lines, textStatus(o))
	}
	c.Reply(strings.Join(lines, "\n\n"))
	return nil
}

// talk is whatever is no command: the answer to the present step, or a refund
// address, which is welcome in any step.
func (s *Shop) talk(ctx context.Context, c *chat) error {
	addr, err := lnaddr.Parse(c.Text)
	switch {
	case err == nil:
		return s.refundTo(ctx, c, addr)
	case errors.Is(err, lnaddr.ErrInvoice):
		c.Reply(textNotInvoice)
		return nil
	}
	switch c.State.Step {
	case SelectingAmount:
		s.pickAmount(c)
	case EnteringPhone, ConfirmingAmount:
		s.givePhone(c)
	case AwaitingPayment:
		c.Replyf(textLostWaiting, c.State.Order)
	case AwaitingRefundAddress:
		c.Reply(textBadAddress)
	default:
		c.Reply(textLost)
	}
	return nil
}

func (s *Shop) pickAmount(c *chat) {
	op, ok := s.Catalog.Operator(c.State.SKU)
	if !ok { // taken off the shelf meanwhile
		c.State.try(Reset)
		c.Reply(textUnknownSKU(s.Catalog))
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(c.Text))
	if err != nil || n < 1 || n > len(op.Packages) {
		c.Reply(textBadAmount(op))
		return
	}
	c.State.try(PickAmount)
	c.State.Value = op.Packages[n-1].Value
	c.Replyf("%s.\n"+textAskPhone, label(op, op.Packages[n-1]), s.exampleNumber(op))
}

func (s *Shop) givePhone(c *chat) {
	op, pkg, ok := s.chosen(c.State)
	if !ok {
		c.State.try(Reset)
		c.Reply(textUnknownSKU(s.Catalog))
		return
	}
	country, _ := s.Catalog.Country(op.Country)
	phone, err := catalog.Phone(c.Text, op.Country)
	switch {
	case errors.Is(err, catalog.ErrOtherCountry):
		c.Replyf("That number is not from %s, where %s is. Please send a number of that country, such as %s, or /cancel.", country.Name, op.Name, s.exampleNumber(op))
	case errors.Is(err, catalog.ErrNotMobile):
		c.Replyf("That is not a mobile number, so it cannot be topped up. Please send one such as %s, or /cancel.", s.exampleNumber(op))
	case err != nil && c.State.Step == ConfirmingAmount:
		c.Reply("Please send /confirm to get the invoice, /cancel to stop, or another phone number.")
	case err != nil:
		c.Replyf("That is not a phone number. Please send one with the country code, such as %s, or /cancel.", s.exampleNumber(op))
	default:
		c.State.try(GivePhone)
		c.State.Phone = phone
		c.Reply(textReview(label(op, pkg), phone, pkg.Price))
	}
}

// refundTo probes the address first, then hands it to the desk. The order is
// the one just prompted, else the newest that waits.
func (s *Shop) refundTo(ctx context.Context, c *chat, addr lnaddr.Address) error {
	all, err := s.Desk.Book.Of(ctx, c.From)
	if err != nil {
		return err
	}
	var waiting *orders.Order
	for i := range all {
		o := &all[i]
		switch {
		case o.Refund.By == c.Key: // this very message, handled before a crash
			waiting = o
		case waiting != nil && waiting.Refund.By == c.Key:
		case o.State == orders.RefundDue && (waiting == nil || waiting.ID != c.State.Order):
			waiting = o
		}
	}
	if waiting == nil {
		c.Reply(textNoRefund)
		return nil
	}
	if waiting.Refund.By != c.Key {
		params, err := s.Desk.Addresses.Resolve(ctx, addr)
		if err == nil {
			err = params.Accepts(int64(waiting.Price))
		}
		if err != nil {
			c.Replyf("I cannot send a refund there: %s\nPlease check it, or send another one.", lnaddr.CustomerText(err))
			return nil
		}
	}
	err = s.Desk.RefundTo(ctx, *waiting, addr.String(), c.Key)
	if errors.Is(err, fsm.ErrRefused) {
		c.Reply(textNoRefund)
		return nil
	}
	if err != nil {
		return err
	}
	c.State.try(GiveAddress)
	if waiting.State == orders.Refunded { // said before a crash, and done since
		c.Reply("Thank you. " + textNotice(*waiting))
		return nil
	}
	c.Replyf("Thank you. %v for order %s are on the way there.", waiting.Price, waiting.ID)
	return nil
}

// Tell brings an order's notice to the customer, together with what it does
// to the conversation. It is the desk's Tell.
func (s *Shop) Tell(bot *nostrbot.Bot) func(context.Context, orders.Order) error {
	return func(ctx context.Context, o orders.Order) error {
		text := textNotice(o)
		return bot.Do(ctx, o.Customer, "order-"+o.ID+"-"+o.Notice(), stateful(func(_ context.Context, c *chat) error {
			switch o.State {
			case orders.Delivered, orders.Expired, orders.Refunded:
				if c.State.Order == o.ID {
					c.State.try(OrderEnded)
				}
			case orders.RefundDue:
				if c.State.try(RefundWanted) {
					c.State.Order = o.ID
				}
			}
			c.Reply(text)
			return nil
		}))
	}
}

// chosen is what the session points at; the operator is found even when the
// amount is not chosen yet.
func (s *Shop) chosen(st *session) (op catalog.Operator, pkg catalog.Package, ok bool) {
	op, _ = s.Catalog.Operator(st.SKU)
	for _, p := range op.Packages {
		if p.Value == st.Value {
			return op, p, true
		}
	}
	return op, pkg, false
}

func (s *Shop) exampleNumber(op catalog.Operator) string { return catalog.ExamplePhone(op.Country) }

func label(op catalog.Operator, p catalog.Package) string {
	return fmt.Sprintf("%s %s %s", op.Name, p.Value, op.Currency)
}
