// Package archtest holds the rules of the house as a test: which package may
// import which, and what every file keeps to. Its tests read the source; there
// is nothing to import.
package archtest
