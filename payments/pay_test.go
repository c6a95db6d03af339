package payments_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/payments"
)

func TestPreimage_Redacts(t *testing.T) {
	t.Parallel()
	p := payments.Preimage(sha256.Sum256([]byte("secret")))
	payment := payments.Payment{Preimage: p}
	printed := map[string]string{}
	for _, verb := range []string{
		"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%b", "%o", "%O", "%c", "%U", "%e", "%t", "%8.3v",
	} {
		printed[verb] = fmt.Sprintf(verb, p)
		printed["pointer "+verb] = fmt.Sprintf(verb, &p)
		printed["field "+verb] = fmt.Sprintf(verb, payment)
		printed["slice "+verb] = fmt.Sprintf(verb, []payments.Preimage{p})
		printed["map "+verb] = fmt.Sprintf(verb, map[payments.Preimage]payments.Preimage{p: p})
	}
	printed["print"] = fmt.Sprint(p, &p, payment)
	printed["string"] = p.String()
	text, err := json.Marshal(map[string]any{"p": p, "payment": payment, "pointer": &p})
	require.NoError(t, err)
	printed["json"] = string(text)
	var logs bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logs, nil), slog.NewJSONHandler(&logs, nil)} {
		slog.New(h).Info("paid", slog.Any("p", p), slog.Any("pointer", &p), slog.Any("payment", payment), slog.Group("g", slog.Any("p", p)))
	}
	printed["slog"] = logs.String()
	printed["error"] = (&payments.Error{Provider: "x", Op: "pay", Err: fmt.Errorf("payment %v", payment)}).Error()

	leaks := []string{
		hex.EncodeToString(p[:4]), strings.ToUpper(hex.EncodeToString(p[:4])), base64.StdEncoding.EncodeToString(p[:6]),
		fmt.Sprint(p[0], p[1], p[2]), fmt.Sprintf("%d,%d,%d", p[0], p[1], p[2]),
		fmt.Sprintf("%b %b", p[0], p[1]), fmt.Sprintf("%o %o", p[0], p[1]), fmt.Sprintf("%#x, %#x", p[0], p[1]), string(p[:]),
	}
	for how, out := range printed {
		require.Contains(t, out, "REDACTED", how)
		for _, leak := range leaks {
			require.NotContains(t, out, leak, how)
		}
	}
	require.Error(t, json.Unmarshal([]byte(`"REDACTED"`), &p), "there is no way back")
}

func TestPreimage_Hash(t *testing.T) {
	t.Parallel()
	// sha256 of 32 zero bytes.
	require.Equal(t, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925", payments.Preimage{}.Hash().String())
}
