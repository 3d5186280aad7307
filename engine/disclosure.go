package engine

// Disclosure are the rules of what an answer may show: of the counts behind its cells, which departments
// check together before anything is released (README section 18), and of the plan. The zero value has none.
// Those of several departments unite, each rule at its strictest.
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
	// be known, do not give it away.
	Complement bool
	// DominanceCount and DominancePerMille: the largest so many rows of a sum are at most so much of it.
	// RatioPerMille: what is left of a sum without its two largest rows is at least so much of the largest.
	// 0: no rule.
	DominanceCount, DominancePerMille, RatioPerMille int64
	// Base is what counts that are shown are rounded to; 0 or 1: no rule.
	Base int64
}
