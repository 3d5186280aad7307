// Package policy decides who may ask what: from what a plan does (Facts), the policies of the
// departments whose rows it is about (Document), what their stewards granted (Grant) and who asks,
// for what purpose and when (Context), Decide says yes, or everything that is missing.
//
// Deny is the default: what no policy names is not answered. The package is pure: no files, no
// network, no clock but the time it is given, no floats, and nothing depends on the order of its
// arguments, so that every node says the same in the same words. The README is its specification.
package policy
