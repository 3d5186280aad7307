package engine

import (
	"errors"
	"fmt"
	"slices"

	"parley/engine/privacy"
)

// Disclosure are the rules of what an answer may show: of the counts behind its cells, which departments
// check together before anything is released (README section 18), and of the plan. The zero value has none.
// Those of several departments unite, each rule at its strictest. Values are comparable with ==.
type Disclosure struct {
	_ struct{} `cbor:",toarray"`
	// Count is the least number of rows behind a cell that is shown; 0: no rule. A cell of no rows at all is
	// shown unless ZeroIsSmall, which needs Count.
	Count       int64
	ZeroIsSmall bool
	// Floor is the least number of rows that any department has in a cell that it has rows in; 0: no rule.
	Floor int64
	// Departments is the least number of departments that have rows in a cell that anybody has rows in; 0:
	// no rule.
	Departments int64
	// Freedom is the least number of rows beyond the parameters of what is fitted; 0: no rule.
	Freedom int64
	// ParametersPerMille is the most parameters of what is fitted to each thousand rows; 0: no rule.
	ParametersPerMille int64
	// Levels is the most values of a column that rows are told apart by, and LevelsPerMille the most for each
	// thousand rows of a department's table; 0: no rule.
	Levels, LevelsPerMille int64
	// Complement: with a cell that is withheld so many others of its row and column are that totals, which may
	// be known, do not give it away. It needs a rule by which cells are withheld.
	Complement bool
	// DominanceCount and DominancePerMille: the largest so many rows of a sum are at most so much of it.
	// RatioPerMille: what is left of a sum without its two largest rows is at least so much of the largest.
	// 0: no rule.
	DominanceCount, DominancePerMille, RatioPerMille int64
	// Base is what counts that are shown are rounded to, one of Bases; 0: no rule. Of united rules that
	// exclude each other it is none of them (Conflict).
	Base int64
	// Perturbed: each cell that is shown carries noise of each department, of up to so many rows in either direction,
	// which follows from the cell's rows and a key of the department (README section 18.8); 0: no rule.
	Perturbed int64
	// Veiled: that noise is on what contributors see of counts in a screening, too, and sets of rows need more of them to pass
	// (README section 18.12). It needs Perturbed and Count, and excludes rules of the largest rows.
	Veiled bool
	// Differential privacy (README section 18.6), all three or none: Epsilon is what one question costs, in
	// millionths, Budget what all of a person's questions about a table for a purpose may, and Delta is for both, in units of 10^-12.
	// 0: no rule.
	Epsilon, Budget, Delta int64
	// Honest is how many of a question's contributors, all where they are fewer, follow the protocol and do not work with the
	// analyst, so that the noise of so many together makes up Epsilon. 0: one, so that each department's own noise does. It needs Epsilon.
	Honest int64
	// History is for how many days an answer is remembered, so that with it no later one tells of too few rows; 0: no
	// rule. It needs a rule by which cells are withheld. Together says whose answers are seen together, and needs
	// History.
	History  int64
	Together Together
}

// Together says which analysts count as one.
type Together int64

// Whose answers a history sees together, each more than the one before.
const (
	TogetherPerson     Together = iota // one person's
	TogetherDepartment                 // those of all for whom the same department vouches
	TogetherAll                        // everybody's
)

var togetherNames = [...]string{"person", "department", "all"}

// String is the word that policies have.
func (t Together) String() string {
	if t < TogetherPerson || t > TogetherAll {
		return "unknown"
	}
	return togetherNames[t]
}

// ParseTogether reads a policy's word; nobody writes that a person is seen together with itself.
func ParseTogether(word string) (Together, bool) {
	at := slices.Index(togetherNames[1:], word)
	return Together(at + 1), at >= 0
}

// The ranges of rules. README section 18.1.
const (
	MaxRuleRows      = 1_000_000_000 // count, floor and freedom
	MaxDominanceRows = 100           // rows whose share of a sum is looked at
	PerMille         = 1000          // the whole; a share of dominance is below it
	MaxPerturbed     = 1000          // rows of cell-key noise
	MaxHistoryDays   = 3650          // for which an answer is remembered
)

// Bases are what counts may be rounded to. Each but 3 divides the next, so that of two of them one is
// stricter, or they exclude each other.
var Bases = []int64{3, 5, 10, 50, 100, 1000}

