package engine

import "math/big"

// Kind is the type of a column, an expression or a value.
type Kind uint8

// The kinds. Integer is PostgreSQL's bigint, Decimal its numeric.
const (
	Null        Kind = iota // a column without any value, or the value NULL; unifies with every kind
	Integer                 // 64-bit signed integers; wider whole numbers are Decimal with scale 0
	Decimal                 // integers scaled by a power of ten, below 10^38 in scaled units
	Text                    // UTF-8, compared by bytes
	Boolean                 // false < true
	Date                    // days since 1970-01-01, from 0001-01-01 to 9999-12-31
	Float                   // PostgreSQL's double precision: of answers only, never of a column
	Timestamp               // microseconds since 1970-01-01 00:00 of a calendar and a clock without a zone, from MinTimestamp to MaxTimestamp
	TimestampTZ             // microseconds since 1970-01-01 00:00 UTC, in the same range; written in UTC
	Time                    // microseconds since midnight, below MicrosPerDay
)

// Column is one column of one department's table as registered: what planning may
// lean on. Everything in it is public to all departments and analysts.
type Column struct {
	_    struct{} `cbor:",toarray"`
	Name string   // UTF-8, unique in its table, at most MaxNameBytes
	Kind Kind
	// Scale is, for Decimal, the number of decimal places: a value is
	// integer·10^−Scale. It is 0 for every other kind.
	Scale    int
	Nullable bool // whether some row holds NULL
	// Min and Max bound the non-NULL values: Integer as is, Decimal in scaled
	// units, Date in days and timestamps in microseconds since 1970-01-01, Time in
	// microseconds since midnight. Both nil for other kinds, and where the department has not
	// declared them public: then nothing is told of the values but their kind (Undeclared).
	Min, Max *big.Int
	// Dictionary lists the distinct non-NULL values in canonical text (see Datum),
	// strictly ascending in the kind's order: text by bytes, numbers numerically,
	// false before true. At most MaxDictionary values of at most
	// MaxDictionaryText bytes.
	Dictionary []string
	// HasDictionary tells an empty dictionary from a missing one. Only columns
	// with a dictionary can be grouped by.
	HasDictionary bool
	// Resembles says of a Text that its values look like dates or times of day (Date)
	// or like numbers (Decimal) but were not all written so that they could be read
	// as such: comparing it with one is refused. Null otherwise.
	Resembles Kind
	// Unit is what the department says that the values are counted in, "EUR" or "mg/dl": for people
	// to read. At most MaxUnitBytes; "" if it says nothing.
	Unit string
	// Labels say what the values of Dictionary mean, one for each, "" where nothing is said, each of
	// at most MaxLabelBytes. A column of one department that has them has a declared list of codes:
	// its values are among them, and not all need occur. nil: Dictionary is what occurs.
	Labels []string
	// Title is the column's name for people, at most MaxTitleBytes; "" if the department gives none.
	Title string
	// Item is its data item in the national catalogue, at most MaxItemBytes; "" if none is said.
	Item        string
	Sensitivity Sensitivity
	Class       Class
	// Colocated names the family that the column's values belong to, at most MaxNameBytes: the department declares that
	// none of them stands in another department's column of the family. Then tables may be joined by it (README section 19).
	// "" where it declares nothing.
	Colocated string
	// Mixed is of a schema alone: the column names persons, as text at some departments and as whole numbers at others. Nothing is asked of
	// it but who is who. It follows from the registrations, and is no part of the encoding.
	Mixed bool `cbor:"-" json:"-"`
}

// Undeclared reports whether the column has values that bounds are of, and the department has not declared
// any: sums of them, and searches among them, are refused.
func (c Column) Undeclared() bool { return c.Kind.bounded() && c.Min == nil }

// Registration is what a department says of one version of one table.
type Registration struct {
	_          struct{} `cbor:",toarray"`
	Department string   // the department's name in the network
	Table      string   // the table's name, the same in all departments
	Version    uint64
	Rows       int64
	Digest     Digest // of the table's content, made by datasets
	Columns    []Column
	About      About
	Quality    Quality
	Linkage    Linkage
}

// Catalogue is all registrations of a network, strictly ascending by (Table,
// Department). It comes from peers: Validate before use; NewPlan does.
type Catalogue []Registration

// Schema is one table as the contributing departments hold it together: for each
// column the unified kind, the larger scale, the widest bounds and the sorted union
// of the dictionaries. Merge makes it.
type Schema struct {
	_       struct{} `cbor:",toarray"`
	Table   string
	Columns []Column // in the order of the first department's registration
}

