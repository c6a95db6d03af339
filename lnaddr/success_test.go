package lnaddr_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/fiatjaf/go-lnurl"
	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/lnaddr"
	"github.com/dmshop/dmshop/payments/bolt11"
)

// sealed is an aes success action around a text, made by go-lnurl.
func sealed(t *testing.T, words string) string {
	t.Helper()
	action, err := lnurl.AESAction("your code", preimage[:], words)
	require.NoError(t, err)
	return fmt.Sprintf(`{"tag":"aes","description":%q,"ciphertext":%q,"iv":%q}`, action.Description, action.Ciphertext, action.IV)
}

func TestSuccessAction(t *testing.T) {
	t.Parallel()
	pr := invoice(t, 1500, nil)
	for name, tt := range map[string]struct {
		action, text, url, opened string
	}{
		"none":          {action: `null`},
		"message":       {action: `{"tag":"message","message":"Thank\nyou\u202e!"}`, text: "Thank you!"},
		"long message":  {action: `{"tag":"message","message":"` + strings.Repeat("é", 500) + `"}`, text: strings.Repeat("é", 144)},
		"url":           {action: `{"tag":"url","description":"your receipt","url":"https://wallet.example/r/1?x=y"}`, text: "your receipt", url: "https://wallet.example/r/1?x=y"},
		"url elsewhere": {action: `{"tag":"url","description":"click","url":"https://evil.example/r"}`},
		"url by http":   {action: `{"tag":"url","description":"click","url":"http://wallet.example/r"}`},
		"url of script": {action: `{"tag":"url","description":"click","url":"javascript:alert(1)"}`},
		"aes":           {action: sealed(t, "secret\tcode 123"), text: "your code", opened: "secret code 123"},
		"aes, empty":    {action: sealed(t, ""), text: "your code", opened: ""},
		"not an object": {action: `"message"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := service(t, pays(params(), fmt.Sprintf(`{"pr":%q,"successAction":%s}`, pr, tt.action)))
			inv, err := c.Invoice(t.Context(), alice(t), 1500, "")
			require.NoError(t, err)
			require.Equal(t, tt.text, inv.Success.Text)
			require.Equal(t, tt.url, inv.Success.URL)
			require.Equal(t, strings.HasPrefix(name, "aes"), inv.Success.Encrypted())
			opened, err := inv.Success.Open(preimage)
			require.Equal(t, inv.Success.Encrypted(), err == nil, err)
			require.Equal(t, tt.opened, opened)
			if inv.Success.Encrypted() {
				opened, err = inv.Success.Open([32]byte{7})
				require.True(t, err != nil || opened != tt.opened)
			}
		})
	}
	for _, action := range []string{`{"tag":"lottery"}`, `{"tag":""}`, `{}`, `{"tag":7}`, `{"tag":"MESSAGE","message":"x"}`} {
		e := fails(t, service(t, pays(params(), fmt.Sprintf(`{"pr":%q,"successAction":%s}`, pr, action))))
		require.Equal(t, lnaddr.StepFetch, e.Step, action)
		require.Equal(t, lnaddr.ErrAnswer, e.Kind, "who does not know the kind must not pay")
	}
}

// go-lnurl panics on each of these.
func TestSuccessAction_Damaged(t *testing.T) {
	t.Parallel()
	block, err := aes.NewCipher(preimage[:])
	require.NoError(t, err)
	iv := make([]byte, aes.BlockSize)
	encrypt := func(plain string) string {
		out := make([]byte, len(plain))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, []byte(plain))
		return base64.StdEncoding.EncodeToString(out)
	}
	iv64 := base64.StdEncoding.EncodeToString(iv)
	for name, tt := range map[string]struct{ ciphertext, iv string }{
		"empty":             {"", iv64},
		"short":             {"AAAA", iv64},
		"not whole blocks":  {base64.StdEncoding.EncodeToString(make([]byte, 17)), iv64},
		"not base64":        {"!!!!", iv64},
		"too long":          {base64.StdEncoding.EncodeToString(make([]byte, 1<<20)), iv64},
		"no iv":             {encrypt(strings.Repeat("x", 16)), ""},
		"short iv":          {encrypt(strings.Repeat("x", 16)), "AAAA"},
		"long iv":           {encrypt(strings.Repeat("x", 16)), base64.StdEncoding.EncodeToString(make([]byte, 32))},
		"padding of 0":      {encrypt(strings.Repeat("\x00", 16)), iv64},
		"padding of 17":     {encrypt(strings.Repeat("\x11", 32)), iv64},
		"padding of 255":    {encrypt(strings.Repeat("\xff", 16)), iv64},
		"padding not equal": {encrypt(strings.Repeat("x", 14) + "\x03\x02"), iv64},
	} {
		s, err := lnaddr.ReadSuccess(fmt.Appendf(nil, `{"tag":"aes","ciphertext":%q,"iv":%q}`, tt.ciphertext, tt.iv), "wallet.example")
		require.NoError(t, err, name)
		_, err = s.Open(preimage)
		require.Error(t, err, name)
	}
}

func FuzzSuccessAction(f *testing.F) {
	f.Add([]byte(`{"tag":"message","message":"x"}`))
	f.Add([]byte(`{"tag":"url","description":"x","url":"https://wallet.example/x"}`))
	f.Add([]byte(`{"tag":"aes","ciphertext":"AAAAAAAAAAAAAAAAAAAAAA==","iv":"AAAAAAAAAAAAAAAAAAAAAA=="}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := lnaddr.ReadSuccess(raw, "wallet.example")
		if err != nil {
			require.Zero(t, s)
			return
		}
		require.True(t, s.URL == "" || strings.HasPrefix(s.URL, "https://wallet.example"))
		require.LessOrEqual(t, len([]rune(s.Text)), 144)
		_, _ = s.Open(preimage)
	})
}

