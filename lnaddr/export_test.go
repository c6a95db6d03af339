package lnaddr

// ReadParams reads the first answer of a service, for tests of the reader.
func ReadParams(body []byte) (Params, error) {
	p, err := readParams(body)
	if err != nil {
		return p, err
	}
	return p, nil
}

// Callback is where the invoice would be asked for.
func (p Params) Callback() string { return p.callback.String() }

// URL is where the first question goes.
func (a Address) URL() string { return a.url }

var (
	Integer = integer
	Clean   = clean
)
