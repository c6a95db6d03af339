package payments

import "encoding/json"

// ReadRecord passes a till's record through the reader, and shows the reader
// what every look-up of it would.
func ReadRecord(raw []byte, look Invoice) (again []byte, changes []Change, err error) {
	r, err := decodeRecord(raw)
	if err != nil {
		return nil, nil, err
	}
	if again, err = json.Marshal(r); err != nil {
		return nil, nil, err
	}
	if r.Invoice != nil {
		look.ID, look.Amount, look.Key = r.Invoice.ID, r.Amount, ""
		_ = r.observe(look)
		for i := range r.Others {
			look.ID = r.Others[i].ID
			r.observeOther(i, look)
		}
	}
	return again, r.Changes, nil
}

// Story is what a till tells of an invoice that is seen like this, one look-up
// after the other.
func Story(amount Msat, seen []Invoice) (told []Change, refused int) {
	r := &tillRecord{Key: "k", Amount: amount, Invoice: &Invoice{ID: "i", Amount: amount, Status: Open}}
	for _, inv := range seen {
		inv.ID, inv.Amount = "i", amount
		if r.observe(inv) != nil {
			refused++
		}
	}
	return r.Changes, refused
}