// Unite returns the rules that hold where both hold, each at its strictest. It is commutative, associative
// and idempotent, and of valid rules valid, but for a Conflict.
func (d Disclosure) Unite(o Disclosure) Disclosure {
	return Disclosure{
		Count: max(d.Count, o.Count), ZeroIsSmall: d.ZeroIsSmall || o.ZeroIsSmall,
		Floor: max(d.Floor, o.Floor), Departments: max(d.Departments, o.Departments), Freedom: max(d.Freedom, o.Freedom),
		ParametersPerMille: least(d.ParametersPerMille, o.ParametersPerMille),
		Levels:             least(d.Levels, o.Levels), LevelsPerMille: least(d.LevelsPerMille, o.LevelsPerMille),
		Complement: d.Complement || o.Complement,
		// More rows with less of the sum: both rules follow, though neither may demand as much.
		DominanceCount: max(d.DominanceCount, o.DominanceCount), DominancePerMille: least(d.DominancePerMille, o.DominancePerMille),
		RatioPerMille: max(d.RatioPerMille, o.RatioPerMille),
		Base:          multiple(d.Base, o.Base), Perturbed: max(d.Perturbed, o.Perturbed), Veiled: d.Veiled || o.Veiled,
		Epsilon: least(d.Epsilon, o.Epsilon), Budget: least(d.Budget, o.Budget), Delta: least(d.Delta, o.Delta), Honest: d.trusts(o),
		History: max(d.History, o.History), Together: max(d.Together, o.Together),
	}
}

// trusts is the smaller Honest of two rules with Epsilon, and otherwise that of the one that has it.
func (d Disclosure) trusts(o Disclosure) int64 {
	switch {
	case d.Epsilon > 0 && o.Epsilon > 0:
		return min(d.Honest, o.Honest) // of which 0 is 1
	case d.Epsilon > 0:
		return d.Honest
	case o.Epsilon > 0:
		return o.Honest
	}
	return max(d.Honest, o.Honest) // neither is valid but with 0
}

