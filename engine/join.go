package engine

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Join is how the tables of a question are joined: by each department in its own rows, since the columns that join them are
// declared colocated, so that who has the tables and this computes the joined table (README section 19); or across departments (20).
type Join struct {
	_      struct{} `cbor:",toarray"`
	Tables []JoinedTable
	// Columns says for each column of Plan.Schema which table's it is.
	Columns []JoinedColumn
	// Keys are sets of columns, indices into Columns, ascending, that are equal and not NULL in every joined row.
	Keys [][]int
	// Catalogue are the contributors' registrations of the tables.
	Catalogue Catalogue
	// Linked says how departments join two tables across each other; nil: each joins its own rows of all. Then none of them has the
	// joined table, and Plan.Registrations is empty.
	Linked *Linked
}

// JoinedTable is one of a join's tables, which are ascending by name.
type JoinedTable struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Alias string // what the question calls it
}

// JoinedColumn is a column of one of a join's tables.
type JoinedColumn struct {
	_     struct{} `cbor:",toarray"`
	Table int      // index into Tables
	Name  string   // as it is registered
}

// Tables are the names of the tables that the plan is about, ascending.
func (p *Plan) Tables() []string {
	if p.Join == nil {
		return []string{p.Table}
	}
	return p.Join.names()
}

// Catalogue are the contributors' registrations of the tables that the plan is about: what it was planned from.
func (p *Plan) Catalogue() Catalogue {
	if p.Join == nil {
		return Catalogue(p.Registrations)
	}
	return p.Join.Catalogue
}

func (j *Join) names() []string {
	out := make([]string, len(j.Tables))
	for i, t := range j.Tables {
		out[i] = t.Name
	}
	return out
}

// joinedName is what the join of tables, ascending, is called.
func joinedName(tables []string) string { return strings.Join(tables, " JOIN ") }

// source is the table and the name that a column of the schema has where it is registered.
func (p *Plan) source(column int) (table, name string) {
	if p.Join == nil {
		return p.Table, p.Schema.Columns[column].Name
	}
	c := p.Join.Columns[column]
	return p.Join.Tables[c.Table].Name, c.Name
}

// inSQL is a column as the question may name it.
func (p *Plan) inSQL(column int, quoted func(string) string) string {
	if p.Join == nil {
		return quoted(p.Schema.Columns[column].Name)
	}
	c := p.Join.Columns[column]
	return quoted(p.Join.Tables[c.Table].Alias) + "." + quoted(c.Name)
}

// identifier is a column of the schema as a question may name it, in double quotes only where it needs them.
func (p *Plan) identifier(c Column) string {
	return p.inSQL(columnByName(p.Schema.Columns, c.Name), identifier)
}

// person is the column whose different values a screening counts in the place of joined rows: of the first set of colocated
// columns that has one of each table. There are no fewer of any table's own rows. −1: there is none.
func (p *Plan) person() int {
	for _, key := range p.Join.Keys {
		tables := map[int]bool{}
		for _, c := range key {
			if family := p.Schema.Columns[c].Colocated; family != "" && family == p.Schema.Columns[key[0]].Colocated {
				tables[p.Join.Columns[c].Table] = true
			}
		}
		if len(tables) == len(p.Join.Tables) {
			return key[0]
		}
	}
	return -1
}

// CountedBy names the column of which a screening counts different values in the place of joined rows; "" where it counts rows. p may be nil.
func (p *Plan) CountedBy() string {
	if p == nil || p.Join == nil || p.person() < 0 {
		return ""
	}
	return p.Schema.Columns[p.person()].Name
}

// key is that column as an expression over the joined rows.
func (p *Plan) key() *Expr {
	c := p.Schema.Columns[p.person()]
	return &Expr{Op: OpColumn, Column: p.person(), Kind: c.Kind, Scale: c.Scale, Nullable: c.Nullable, Min: c.Min, Max: c.Max}
}

// keysBeyond counts the keys in rows that one moment counts and another does not, of which all are among the first's: they are not
// how many more the first counts, since a key can have rows of both kinds.
func (p *Plan) keysBeyond(whole, part Moment) Moment {
	out := Moment{Op: CountKeys, Expr: p.key()}
	beyond := &Expr{Op: OpConstant, Value: NewBoolean(false), Kind: Boolean}
	if part.Filter != nil {
		beyond = &Expr{Op: OpNot, Kind: Boolean, Args: []*Expr{{Op: OpIsTrue, Kind: Boolean, Args: []*Expr{part.Filter}}}}
	}
	out.Filter = conjunction(whole.Filter, []*Expr{beyond})
	return out
}

// mayJoin refuses a joined question under rules that are about the rows of one table.
func (p *Plan) mayJoin(d Disclosure) error {
	if p.Join == nil {
		return nil
	}
	if err := p.notLimbs(); err != nil {
		return err
	}
	if rule := d.AgainstJoins(); rule != "" {
		return refuse(CodePolicy, 0, "by the departments' rule %s, which is about the rows of one table, a question that joins tables is not answered", rule)
	}
	if d.Screens() && p.person() < 0 {
		return refuse(CodePolicy, 0, "by the departments' rules counts are screened, and no one column joins all the tables by whose values they could be counted")
	}
	return nil
}

