package lntest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// rest speaks to one lnd with its admin macaroon. It is the tests' own reading
// of lnd, and shares no code with the provider that is tested.
type rest struct {
	base, macaroon string
	client         *http.Client
}

func newREST(addr string, cert, macaroon []byte) (*rest, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(cert) {
		return nil, errors.New("lnd's certificate is not PEM")
	}
	return &rest{
		base: "https://" + addr, macaroon: hex.EncodeToString(macaroon),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}},
	}, nil
}

// call sends in as JSON (nil: GET) and reads the answer, or the first message
// of a stream, into out.
func (r *rest) call(ctx context.Context, path string, in, out any) error {
	method, body := http.MethodGet, io.Reader(nil)
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		method, body = http.MethodPost, bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Grpc-Metadata-Macaroon", r.macaroon)
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	dec := json.NewDecoder(res.Body)
	if res.StatusCode != http.StatusOK {
		var e struct{ Message string }
		_ = dec.Decode(&e)
		return fmt.Errorf("%s: status %d: %s", path, res.StatusCode, e.Message)
	}
	if out == nil {
		return nil
	}
	if err := dec.Decode(out); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
