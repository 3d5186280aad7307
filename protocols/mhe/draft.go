package mhe

import (
	"fmt"

	"parley/circuits"
)

// Draft is a message whose randomness is drawn and whose proof is still to be made. Making
// the message takes milliseconds, proving it seconds; a Draft lets the two be told apart. It
// holds secrets: it is proven once, by whoever made it, and then dropped.
type Draft struct {
	what     string
	body     []byte
	binding  circuits.Binding
	instance circuits.Instance
	secret   circuits.Secret
}

// String never shows the secrets.
func (d *Draft) String() string { return "draft of a " + d.what }

// GoString never shows the secrets.
func (d *Draft) GoString() string { return d.String() }

// Prove appends the proof to the message: the blob that others verify.
func (d *Draft) Prove(k *circuits.Keys) ([]byte, error) {
	proof, err := k.Prove(d.binding, d.instance, d.secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.what, err)
	}
	return append(d.body, proof...), nil
}