// Datum is one value. The zero Datum is NULL.
//
// Canonical text (String) is "-12" for an integer, the shortest exact decimal for a
// decimal ("1.5", "-0.25", "2"), "2020-11-01" for a date, "2020-11-01 12:30:00.5" for a
// timestamp, with "+00" behind it for a timestamptz, "12:30:00" for a time, "true" or "false"
// for a boolean, and text itself.
type Datum struct {
	_    struct{} `cbor:",toarray"`
	Kind Kind     // Null for NULL
	// Number is the value of an Integer, of a Decimal in scaled units, of a Date in
	// days and of timestamps in microseconds since 1970-01-01, of a Time in microseconds since
	// midnight; nil otherwise. Never changed after it was set.
	Number *big.Int
	Scale  int    // of a Decimal: the value is Number·10^−Scale
	Text   string // of a Text
	Bool   bool   // of a Boolean
}

// Op is the operation of an Expr.
type Op uint8

// The operations over rows. Numbers are integers throughout: an Integer as is, a
// Decimal in scaled units, a Date in days, timestamps and times in microseconds. Every operation but the three that say
// otherwise gives NULL when an argument is NULL.
const (
	OpConstant  Op = iota + 1 // Value; Kind is the type it was given by its context even if Value is NULL
	OpColumn                  // the value of Schema.Columns[Column], brought to Kind and Scale
	OpNegate                  // −Args[0]
	OpAdd                     // Args[0] + Args[1], which have the same Scale
	OpSubtract                // Args[0] − Args[1], which have the same Scale
	OpMultiply                // Args[0] · Args[1]; scales add
	OpDivide                  // Args[0] / Args[1] of integers, truncated toward zero; over rows Args[1] is a constant other than 0
	OpModulo                  // remainder of OpDivide, with the sign of Args[0]; over rows Args[1] is a constant other than 0
	OpRescale                 // Args[0] · 10^(Scale − Args[0].Scale); turns Integer to Decimal
	OpEqual                   // comparisons: both arguments have one Kind and Scale; the result is Boolean
	OpNotEqual                //
	OpLess                    //
	OpLessEqual               //
	OpGreater                 //
	OpGreaterEq               //
	OpIn                      // Args[0] equals one of Args[1:]; NULL if none but one of them is NULL, or if Args[0] is
	OpLike                    // Args[0] matches the pattern Args[1], a constant: % any run, _ one character, \ escapes
	OpNot                     // three-valued
	OpAnd                     // three-valued over two or more Args: false if one is false, else NULL if one is NULL
	OpOr                      // three-valued over two or more Args: true if one is true, else NULL if one is NULL
	OpIsNull                  // whether Args[0] is NULL; never NULL
	OpIsTrue                  // whether the boolean Args[0] is true; never NULL
	OpIsFalse                 // whether the boolean Args[0] is false; never NULL
	OpStart                   // where range Column of a search starts in the row's group: Plan.Start (README section 12)
)

// The operations that appear only over cells, in Outputs, Having and Order. They
// join those over rows; there numbers are exact rationals, scales differ and
// division by anything is allowed.
const (
	OpGroup    Op = iota + 64 // the value of Groups[Column]
	OpCount                   // the cell of Moments[Column]
	OpSum                     // the cell of Moments[Column]; NULL if that of Moments[Count] is 0
	OpAverage                 // the cell of Moments[Column] over that of Moments[Count]; NULL if that is 0
	OpMoment                  // the cell of Moments[Column], whatever it is
	OpFunction                // the statistic that Value names, of Args (README section 10)
	OpFigure                  // the function of figures that Value names, of Args (README section 16)
	OpWindow                  // the value of Windows[Column] for the group
	OpGrouping                // which of Args, groups, the row's set does not hold: a bit each, the first the highest
)

// Expr is a typed expression. Plans hold it in their canonical encoding; datasets
// turns it to SQL or evaluates it row by row. Eval is its meaning.
type Expr struct {
	_      struct{} `cbor:",toarray"`
	Op     Op
	Args   []*Expr
	Column int   // OpColumn: index into Schema.Columns; OpStart: a range; over cells: index into Groups or Moments
	Count  int   // OpSum, OpAverage: the moment that counts the non-NULL values
	Value  Datum // OpConstant: the value
	Kind   Kind  // type of the result
	Scale  int   // of a Decimal result over rows
	// Nullable says that the result can be NULL, given the contributors' columns.
	Nullable bool
	// Min and Max bound the non-NULL results over all contributors' rows, in scaled
	// units; nil when the kind has no bounds, when there is no value to bound, and
	// over cells.
	Min, Max *big.Int
	// bits of PostgreSQL's type of an Integer while its query is bound, 0 where they
	// follow from the rest (width). They decide the types of what is made of it and are
	// no part of the plan.
	bits int
	// size is how many operands and operators there are while the query is bound, those of a shared
	// one each time it stands somewhere.
	size int
}

