//go:build !race

package nostrbottest

const racing = false
