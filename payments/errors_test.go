package payments_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

func TestError_IsAndAs(t *testing.T) {
	t.Parallel()
	cause := fmt.Errorf("dial: %w", io.ErrUnexpectedEOF)
	err := error(&payments.Error{
		Provider: "lnd", Op: "pay", Code: "503", Kind: payments.ErrUnavailable,
		Outcome: payments.NotApplied, RetryAfter: time.Second, Err: cause,
	})
	wrapped := fmt.Errorf("refund order 7: %w", err)
	require.ErrorIs(t, wrapped, payments.ErrUnavailable)
	require.ErrorIs(t, wrapped, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, wrapped, payments.ErrFunds)
	var e *payments.Error
	require.ErrorAs(t, wrapped, &e)
	require.Equal(t, time.Second, e.RetryAfter)
	require.EqualError(t, err, "lnd: pay: unavailable (503): dial: unexpected EOF [not applied]")
}

func TestError_Bare(t *testing.T) {
	t.Parallel()
	err := &payments.Error{Provider: "cln", Op: "pay"}
	require.EqualError(t, err, "cln: pay [outcome unknown]")
	require.Empty(t, err.Unwrap(), "no nil in the tree")
	require.Equal(t, "applied", payments.Applied.String())
}

func TestMayRepeat(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"nothing failed":    {nil, false},
		"not applied":       {&payments.Error{Outcome: payments.NotApplied}, true},
		"wrapped":           {fmt.Errorf("x: %w", &payments.Error{Outcome: payments.NotApplied}), true},
		"joined":            {errors.Join(io.EOF, &payments.Error{Outcome: payments.NotApplied}), true},
		"zero value":        {&payments.Error{Kind: payments.ErrInvalid}, false},
		"unknown":           {&payments.Error{Outcome: payments.OutcomeUnknown}, false},
		"applied":           {&payments.Error{Outcome: payments.Applied}, false},
		"no such outcome":   {&payments.Error{Outcome: 77}, false},
		"a context's":       {context.DeadlineExceeded, false},
		"a kind on its own": {payments.ErrInvalid, false},
		"outer says unknown, inner not applied": {&payments.Error{
			Err: &payments.Error{Outcome: payments.NotApplied},
		}, false},
	} {
		require.Equal(t, tt.want, payments.MayRepeat(tt.err), name)
	}
}