// MomentOp says what a moment adds up.
type MomentOp uint8

// The moments.
const (
	CountRows    MomentOp = iota + 1 // rows that pass both filters; Expr is nil
	CountNonNull                     // those of them whose Expr is not NULL
	Sum                              // the sum of Expr over those, in units of 10^−Scale; 0 over none
	Present                          // 1 if a row passes both filters, else 0; Expr is nil
	Weigh                            // of a screening: Moment.Slack of Expr, which is not below 0, over those; 0 over none
	CountKeys                        // different values of Expr, a column that joins, in those rows: of a screening, and of a join across departments
	Absent                           // of a semi-join's vectors alone: 1 if no row passes both filters, and none without a key does, else 0
)

// Bound is the range of one department's value of a cell, inclusive.
type Bound struct {
	_      struct{} `cbor:",toarray"`
	Lo, Hi *big.Int
}

// Moment is one number that each department contributes for each group.
type Moment struct {
	_      struct{} `cbor:",toarray"`
	Op     MomentOp
	Expr   *Expr // what is counted or summed; nil for CountRows
	Filter *Expr // the aggregate's FILTER, on top of Plan.Filter; nil if none
	Scale  int   // a sum's value is the cell·10^−Scale
	// Bounds holds for each department of the plan, in its order, the range that
	// its proof shows: Lo exact, Hi exact when the moment fits one limb, otherwise
	// rounded up to what its highest limb can hold (README section 5).
	Bounds []Bound
	// Of a screening's figures alone, which departments aggregate as the plain count of rows that they are and
	// Plan.Limbs makes figures of (README section 18.2). They are no part of the encoding; the digest covers
	// them. Within, if not 0, is one more than the index of a moment among whose rows this one's are: the figure
	// is of the others. Most, if not 0: the figure is at most that. Below, if not 0: it is 1 where the count is
	// above 0 and below that, else 0.
	Within      int   `cbor:"-"`
	Most, Below int64 `cbor:"-"`
	// Slack is of a Weigh, which is no count: the figure is its steps of so much (README section 18.11). Where a floor is in force,
	// Rows is one more than the index of a moment that counts its rows.
	Slack Slack    `cbor:"-"`
	Rows  int      `cbor:"-"`
	unit  *big.Int // of its steps
}

// GroupColumn is one key of GROUP BY with the values that groups are made of.
type GroupColumn struct {
	_    struct{} `cbor:",toarray"`
	Expr *Expr    // over rows; often OpColumn
	// Values lists what Expr can be in the contributors' rows, in the kind's order, at Expr's
	// kind and scale, then NULL if that can arise. Of a column it is the union of the
	// contributors' dictionaries. Never empty. README section 15.
	Values []Datum
}

// column is the column that is grouped by; −1 for an expression.
func (g GroupColumn) column() int {
	if g.Expr.Op == OpColumn {
		return g.Expr.Column
	}
	return -1
}

// KeyColumn is a column whose values a call that returns rows counts by.
type KeyColumn struct {
	_      struct{} `cbor:",toarray"`
	Column int      // index into Schema.Columns
	Values []Datum  // the union of the contributors' dictionaries, in the kind's order, at the schema's kind and scale
}

// Output is one column of the answer.
type Output struct {
	_    struct{} `cbor:",toarray"`
	Name string   // the alias, or the name that PostgreSQL gives
	Expr *Expr    // over cells
}

// Order is one key of ORDER BY.
type Order struct {
	_          struct{} `cbor:",toarray"`
	Expr       *Expr    // over cells
	Descending bool
	NullsFirst bool
}

// Packing is what a parameter set offers to a layout.
type Packing struct {
	_                  struct{} `cbor:",toarray"`
	LimbBits           int      // bits of a limb, 1 to 56
	LimbsPerCiphertext int      // limbs of one ciphertext
	MaxCiphertexts     int      // ciphertexts that one query may take from a department
	MaxDepartments     int      // contributors whose limbs can be added without overflow
}

// Layout says which limb of which cell sits in which slot. Slot s is limb s mod
// LimbsPerCiphertext of ciphertext s div LimbsPerCiphertext; the cell of group g and
// moment m starts at slot g·SlotsPerGroup + Offsets[m] and takes Limbs[m] slots, low
// limb first. README section 5.
type Layout struct {
	_             struct{} `cbor:",toarray"`
	Packing       Packing
	Limbs         []int // by moment, at least 1
	Offsets       []int // by moment
	SlotsPerGroup int
	Ciphertexts   int
	fields        []field // of a screening, by moment: several figures are in one limb. They follow from the moments' bounds
}

