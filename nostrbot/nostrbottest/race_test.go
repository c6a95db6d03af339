//go:build race

package nostrbottest

// racing says that the race detector is on, which makes everything several
// times slower.
const racing = true
