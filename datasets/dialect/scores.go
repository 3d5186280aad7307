package dialect

import (
	"fmt"
	"math/big"
	"strings"

	"parley/engine"
)

// The scores of a fit (engine/README.md, section 13) in integers of SQL, for a database whose integers hold products of
// two 63 bits: each step a column of a subselect around the step before, which the database computes once for a row.
// Columns are called by the step: x, z, r, e, q, s.

// steps is how a database is kept to compute subselects as they stand, and scores of rows in them.
type steps struct {
	// fence stands at the end of a subselect, so that what uses its columns does not repeat what they are.
	fence string
	// divide is the whole quotient, below 2^63, of integers that are not negative; it writes each of them once.
	divide func(a, b string) string
}

// Constants of the series, as the engine has them.
const (
	scoreUnit   = 1_000_000_000_000_000_000 // scores are in units of 10^-18
	saturation  = 45                        // |x| from which e^-|x| is nothing
	exponential = 22                        // terms of e^-x
	logarithm   = 41                        // the last odd power in atanh
)

var ln2, _ = new(big.Int).SetString("B17217F7D1CF79AC", 16) // in units of 2^-64

// ScoreName is the column of a score behind FROM, as Scores writes it.
func ScoreName(i int) string { return scoreColumn("score", i) }

// scoreColumn has a name that no table gives a column of its own.
func scoreColumn(step string, i int) string { return fmt.Sprintf(`"parley: %s %d"`, step, i) }

// HasScore reports whether Scores writes a score.
func (d *Dialect) HasScore(op engine.Op) bool {
	return d.steps != nil && (op == engine.OpLogistic || op == engine.OpSlope || op == engine.OpSoftplus)
}

// Scores writes what stands behind FROM with a column for each score beside those that it has, or gives an ErrBeyond.
func (w Writer) Scores(from string, scores []*engine.Expr) (string, error) {
	s := scoring{w: w, n: w.Dialect.widths[len(w.Dialect.widths)-1]}
	var arguments []string // written, each once
	places := map[string]int{}
	of := make([]int, len(scores))
	softplus := map[int]bool{}
	for i, e := range scores {
		if !w.Dialect.HasScore(e.Op) {
			return "", beyond("%s has no %s of this meaning", w.Dialect.Name, word(e.Op))
		}
		x := e.Args[0]
		if bits := widest(x) + 67; bits > s.n.bits {
			return "", beyond("numbers of %d bits are more than %s computes with", bits, w.Dialect.Name)
		}
		text, err := w.write(x, s.n)
		if err != nil {
			return "", err
		}
		key := fmt.Sprint(x.Scale, " ", text)
		j, known := places[key]
		if !known {
			j = len(arguments)
			places[key] = j
			arguments = append(arguments, text)
			s.scales = append(s.scales, x.Scale)
		}
		of[i] = j
		softplus[j] = softplus[j] || e.Op == engine.OpSoftplus
	}
	for _, step := range []func(j int) (map[string]string, error){
		func(j int) (map[string]string, error) { return map[string]string{"x": arguments[j]}, nil },
		s.reduced, s.split, s.decay, s.quotients(softplus), s.squares(softplus),
	} {
		var columns []string
		for j := range arguments {
			named, err := step(j)
			if err != nil {
				return "", err
			}
			for _, name := range []string{"x", "z", "r", "h", "e", "q", "s", "t"} {
				if named[name] != "" {
					columns = append(columns, named[name]+" AS "+scoreColumn(name, j))
				}
			}
		}
		from = s.around(from, columns)
	}
	var columns []string
	for i, e := range scores {
		columns = append(columns, s.score(e, of[i])+" AS "+ScoreName(i))
	}
	return s.around(from, columns), nil
}

// scoring writes scores in integers of one width.
type scoring struct {
	w      Writer
	n      width
	scales []int // of the arguments
}

// around selects columns beside all that there are.
func (s *scoring) around(from string, columns []string) string {
	if len(columns) == 0 {
		return from
	}
	return "(SELECT *, " + strings.Join(columns, ", ") + " FROM " + from + s.w.Dialect.steps.fence + ") AS parley_scores"
}

func (s *scoring) number(v *big.Int) string { return number(v, s.n.name) }
func (s *scoring) power(k uint) string      { return s.number(new(big.Int).Lsh(one, k)) }
func (s *scoring) divide(a, b string) string {
	return s.w.Dialect.steps.divide(a, b)
}

// reduced is |x| in units of 2^-64, rounded half up; NULL from saturation on.
func (s *scoring) reduced(j int) (map[string]string, error) {
	x, err := s.w.absolute(scoreColumn("x", j), s.n)
	if err != nil {
		return nil, err
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.scales[j])), nil)
	most := new(big.Int).Mul(unit, big.NewInt(saturation))
	z := s.n.divide("("+x+" * "+s.power(65)+" + "+s.number(unit)+")", s.number(new(big.Int).Lsh(unit, 1)))
	return map[string]string{"z": "(CASE WHEN " + x + " < " + s.number(most) + " THEN " + z + " END)"}, nil
}

