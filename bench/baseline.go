package main

import (
	"fmt"
	"math/big"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/mhe"
	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/utils/sampling"

	"parley/circuits"
)

// baseline is Lattigo's own multiparty protocol at the same ring, without any proof: what the
// sealed protocol's cost is held against. Its flooding is Lattigo's, at the widest deviation
// that its sampler draws without leaving low bits uncovered; it stands here for its cost only.
type baseline struct {
	p       circuits.Params
	params  rlwe.Parameters
	crp     mhe.PublicKeyGenCRP
	keygen  mhe.PublicKeyGenProtocol
	joint   mhe.PublicKeyGenShare
	secrets []*rlwe.SecretKey
	pk      *rlwe.PublicKey
	opener  *rlwe.SecretKey
	target  *rlwe.PublicKey
	cts     []*rlwe.Ciphertext
	sum     *rlwe.Ciphertext
	pcks    mhe.PublicKeySwitchProtocol
	shares  []mhe.PublicKeySwitchShare
	sums    []int64
}

func newBaseline(p circuits.Params, n int) (*baseline, error) {
	logN := 0
	for 1<<logN < p.N() {
		logN++
	}
	params, err := rlwe.NewParametersFromLiteral(rlwe.ParametersLiteral{LogN: logN, Q: p.Primes(), NTTFlag: false})
	if err != nil {
		return nil, fmt.Errorf("baseline parameters: %w", err)
	}
	b := &baseline{p: p, params: params, keygen: mhe.NewPublicKeyGenProtocol(params)}
	crs, err := sampling.NewKeyedPRNG([]byte("bench"))
	if err != nil {
		return nil, err
	}
	b.crp = b.keygen.SampleCRP(crs)
	b.joint = b.keygen.AllocateShare()
	b.cts, b.shares = make([]*rlwe.Ciphertext, n), make([]mhe.PublicKeySwitchShare, n)
	b.opener, b.target = rlwe.NewKeyGenerator(params).GenKeyPairNew()
	b.pcks, err = mhe.NewPublicKeySwitchProtocol(params, ring.DiscreteGaussian{Sigma: 1 << 33, Bound: 6 << 33})
	return b, err
}

func (b *baseline) keyShare(int) error {
	sk := rlwe.NewKeyGenerator(b.params).GenSecretKeyNew()
	b.secrets = append(b.secrets, sk)
	share := b.keygen.AllocateShare()
	b.keygen.GenShare(sk, b.crp, &share)
	b.keygen.AggregateShares(b.joint, share, &b.joint)
	return nil
}

func (b *baseline) contribute(i int, limbs []int64) error {
	if b.pk == nil {
		b.pk = rlwe.NewPublicKey(b.params)
		b.keygen.GenPublicKey(b.joint, b.crp, b.pk)
	}
	pt := rlwe.NewPlaintext(b.params, b.params.MaxLevel())
	pt.IsNTT = false
	pt.Value.Copy(b.p.FromLimbs(limbs))
	b.params.RingQ().MulScalarBigint(pt.Value, b.p.Delta(), pt.Value)
	var err error
	b.cts[i], err = rlwe.NewEncryptor(b.params, b.pk).EncryptNew(pt)
	return err
}

func (b *baseline) add() error {
	b.sum = b.cts[0].CopyNew()
	for _, ct := range b.cts[1:] {
		for k := range b.sum.Value {
			b.params.RingQ().Add(b.sum.Value[k], ct.Value[k], b.sum.Value[k])
		}
	}
	return nil
}

func (b *baseline) share(i int) error {
	b.shares[i] = b.pcks.AllocateShare(b.params.MaxLevel())
	b.pcks.GenShare(b.secrets[i], b.target, b.sum, &b.shares[i])
	return nil
}

func (b *baseline) decrypt() error {
	joint := b.pcks.AllocateShare(b.params.MaxLevel())
	for _, share := range b.shares {
		if err := b.pcks.AggregateShares(joint, share, &joint); err != nil {
			return err
		}
	}
	out := rlwe.NewCiphertext(b.params, 1, b.params.MaxLevel())
	b.pcks.KeySwitch(b.sum, joint, out)
	pt := rlwe.NewDecryptor(b.params, b.opener).DecryptNew(out)
	b.sums = make([]int64, b.p.Limbs())
	half := new(big.Int).Rsh(b.p.Delta(), 1)
	for j := range b.sums {
		x := b.p.Centered(pt.Value, j*b.p.Stride())
		x.Add(x, half).Mod(x, b.p.Q())
		b.sums[j] = x.Div(x, b.p.Delta()).Int64()
	}
	return nil
}