// least is the smaller of two, of which 0 is no rule.
func least(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// multiple is the least common one of two, of which 0 is no rule.
func multiple(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	divisor := a
	for rest := b; rest != 0; {
		divisor, rest = rest, divisor%rest
	}
	return a / divisor * b
}

// Validate checks the rules of one department. The error begins with the name of a setting, as policies
// have it.
func (d Disclosure) Validate() error {
	for _, r := range []struct {
		name        string
		value, most int64
	}{
		{ruleCount, d.Count, MaxRuleRows}, {ruleFloor, d.Floor, MaxRuleRows},
		{ruleDepartments, d.Departments, MaxRegistrations}, {ruleFreedom, d.Freedom, MaxRuleRows},
		{ruleParameters, d.ParametersPerMille, PerMille}, {ruleLevels, d.Levels, MaxDictionary},
		{ruleDensity, d.LevelsPerMille, PerMille}, {ruleDominance, d.DominanceCount, MaxDominanceRows},
		{ruleDominance, d.DominancePerMille, PerMille - 1}, {ruleRatio, d.RatioPerMille, PerMille},
		{rulePerturbed, d.Perturbed, MaxPerturbed},
		{ruleEpsilon, d.Epsilon, privacy.MaxEpsilon}, {ruleBudget, d.Budget, privacy.MaxEpsilon}, {ruleDelta, d.Delta, privacy.MaxDelta},
		{ruleHonest, d.Honest, MaxRegistrations},
		{ruleHistory, d.History, MaxHistoryDays},
	} {
		if r.value < 0 || r.value > r.most {
			least := int64(1) // what is 0 is left out
			if r.name == ruleHonest {
				least = 2
			}
			return fmt.Errorf("%s is %d: it lies between %d and %d%s", r.name, r.value, least, r.most, unitName(r.name))
		}
	}
	switch {
	case d.ZeroIsSmall && d.Count == 0:
		return errors.New(ruleZero + " needs count: that a cell of no rows is small is said of the least count")
	case d.Complement && !d.withholds():
		return errors.New(ruleComplement + " needs a rule by which cells are withheld: count, floor or departments")
	case d.History > 0 && !d.withholds():
		return errors.New(ruleHistory + " needs a rule by which cells are withheld: count, floor or departments")
	case d.Together < TogetherPerson || d.Together > TogetherAll || d.Together != TogetherPerson && d.History == 0:
		return errors.New(ruleTogether + " needs history: it says whose answers are seen together")
	case d.Veiled && (d.Perturbed == 0 || d.Count == 0):
		return errors.New(ruleVeiled + " needs perturbed and count: the one says how much noise there is, the other what it is on")
	case (d.DominanceCount == 0) != (d.DominancePerMille == 0):
		return errors.New(ruleDominance + " is a number of rows and a share, both")
	case d.Base != 0 && !slices.Contains(Bases, d.Base):
		return fmt.Errorf("%s is %d: it is one of %s", ruleRound, d.Base, basesText())
	case (d.Epsilon == 0) != (d.Budget == 0) || (d.Epsilon == 0) != (d.Delta == 0):
		return errors.New(ruleEpsilon + " needs budget and delta, and these need it: what one question costs, what all may, and for which δ")
	case d.Epsilon > 0 && d.Epsilon < MinEpsilon:
		return fmt.Errorf("%s is %s: it is %s at least", ruleEpsilon, privacy.Decimal(d.Epsilon, privacy.Micro), privacy.Decimal(MinEpsilon, privacy.Micro))
	case d.Honest > 0 && d.Epsilon == 0:
		return errors.New(ruleHonest + " needs epsilon: it says whose noise together makes up what a question costs")
	case d.Honest == 1:
		return errors.New(ruleHonest + " is 1, which is what holds without it: each department's own noise is enough; it is 2 at least")
	case d.Epsilon > d.Budget:
		return fmt.Errorf("%s is more than budget: no question would ever be answered", ruleEpsilon)
	}
	return d.Conflict()
}

// MinEpsilon is the least ε of a question, in millionths: below it, no δ that is counted leaves anything to spend.
const MinEpsilon = 1000

// Rho is what a question costs under differential privacy, in units of 10^-9 of ρ; 0 where there is no such rule.
func (d Disclosure) Rho() int64 {
	if d.Epsilon == 0 {
		return 0
	}
	return privacy.Rho(d.Epsilon, d.Delta)
}

// BudgetRho is what all questions of a person about a table for a purpose may cost, in units of 10^-9 of ρ.
func (d Disclosure) BudgetRho() int64 {
	if d.Budget == 0 {
		return 0
	}
	return privacy.Rho(d.Budget, d.Delta)
}

// withholds says whether cells of a table can be withheld by their counts: one row, or one department, withholds nothing.
func (d Disclosure) withholds() bool {
	return d.Count > 1 || d.ZeroIsSmall || d.Floor > 1 || d.Departments > 1
}

// Conflict are two rules that exclude each other, as policies write them.
type Conflict struct{ First, Second string }

// Error is a sentence.
func (c *Conflict) Error() string { return c.First + " and " + c.Second + " exclude each other" }

// Conflict is a *Conflict where rules exclude each other, or nil: no count is rounded to 3 and to another base at once, or
// rounded by all together and made noisy by each, what is told of the largest rows carries no noise, and what exact counts decide is not differentially private.
func (d Disclosure) Conflict() error {
	if d.Epsilon > 0 {
		for _, r := range d.Rules() {
			switch r.Name {
			case ruleEpsilon, ruleBudget, ruleDelta, ruleHonest, ruleLevels, ruleDensity:
			default:
				epsilon := privacy.Decimal(d.Epsilon, privacy.Micro)
				return &Conflict{fmt.Sprintf("%s = %s", ruleEpsilon, epsilon), fmt.Sprintf("%s = %s", r.Name, r.Written())}
			}
		}
	}
	for _, r := range d.Rules() {
		if d.Veiled && (r.Name == ruleDominance || r.Name == ruleRatio) {
			return &Conflict{ruleVeiled + " = true", fmt.Sprintf("%s = %s", r.Name, r.Written())}
		}
	}
	if d.Base > 0 && d.Perturbed > 0 {
		return &Conflict{fmt.Sprintf("%s = %d", ruleRound, d.Base), fmt.Sprintf("%s = %d", rulePerturbed, d.Perturbed)}
	}
	if d.Base == 0 || slices.Contains(Bases, d.Base) {
		return nil
	}
	// Bases but 3 form a chain of divisors, so a multiple that is no base is three times the other.
	return &Conflict{fmt.Sprintf("%s = %d", ruleRound, Bases[0]), fmt.Sprintf("%s = %d", ruleRound, d.Base/Bases[0])}
}

// Screens says whether the rules look at the rows behind cells, so that a question takes a screening before it is answered.
func (d Disclosure) Screens() bool {
	return d.withholds() || d.Freedom > 0 || d.ParametersPerMille > 0 || d.largest() || d.Base > 0
}