// split is what is left of z beside halvings, in units of 2^-63, and one more than their number.
func (s *scoring) split(j int) (map[string]string, error) {
	z, l := scoreColumn("z", j), s.number(ln2)
	return map[string]string{
		"r": s.divide(s.n.modulo(z, l), s.number(big.NewInt(2))),
		"h": "(" + s.divide(z, l) + " + " + s.number(one) + ")",
	}, nil
}

// decay is e^-|x| in units of 2^-62.
func (s *scoring) decay(j int) (map[string]string, error) {
	r, h := scoreColumn("r", j), scoreColumn("h", j)
	t := s.power(63)
	for k := int64(exponential); k > 0; k-- {
		t = "(" + s.power(63) + " - " + s.divide("("+r+" * "+t+")", s.number(new(big.Int).Lsh(big.NewInt(k), 63))) + ")"
	}
	halved := s.number(one)
	for bit := range uint(7) {
		odd := s.n.modulo(s.divide(h, s.power(bit)), s.number(big.NewInt(2)))
		halved = "(" + halved + " * (CASE WHEN " + odd + " = 1 THEN " + s.power(1<<bit) + " ELSE " + s.number(one) + " END))"
	}
	e := s.divide(t, halved)
	return map[string]string{"e": "(CASE WHEN " + scoreColumn("z", j) + " IS NOT NULL THEN " + e + " WHEN " + scoreColumn("x", j) + " IS NOT NULL THEN " + s.number(zero) + " END)"}, nil
}

// quotients are q = e/(1+e) in units of 10^-18, rounded half up, and for softplus e/(2+e) in those of 2^-63.
func (s *scoring) quotients(softplus map[int]bool) func(j int) (map[string]string, error) {
	return func(j int) (map[string]string, error) {
		e := "CAST(" + scoreColumn("e", j) + " AS " + s.n.name + ")"
		whole := "(" + s.power(62) + " + " + e + ")"
		half := s.divide(whole, s.number(big.NewInt(2)))
		out := map[string]string{"q": s.divide("("+e+" * "+s.number(big.NewInt(scoreUnit))+" + "+half+")", whole)}
		if softplus[j] {
			out["s"] = s.divide("("+e+" * "+s.power(63)+")", "("+s.power(63)+" + "+e+")")
		}
		return out, nil
	}
}

// squares are those of e/(2+e).
func (s *scoring) squares(softplus map[int]bool) func(j int) (map[string]string, error) {
	return func(j int) (map[string]string, error) {
		if !softplus[j] {
			return nil, nil
		}
		e := "CAST(" + scoreColumn("s", j) + " AS " + s.n.name + ")"
		return map[string]string{"t": s.divide("("+e+" * "+e+")", s.power(63))}, nil
	}
}

// score is one, of the steps of its argument.
func (s *scoring) score(e *engine.Expr, j int) string {
	q, unit := "CAST("+scoreColumn("q", j)+" AS "+s.n.name+")", s.number(big.NewInt(scoreUnit))
	switch e.Op {
	case engine.OpLogistic:
		return "(CASE WHEN " + scoreColumn("x", j) + " < 0 THEN " + q + " ELSE " + unit + " - " + q + " END)"
	case engine.OpSlope:
		return s.divide("("+q+" * ("+unit+" - "+q+") + "+s.number(big.NewInt(scoreUnit/2))+")", unit)
	}
	return s.softplus(j)
}

// softplus is ln(1+e^x): 2·atanh(s), and x where that is above 0.
func (s *scoring) softplus(j int) string {
	square, sum := "CAST("+scoreColumn("t", j)+" AS "+s.n.name+")", s.number(zero)
	for k := logarithm; k >= 1; k -= 2 {
		term := s.number(new(big.Int).Div(new(big.Int).Lsh(one, 63), big.NewInt(int64(k))))
		sum = "(" + s.divide("("+sum+" * "+square+")", s.power(63)) + " + " + term + ")"
	}
	x, value := scoreColumn("x", j), "CAST("+scoreColumn("s", j)+" AS "+s.n.name+")"
	twice := "(" + s.number(big.NewInt(2)) + " * " + s.divide("("+value+" * "+sum+")", s.power(63)) + ")"
	out := s.divide("("+twice+" * "+s.number(big.NewInt(scoreUnit))+" + "+s.power(62)+")", s.power(63))
	rounded, places := x, s.scales[j]-18
	switch {
	case places < 0:
		rounded = times(x, -places, s.n)
	case places > 0: // above 0, half up
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
		rounded = s.n.divide("("+x+" + "+s.number(new(big.Int).Rsh(unit, 1))+")", s.number(unit))
	}
	return "(" + out + " + (CASE WHEN " + x + " > 0 THEN " + rounded + " ELSE " + s.number(zero) + " END))"
}
