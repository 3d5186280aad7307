package analyst

import "parley/node/nodetest"

// ForTests has parameters and keys of tests.
func (o Options) ForTests(cache string) Options {
	o.parameters, o.cache = nodetest.Tiny, cache
	return o
}

// VerifyForTests takes the parameters of tests.
func VerifyForTests(certificate, network string) (*Verdict, error) {
	return verify(certificate, network, nodetest.Tiny)
}