// A service is told what it asks for and we give; a service that insists on
// more is refused before any invoice is asked for.
func TestPayerData(t *testing.T) {
	t.Parallel()
	shop := lnaddr.PayerData{Name: "Shop & Co", Identifier: "refunds@shop.example"}
	for record, want := range map[string]string{
		`{"name":{"mandatory":true}}`: `{"name":"Shop & Co"}`,
		`{"name":{"mandatory":false},"identifier":{"mandatory":true},"email":{}}`: `{"identifier":"refunds@shop.example","name":"Shop & Co"}`,
		`{"email":{"mandatory":false}}`:                                           ``,
		`{"name":null,"auth":null}`:                                               ``,
		`null`:                                                                    ``,
		`[]`:                                                                      ``,
		`{"auth":{"mandatory":false,"k1":"00"},"name":{"mandatory":false},"colour":null}`: `{"name":"Shop & Co"}`,
	} {
		pr, asked := invoice(t, 1500, nil), make(chan string, 1)
		c := service(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/cb" {
				asked <- r.URL.Query().Get("payerdata")
			}
			pays(params("payerData", record), withPR(pr))(w, r)
		}, func(c *lnaddr.Config) { c.Payer = shop })
		_, err := c.Invoice(t.Context(), alice(t), 1500, "")
		require.NoError(t, err, record)
		got := <-asked
		if want == "" {
			require.Empty(t, got, record)
			continue
		}
		require.JSONEq(t, want, got)
	}
	for _, record := range []string{
		`{"email":{"mandatory":true}}`, `{"auth":{"mandatory":true,"k1":"00"}}`, `{"name":{},"colour":{"mandatory":1}}`, `{"pubkey":{"mandatory":"yes"}}`,
	} {
		e := fails(t, service(t, pays(params("payerData", record), ""), func(c *lnaddr.Config) { c.Payer = shop }))
		require.Equal(t, lnaddr.StepResolve, e.Step, record)
		require.Equal(t, lnaddr.ErrPayerData, e.Kind, record)
	}
}

// The hash covers what the payer told (LUD-18).
func TestPayerData_Hash(t *testing.T) {
	t.Parallel()
	metadata := strings.ReplaceAll(about, `\"`, `"`)
	for hashed, warn := range map[string]bool{metadata + `{"name":"Shop"}`: false, metadata: true} {
		var out bytes.Buffer
		pr := invoice(t, 1500, func(i *bolt11.Invoice) { i.Description, i.DescriptionHash = "", sha256.Sum256([]byte(hashed)) })
		c := service(t, pays(params("payerData", `{"name":{"mandatory":true}}`), withPR(pr)), func(c *lnaddr.Config) {
			c.Payer, c.Logger = lnaddr.PayerData{Name: "Shop"}, slog.New(slog.NewTextHandler(&out, nil))
		})
		_, err := c.Invoice(t.Context(), alice(t), 1500, "")
		require.NoError(t, err)
		require.Equal(t, warn, strings.Contains(out.String(), "description hash"))
	}
}