// Plan is one question, bound to registered tables: what each department computes,
// how its cells are packed, and how the analyst finishes the answer. NewPlan makes
// it; it is not changed afterwards and may be shared between goroutines.
type Plan struct {
	_             struct{} `cbor:",toarray"`
	SQL           string
	Table         string
	Departments   []string       // the contributors, ascending
	Registrations []Registration // of the contributors, in the order of Departments
	Schema        Schema
	// Join says how the tables of FROM are joined; nil: there is one. Then Table, Registrations and Schema are of the joined
	// table that each department makes of its own, and Catalogue of what it is made of.
	Join     *Join
	Filter   *Expr         // WHERE; nil: all rows
	Groups   []GroupColumn // GROUP BY; empty: one group
	Moments  []Moment      // Moments[0] counts the rows of the group that pass Filter
	Outputs  []Output
	Sets     [][]int // ROLLUP, CUBE, GROUPING SETS: indices of Groups, ascending; nil: one set of all
	Distinct bool    // of equal rows of the answer one is shown
	Windows  []Window
	Report   *Report // the call that returns rows; nil if there is none
	Having   *Expr   // over cells; nil if none
	Order    []Order // over cells
	Limit    *int64  // nil if none
	Offset   int64
	Layout   Layout
	// What the gate adds (README section 18) is no part of the encoding; the digest covers it.
	// Screen is of a screening's plan: what Screened needs. nil otherwise.
	Screen *Screening `cbor:"-"`
	// Rules are those that an answer's plan was withheld by (Withhold). The zero value: none.
	Rules Disclosure `cbor:"-"`
	// Withheld has a reason code for each cell of an answer, 0 where it is shown; nil if all are.
	Withheld []byte `cbor:"-"`
	// Noise is what the departments add to the cells (Noisy); nil: nothing. It is no part of the encoding either, and the
	// digest covers it.
	Noise *Noise `cbor:"-"`
	// Recipient is, of an answer whose counts are rounded, the department that contributes them, an index into Departments. The
	// others contribute 0 (README section 18.10).
	Recipient int `cbor:"-"`
	// written are the comparisons that stand in the text, as NewPlan met them. They are no
	// part of the plan: Notes reads them.
	written []*Expr
}

// Value is one value of an answer; NULL has both nil.
type Value struct {
	// Text is the value as PostgreSQL prints it: numbers as numeric does, dates ISO,
	// booleans true and false.
	Text *string `json:"text"`
	// Exact is the value without rounding: an integer, a decimal without trailing
	// zeros, or p/q in lowest terms for a quotient that is not an integer. For
	// other kinds it equals Text. README section 6.
	Exact *string `json:"exact"`
	// Error is the standard error of a number that carries noise, to three digits: that which the noise alone gives it.
	// nil where there is none, or it is not known. README section 18.7.
	Error *string `json:"standard_error,omitempty"`
}

// Result is the answer.
type Result struct {
	Columns []string  `json:"columns"`
	Kinds   []Kind    `json:"kinds"`
	Rows    [][]Value `json:"rows"`
	// Model is the figures beside the rows of a call that returns rows: those of the
	// first group, then those of the next. README section 11.
	Model []Figure `json:"model,omitempty"`
	// Notes say why values are NULL where a statistic is not defined.
	Notes []Note `json:"notes,omitempty"`
	// Withheld says which rows, and which values of rows, the rules withhold: rows that are not among Rows
	// first. Such a value is NULL. README section 18.4.
	Withheld []Withheld `json:"withheld,omitempty"`
	// Rounded is what counts are rounded to; 0: they are exact.
	Rounded int64 `json:"rounded,omitempty"`
	// Noise lists the columns whose values carry noise. README section 18.7.
	Noise []NoisyColumn `json:"noise,omitempty"`
	// Privacy is what that noise protects, of a question under differential privacy.
	Privacy *Privacy `json:"privacy,omitempty"`
}

// NoisyColumn is a column of an answer that carries noise.
type NoisyColumn struct {
	Column      string `json:"column"`
	Kind        string `json:"kind"`           // as Noise names it
	Departments int    `json:"departments"`    // each of which added its own
	Rows        int64  `json:"rows,omitempty"` // of cell-key noise: of how many rows at most, in either direction
}

// Withheld is a row of an answer, or values of one, that a rule withholds.
type Withheld struct {
	Group []Value `json:"group"` // of the group columns, in the order of GROUP BY
	// Columns are the names of the columns whose values are withheld; none: the row is not shown at all.
	Columns []string `json:"columns,omitempty"`
	Rule    string   `json:"rule"` // as ReasonName names it
	// Sums are, of a call that returns rows, those of its sums of which the largest rows may be too much.
	Sums []string `json:"sums,omitempty"`
}
