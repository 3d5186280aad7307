package engine

// The limits of a question and of a catalogue. README section 8.
const (
	MaxSQLBytes       = 1 << 15 // length of a SQL text
	MaxTokens         = 4096    // lexical tokens of a SQL text; bounds the parser's own recursion
	MaxDepth          = 100     // nesting of one expression
	MaxNodes          = 4096    // expression nodes of one query
	MaxLiteralDigits  = 64      // digits of a number before and after its point
	MaxExprBits       = 2048    // width of any intermediate result
	MaxExprScale      = 512     // decimal places of any intermediate result over rows
	MaxCellBits       = 1024    // width of a moment in one department, Hi−Lo
	MaxGroups         = 1 << 16 // groups of one query
	MaxGroupColumns   = 16      // columns in GROUP BY
	MaxOutputs        = 256     // columns of an answer
	MaxMoments        = 8192    // moments of one query
	MaxRegistrations  = 4096    // registrations in a catalogue
	MaxColumns        = 1024    // columns of a table
	MaxDictionary     = 4096    // distinct values of a dictionary
	MaxDictionaryText = 1024    // bytes of one dictionary value; a column with a longer one has no dictionary
	MaxUnitBytes      = 64      // bytes of a column's unit
	MaxLabelBytes     = 256     // bytes of the label of a dictionary's value
	MaxTitleBytes     = 256     // bytes of a table's or column's title, owner and manager
	MaxDescription    = 2048    // bytes of a table's description
	MaxItemBytes      = 64      // bytes of an item's id in the national catalogue
	MaxPlaceUnits     = 16      // units above a department, MaxNameBytes each
	MinDriftValues    = 1000    // values of a column in both versions, below which its drift is not told: a row would be too much of it
	MaxKeyColumns     = 16      // columns of a table's declared key
	MaxRowsPerPerson  = 1 << 20 // rows of a person in a table that declares a limit of them
	MaxJoined         = 8       // tables of a join
	MaxJoinConditions = 64      // equalities of a join's ON and USING
	MaxVectors        = 2048    // numbers of a person that a department has for a join across departments
	MaxProducts       = 8192    // products of vectors of such a question
	MaxExpanded       = 256     // products that a sum of such a question multiplies out to
	MaxNameBytes      = 256     // bytes of a table's, column's or department's name
	MaxRows           = 1 << 40 // rows of a table in one department
	MaxScale          = 38      // decimal places of a column
	MaxDecimalDigits  = 38      // digits of a decimal column's values, so below 10^38 in scaled units
	MaxFiniteScale    = 16383   // decimal places that printing carries, PostgreSQL's NUMERIC_DSCALE_MAX
)
