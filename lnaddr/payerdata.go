package lnaddr

import "encoding/json"

// PayerData is what the payer tells of themselves to services that ask
// (LUD-18). An empty field is not given. A service gets what it lists, and
// nothing else; a signature (auth) is never given.
type PayerData struct {
	// Name is for people: "Example Top-ups".
	Name string
	// Identifier is the payer's own Lightning address.
	Identifier string
	// Email is the payer's.
	Email string
	// Pubkey is a random key, in hex.
	Pubkey string
}

// answer is the JSON to send to a service that asks for a record, empty when it
// asks for nothing that is given. missing tells whether something that it
// insists on is not. What is not a record asks for nothing.
func (d PayerData) answer(record json.RawMessage) (send string, missing bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(record, &fields) != nil {
		return "", false
	}
	have := map[string]string{"name": d.Name, "identifier": d.Identifier, "email": d.Email, "pubkey": d.Pubkey}
	give := map[string]string{}
	for name, raw := range fields {
		var f struct{ Mandatory json.RawMessage }
		if json.Unmarshal(raw, &f) != nil || string(raw) == "null" {
			continue // listed in no form that LUD-18 knows
		}
		switch value := have[name]; {
		case value != "":
			give[name] = value
		case f.Mandatory != nil && string(f.Mandatory) != "false" && string(f.Mandatory) != "null":
			missing = true
		}
	}
	if len(give) == 0 {
		return "", missing
	}
	text, err := json.Marshal(give) // sorted, so that its hash is stable
	if err != nil {
		return "", missing
	}
	return string(text), missing
}
