package shop

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/examples/btcrecharge/internal/orders"
	"github.com/dmshop/dmshop/fsm"
)

const conversationDoc = `# The shop's two tables

Drawn from the tables in the code; ` + "`UPDATE_DOCS=1 go test ./examples/btcrecharge/internal/shop`" + ` draws them again.

## The conversation

Where a customer is. It moves only together with the answer that they get, in one commit.

` + "```mermaid\n%s```" + `

## The order

Where an order stands. It changes by compare-and-swap only, and ends in delivery or refund, or expires unpaid. Late money is still money.

` + "```mermaid\n%s```\n"

func TestTables_AreDrawnInTheDocs(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "..", "..", "docs", "conversation.md")
	want := fmt.Appendf(nil, conversationDoc, Conversation.Mermaid(), orders.Table.Mermaid())
	if os.Getenv("UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(file, want, 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run with UPDATE_DOCS=1")
}

func TestConversation_OutOfStep(t *testing.T) {
	t.Parallel()
	for step, refused := range map[Step][]Intent{
		Idle:                  {PickAmount, GivePhone, Confirm, GiveAddress, OrderEnded},
		SelectingCarrier:      {PickAmount, GivePhone, Confirm},
		SelectingAmount:       {GivePhone, Confirm, RefundWanted, OrderEnded},
		EnteringPhone:         {PickAmount, Confirm, RefundWanted, OrderEnded},
		ConfirmingAmount:      {PickAmount, RefundWanted, OrderEnded},
		AwaitingPayment:       {PickAmount, GivePhone, Confirm},
		AwaitingRefundAddress: {PickAmount, GivePhone, Confirm},
	} {
		for _, on := range refused {
			_, err := Conversation.Next(step, on)
			require.ErrorIs(t, err, fsm.ErrRefused, "%s in %s", on, step)
			s := session{Step: step, SKU: "x"}
			require.False(t, s.try(on))
			require.Equal(t, session{Step: step, SKU: "x"}, s, "a refused intent changes nothing")
		}
	}
}
