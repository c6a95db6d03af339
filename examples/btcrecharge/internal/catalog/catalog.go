// Package catalog is what the shop sells: countries, their mobile operators,
// and the fixed amounts of each.
package catalog

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dmshop/dmshop/payments"
)

// Country is a country and its operators, in the order they are shown.
type Country struct {
	// Code is ISO 3166-1 alpha-2, upper case.
	Code      string
	Name      string
	Operators []Operator
}

// Operator is a mobile operator that can be topped up directly.
type Operator struct {
	// SKU is what customers type; see [SKU].
	SKU string
	// ID is the supplier's name for it.
	ID       string
	Name     string
	Country  string // ISO code
	Currency string // ISO 4217
	Packages []Package
}

// Package is one amount on sale.
type Package struct {
	// Value is the amount in the operator's currency, as the supplier
	// spells it.
	Value string
	// Price is what the customer pays, in whole satoshi.
	Price payments.Msat
}

// Catalog is read-only once made, so it is safe for concurrent use.
type Catalog struct {
	countries []Country
	byCode    map[string]int
	bySKU     map[string]Operator
}

//go:embed sandbox.json
var sandboxJSON []byte

// Sandbox is a catalogue for demos: the 18 launch countries, made-up prices.
func Sandbox() *Catalog {
	c, err := parse(sandboxJSON)
	if err != nil {
		panic("catalog: the embedded sandbox catalogue: " + err.Error())
	}
	return c
}

func parse(raw []byte) (*Catalog, error) {
	var in struct {
		MsatPerUnit map[string]int64 `json:"msat_per_unit"`
		Countries   []struct {
			Code, Name string
			Operators  []struct {
				ID, Name, Currency string
				Values             []string
			}
		}
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	c := &Catalog{byCode: map[string]int{}, bySKU: map[string]Operator{}}
	for _, ic := range in.Countries {
		country := Country{Code: ic.Code, Name: ic.Name}
		for _, io := range ic.Operators {
			op := Operator{SKU: SKU(io.ID, ic.Code), ID: io.ID, Name: io.Name, Country: ic.Code, Currency: io.Currency}
			for _, v := range io.Values {
				price, err := convert(v, in.MsatPerUnit[io.Currency])
				if err != nil {
					return nil, fmt.Errorf("%s: %w", op.SKU, err)
				}
				op.Packages = append(op.Packages, Package{Value: v, Price: price})
			}
			if _, taken := c.bySKU[op.SKU]; taken || len(op.Packages) == 0 {
				return nil, fmt.Errorf("%s: there twice, or without amounts", op.SKU)
			}
			c.bySKU[op.SKU] = op
			country.Operators = append(country.Operators, op)
		}
		c.byCode[country.Code] = len(c.countries)
		c.countries = append(c.countries, country)
	}
	return c, nil
}

// convert prices a decimal amount at an exact rate, rounded up to a satoshi.
func convert(value string, msatPerUnit int64) (payments.Msat, error) {
	thousandths, err := payments.ParseSat(value) // 3 decimals, exact
	if err != nil {
		return 0, err
	}
	if msatPerUnit <= 0 || thousandths <= 0 || int64(thousandths) > (1<<62)/msatPerUnit {
		return 0, fmt.Errorf("no price for %q at %d msat a unit", value, msatPerUnit)
	}
	msat := (int64(thousandths)*msatPerUnit + 999) / 1000
	return payments.Msat(msat).CeilSat(), nil
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// SKU is what customers type for an operator: its id in lower case, runs of
// other characters as one dash, and the country's code at the end.
func SKU(operatorID, country string) string {
	s := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(operatorID), "-"), "-")
	if suffix := "-" + strings.ToLower(country); !strings.HasSuffix(s, suffix) {
		s += suffix
	}
	return s
}

// Countries are all countries, in the order they are shown.
func (c *Catalog) Countries() []Country { return slices.Clone(c.countries) }

// Country finds a country by its code, in either case.
func (c *Catalog) Country(code string) (Country, bool) {
	i, ok := c.byCode[strings.ToUpper(code)]
	if !ok {
		return Country{}, false
	}
	return c.countries[i], true
}

// Operator finds an operator by its SKU, in either case.
func (c *Catalog) Operator(sku string) (Operator, bool) {
	op, ok := c.bySKU[strings.ToLower(sku)]
	return op, ok
}