// AgainstJoins is the first of the rules under which no question that joins tables is answered; "" if there is none. A row can
// stand in many joined ones, so that what these rules say of a row would not hold. README section 19.3.
func (d Disclosure) AgainstJoins() string {
	for _, rule := range []struct {
		name string
		set  bool
	}{{ruleEpsilon, d.Epsilon > 0}, {rulePerturbed, d.Perturbed > 0}, {ruleRound, d.Base > 0},
		{ruleDominance, d.DominanceCount > 0}, {ruleRatio, d.RatioPerMille > 0}} {
		if rule.set {
			return rule.name
		}
	}
	return ""
}

// registration is the joined table of a department, of whose tables these are the registrations, in their order. columns are
// those of the joined table's name.
func (j *Join) registration(own []Registration, name string, columns []Column) (Registration, error) {
	rows := j.mostRows(own)
	if rows.Cmp(big.NewInt(MaxRows)) > 0 {
		return Registration{}, hinted(refuse(CodeOverflow, 0, "the joined table of %s can have %s rows by what is registered; at most %d are allowed", own[0].Department, rows, int64(MaxRows)),
			"a department declares the key of a table in node.toml: where no two rows have the same, each row is joined with one of it at most")
	}
	var digests [][]byte
	for i := range own {
		digests = append(digests, own[i].Digest[:])
	}
	r := Registration{Department: own[0].Department, Table: name, Rows: rows.Int64(), Digest: Hash("parley joined table 1", append(digests, Marshal(j.Keys))...)}
	for i, c := range j.Columns {
		column := own[c.Table].Columns[columnByName(own[c.Table].Columns, c.Name)]
		column.Name = columns[i].Name
		r.Columns = append(r.Columns, column)
	}
	return r, nil
}

// mostRows is how many rows a department's joined table has at most: from whichever table one begins, each row is joined
// with so many of the next as have one key.
func (j *Join) mostRows(own []Registration) *big.Int {
	var least *big.Int
	for first := range own {
		rows, placed := big.NewInt(own[first].Rows), make([]bool, len(own))
		placed[first] = true
		for n := 1; n < len(own); {
			before := n
			for t := range own {
				if by := j.joins(t, placed); !placed[t] && len(by) > 0 {
					rows.Mul(rows, big.NewInt(mostEqual(&own[t], by)))
					placed[t] = true
					n++
				}
			}
			if n == before { // the binder has refused it
				break
			}
		}
		if least == nil || rows.Cmp(least) < 0 {
			least = rows
		}
	}
	return least
}

// joins are the columns of a table by which it is joined with those that are placed.
func (j *Join) joins(table int, placed []bool) (by []string) {
	for _, key := range j.Keys {
		if slices.ContainsFunc(key, func(c int) bool { return placed[j.Columns[c].Table] }) {
			for _, c := range key {
				if j.Columns[c].Table == table {
					by = append(by, j.Columns[c].Name)
				}
			}
		}
	}
	return by
}

// mostEqual is how many rows of a table have the same values in columns at most, by its declared key.
func mostEqual(r *Registration, columns []string) int64 {
	key := r.Quality.Key
	if len(key) == 0 || slices.ContainsFunc(key, func(name string) bool { return !slices.Contains(columns, name) }) {
		return r.Rows
	}
	most := min(r.Rows, max(1, r.Quality.Duplicates))
	if limit := r.Quality.MostOfKey(); limit > 0 {
		most = min(most, limit)
	}
	return most
}

// explainTables are the tables that a contributor joins; nil where there is one.
func (p *Plan) explainTables(department string) (out []ExplainedTable) {
	if p.Join == nil {
		return nil
	}
	for _, r := range p.Join.Catalogue {
		if r.Department == department {
			out = append(out, ExplainedTable{r.Table, r.Rows, r.Version, r.Digest})
		}
	}
	return out
}

// explainKeys are the columns by which tables are joined.
func (p *Plan) explainKeys() (out []ExplainedKey) {
	if p.Join == nil {
		return nil
	}
	for _, key := range p.Join.Keys {
		k := ExplainedKey{Family: p.Schema.Columns[key[0]].Colocated}
		for _, c := range key {
			k.Columns = append(k.Columns, p.Schema.Columns[c].Name)
			if p.Schema.Columns[c].Colocated != k.Family {
				k.Family = ""
			}
		}
		out = append(out, k)
	}
	return out
}

// promise is what the join rests on.
func (k ExplainedKey) promise() string {
	if k.Family == "" {
		return ""
	}
	return fmt.Sprintf(", each department's rows by themselves: all declare that no value of %s stands at two of them, and rows of two that match are not counted", quote(k.Family))
}
