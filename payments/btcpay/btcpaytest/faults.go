package btcpaytest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// Fault is what goes wrong with one request.
type Fault struct {
	// Method and Path select it: the end of the path, without the query.
	Method, Path string
	// Ask loses the request: it does nothing. Otherwise it is carried out,
	// and its answer is lost.
	Ask bool
	// Status and Body are answered instead of cutting the connection.
	Status int
	Body   string
	// At is called when the request was carried out, before it is answered.
	At func()
}

// Fail lets the next request that fits fail. Several faults take turns.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// fault takes the one that fits.
func (s *Server) fault(r *http.Request) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Method == r.Method && strings.HasSuffix(r.URL.Path, f.Path) {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			return f, true
		}
	}
	return Fault{}, false
}

func (s *Server) failing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := s.fault(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		switch {
		case !f.Ask:
			next.ServeHTTP(httptest.NewRecorder(), r)
		case s.options.Inspect != nil:
			s.options.Inspect(Exchange{Method: r.Method, URL: r.URL.String(), Header: r.Header, Body: body})
		}
		if f.At != nil {
			f.At()
		}
		if f.Status == 0 {
			panic(http.ErrAbortHandler) // the connection ends
		}
		answer{f.Status, []byte(f.Body)}.write(w)
	})
}
