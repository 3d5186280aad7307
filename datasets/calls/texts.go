package calls

import (
	"fmt"
	"math/big"

	"parley/datasets/dialect"
	"parley/datasets/duck"
	"parley/datasets/files"
	"parley/engine"
)

// Shifted is v times 10^places, if that is whole.
func Shifted(v *big.Int, places int) (*big.Int, bool) {
	if places >= 0 {
		return new(big.Int).Mul(v, files.PowerOfTen(places)), true
	}
	whole, rest := new(big.Int).QuoRem(v, files.PowerOfTen(-places), new(big.Int))
	return whole, rest.Sign() == 0
}

// Whole takes an integer, also one that a database gives with a point.
func Whole(v any) (*big.Int, bool) {
	if d, ok := v.(dialect.Decimal); ok {
		return Shifted(d.Value, -d.Scale)
	}
	return duck.Integer(v)
}

// Texts are the values of the only column of rows as text: of text, whole numbers or nothing, which are the kinds that name persons.
func Texts(kind engine.Kind, rows [][]any) ([]string, error) {
	if kind != engine.Text && kind != engine.Integer && kind != engine.Null {
		return nil, fmt.Errorf("a key of kind %s: persons are named by text or whole numbers", kind)
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		if text, ok := row[0].(string); ok && kind == engine.Text {
			out[i] = text
			continue
		}
		n, whole := Whole(row[0])
		if !whole || kind != engine.Integer {
			return nil, fmt.Errorf("a key of kind %s is not as it was described", kind)
		}
		out[i] = n.String()
	}
	return out, nil
}
