//go:build secp256k1 && !cgo

package dm

// The compiler shows this line to who builds so.
var _ = the_tag_secp256k1_needs_CGO_ENABLED_1_and_a_C_compiler
