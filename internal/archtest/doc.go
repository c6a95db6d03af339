// Package archtest holds the tests of the architecture: who may import whom,
// that each package is documented, and that the code in the documentation
// compiles. It has no code of its own.
package archtest
