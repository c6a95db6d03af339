package devca_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dmshop/dmshop/internal/safedial/devca"
)

func TestIssuedCertificatesVerifyForTheirNamesOnly(t *testing.T) {
	t.Parallel()
	ca, err := devca.New()
	require.NoError(t, err)
	pair, err := ca.Issue("wallet.example", "*.relay.example")
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)

	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca.PEM()))
	for name, ok := range map[string]bool{"wallet.example": true, "a.relay.example": true, "other.example": false} {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots})
		require.Equal(t, ok, err == nil, "%s: %v", name, err)
	}

	other, err := devca.New()
	require.NoError(t, err)
	strangers := x509.NewCertPool()
	require.True(t, strangers.AppendCertsFromPEM(other.PEM()))
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: "wallet.example", Roots: strangers})
	require.Error(t, err)
}
