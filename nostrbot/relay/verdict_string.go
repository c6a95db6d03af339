package relay

import "strconv"

// String is the status with the relay's reason or our error, for logs and
// error messages.
func (v Verdict) String() string {
	switch {
	case v.Err != nil:
		return v.Status.String() + ": " + v.Err.Error()
	case v.Reason != "":
		return v.Status.String() + ": " + strconv.Quote(v.Reason)
	default:
		return v.Status.String()
	}
}
