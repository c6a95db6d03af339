package catalog

import (
	"errors"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Reasons why a text is no number to top up.
var (
	ErrNotPhone     = errors.New("not a phone number")
	ErrOtherCountry = errors.New("a number of another country")
	ErrNotMobile    = errors.New("not a mobile number")
)

// Phone reads a phone number as people write it (digits, spaces, dashes,
// parentheses, a plus) and returns it in E.164, checked against libphonenumber's
// data for the country. A number without a plus is taken as a national one.
func Phone(text, country string) (string, error) {
	if len(text) > 40 || strings.Trim(text, "+0123456789 -()./\u00a0") != "" {
		return "", ErrNotPhone
	}
	n, err := phonenumbers.Parse(text, country)
	if err != nil {
		return "", ErrNotPhone
	}
	switch {
	case !phonenumbers.IsValidNumber(n):
		return "", ErrNotPhone
	case phonenumbers.GetRegionCodeForNumber(n) != country:
		return "", ErrOtherCountry
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return phonenumbers.Format(n, phonenumbers.E164), nil
	default:
		return "", ErrNotMobile
	}
}

// ExamplePhone is a number as customers of a country would write it: one that
// is not anybody's.
func ExamplePhone(country string) string {
	n := phonenumbers.GetExampleNumberForType(country, phonenumbers.MOBILE)
	if n == nil {
		return "+40712345678"
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}
