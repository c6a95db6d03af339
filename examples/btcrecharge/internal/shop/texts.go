package shop

import (
	"fmt"
	"strings"
	"time"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/catalog"
	"github.com/dmshop/dmshop/examples/btcrecharge/internal/orders"
	"github.com/dmshop/dmshop/payments"
)

const (
	commandList = `/menu - countries, /menu RO - one country's operators
/buy SKU - choose an operator
/status - your orders, /status ID - one of them
/cart - what you are choosing, /clear - empty it
/cancel - stop and start over
/help - this list`

	textWelcome = `Welcome! I top up mobile phones and take Lightning. No account: your npub is enough.

` + commandList + `

For example: /buy vodafone-romania-ro`

	textHelp = commandList

	textLost = `I did not understand that. Send /menu to see the countries, or /help for all commands.`

	textLostWaiting = `I did not understand that. I wait for the payment of order %s and tell you as soon as I see it; /status shows where it stands.`

	textCancelled        = `Cancelled. Nothing is being bought. Send /menu whenever you like.`
	textCancelledInvoice = `Cancelled. The invoice of order %s can still be paid until it expires, and then I deliver; if you do not want it, simply do not pay.`
	textCartEmpty        = `Your cart is empty. Send /menu to choose something.`
	textCleared          = `Your cart is empty now.`
	textNoConfirm        = `There is nothing to confirm. Send /menu to choose a country, then /buy SKU.`
	textNoOrders         = `You have no orders. Send /menu to begin.`
	textNoSuch           = `I know no order of yours by that id. Send /status to see your orders.`
	textNoRefund         = `None of your orders waits for a refund, so I have nothing to send there.`
	textNotInvoice       = `That is an invoice. For a refund please send a Lightning address (you@wallet.example) or an LNURL (lnurl1...), so that I can ask it for the right amount myself.`
	textAskPhone         = `Which phone number shall be topped up? Please send it with the country code, such as %s.`
	textBadAddress       = `That does not look like a Lightning address or LNURL. Please send one such as you@wallet.example or lnurl1...`
)

func textCountries(c *catalog.Catalog) string {
	all := c.Countries()
	var quick, rest []string
	for i, country := range all {
		if i < 5 {
			quick = append(quick, "/menu "+country.Code+" - "+country.Name)
		} else {
			rest = append(rest, country.Code)
		}
	}
	s := fmt.Sprintf("I cover %d countries. Begin with one of these:\n\n%s", len(all), strings.Join(quick, "\n"))
	if len(rest) > 0 {
		s += "\n\nAlso: " + strings.Join(rest, " ")
	}
	return s
}

func textUnknownCountry(c *catalog.Catalog) string {
	var codes []string
	for _, country := range c.Countries() {
		codes = append(codes, country.Code)
	}
	return "I do not cover that country. I cover: " + strings.Join(codes, " ") + "\nFor example: /menu " + codes[0]
}

func textOperators(country catalog.Country) string {
	const shown = 6
	var b strings.Builder
	fmt.Fprintf(&b, "Operators in %s:\n", country.Name)
	for _, op := range country.Operators {
		var values []string
		for _, p := range op.Packages[:min(shown, len(op.Packages))] {
			values = append(values, p.Value)
		}
		fmt.Fprintf(&b, "\n%s - %s: %s %s", op.SKU, op.Name, strings.Join(values, ", "), op.Currency)
		if len(op.Packages) > shown {
			b.WriteString(", ...")
		}
	}
	fmt.Fprintf(&b, "\n\nChoose with: /buy %s", country.Operators[0].SKU)
	return b.String()
}

func textUnknownSKU(c *catalog.Catalog) string {
	return "I do not know that operator. Send /menu CC, such as /menu " + c.Countries()[0].Code + ", and copy one from the list: /buy SKU"
}

func textAmounts(op catalog.Operator) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. Which amount?\n", op.Name)
	for i, p := range op.Packages {
		fmt.Fprintf(&b, "\n%d. %s %s (%v)", i+1, p.Value, op.Currency, p.Price)
	}
	fmt.Fprintf(&b, "\n\nAnswer with a number from 1 to %d.", len(op.Packages))
	return b.String()
}

func textBadAmount(op catalog.Operator) string {
	return fmt.Sprintf("Please answer with a number from 1 to %d, or /cancel.\n\n%s", len(op.Packages), textAmounts(op))
}

func textReview(label, phone string, price payments.Msat) string {
	return fmt.Sprintf("Please check:\n\n%s\nfor %s\nprice %v\n\n/confirm to get the invoice, /cancel to stop, or send another number.", label, phone, price)
}

func textInvoice(o orders.Order) string {
	return fmt.Sprintf("Order %s: %s\nPlease pay %v within %s:\n\n%s", o.ID, o.Label, o.Price, textLife(o), o.Bolt11)
}

// textLife rounds: invoices are dated in whole seconds, a moment off the order.
func textLife(o orders.Order) string {
	d := o.ExpiresAt.Sub(o.CreatedAt)
	if d > 90*time.Second {
		return fmt.Sprintf("%d minutes", d.Round(time.Minute)/time.Minute)
	}
	return fmt.Sprintf("%d seconds", max(1, d.Round(time.Second)/time.Second))
}

func textStillWaiting(o orders.Order) string {
	return "Your invoice still waits for payment.\n\n" + textInvoice(o)
}

// textNotice is what the customer hears when an order moves.
func textNotice(o orders.Order) string {
	switch o.State {
	case orders.Paid:
		return fmt.Sprintf("Payment received for order %s. Your top-up is on its way.", o.ID)
	case orders.Delivered:
		return fmt.Sprintf("Done! Your top-up was delivered. (%s, order %s)", o.Label, o.ID)
	case orders.RefundDue:
		ask := fmt.Sprintf("Please send me a Lightning address (you@wallet.example) or an LNURL (lnurl1...), and I send %v back.", o.Price)
		if o.Refund.Attempt > 1 {
			return fmt.Sprintf("Order %s: I could not send the money to that address; nothing left my wallet. %s", o.ID, ask)
		}
		return fmt.Sprintf("I am sorry: order %s failed. Your money is safe. %s", o.ID, ask)
	case orders.Refunded:
		return fmt.Sprintf("Order %s: refund sent, %v.", o.ID, o.Price)
	case orders.Expired:
		return fmt.Sprintf("The invoice of order %s expired unpaid. Nothing was charged. Send /menu to try again.", o.ID)
	default:
		return ""
	}
}

func textStatus(o orders.Order) string {
	return fmt.Sprintf("Order %s: %s, %v\n%s", o.ID, o.Label, o.Price, map[orders.State]string{
		orders.AwaitingPayment: "waiting for your payment",
		orders.Paid:            "paid, the top-up is on its way",
		orders.Fulfilling:      "paid, the top-up is on its way",
		orders.Delivered:       "delivered",
		orders.RefundDue:       "failed; I wait for your Lightning address or LNURL to send the money back",
		orders.Refunding:       "failed; your money is on its way back",
		orders.Refunded:        "failed; the money was sent back",
		orders.Expired:         "expired unpaid",
	}[o.State])
}
