package engine

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// TablesOf finds the tables of the catalogue that a SQL text is about, ascending, so that their holders are
// known before it is planned. Its errors are those of NewPlan as far as it reads the text: up to
// its FROM, an *Error with CodeSyntax, CodeUnsupported or CodeTable. Cost: parsing the text.
func TablesOf(sql string, cat Catalogue) ([]string, error) {
	stmt, _, err := parseQuestion(sql)
	if err != nil {
		return nil, err
	}
	b := &binder{text: text(sql), plan: &Plan{}}
	for stmt.Op != pg.SetOperation_SETOP_NONE { // all SELECTs of a UNION ALL ask the same tables
		if stmt, _, err = b.inlined(stmt.Larg); err != nil {
			return nil, err
		}
	}
	if err := b.onlySelect(stmt); err != nil {
		return nil, err
	}
	if err := b.bindTables(stmt, cat); err != nil {
		return nil, err
	}
	return b.tables(), nil
}

// onlySelect refuses clauses that no question has.
func (b *binder) onlySelect(stmt *pg.SelectStmt) error {
	// A set operation has op and larg; larg is refused.
	return b.only(stmt, "target_list", "from_clause", "where_clause", "group_clause", "having_clause",
		"distinct_clause", "sort_clause", "limit_offset", "limit_count", "limit_option", "op")
}

// fromTable is a table that FROM names.
type fromTable struct {
	name, alias string
	position    int
	columns     []int // its places in the schema, once it is made
}

// bindFrom finds the tables and the contributors' registrations of them.
func (b *binder) bindFrom(stmt *pg.SelectStmt, cat Catalogue) error {
	if err := b.bindTables(stmt, cat); err != nil {
		return err
	}
	switch {
	case b.semi != nil:
		return b.bindSemiJoin()
	case len(b.from) > 1:
		return b.bindJoin(stmt.FromClause[0].GetJoinExpr())
	}
	return b.bindRegistrations()
}

// bindTables finds the tables that FROM names, and the one that a subquery of WHERE does, and their places in the text.
func (b *binder) bindTables(stmt *pg.SelectStmt, cat Catalogue) (err error) {
	from := stmt.FromClause
	if b.semi, err = b.membershipIn(stmt.WhereClause); err != nil {
		return err
	}
	switch {
	case len(from) == 0:
		return hinted(refuse(CodeUnsupported, 0, "a question asks a table, named in FROM"), questionForm)
	case len(from) > 1:
		offset, _ := locateIn(from[1].ProtoReflect(), 0)
		return hinted(refuse(CodeUnsupported, b.at(offset), "tables beside each other in FROM are not supported: each row would be joined with each"), joinForm)
	}
	b.catalogue = cat
	if err := b.bindSide(from[0]); err != nil {
		return err
	}
	if b.semi != nil {
		if err := b.bindSelected(); err != nil {
			return err
		}
	}
	b.plan.Table = joinedName(b.tables())
	return nil
}

// tables are the names of FROM's, ascending.
func (b *binder) tables() (out []string) {
	for _, t := range b.from {
		out = append(out, t.name)
	}
	slices.Sort(out)
	return out
}

// bindSide takes the tables of an entry of FROM: one, or those of a join.
func (b *binder) bindSide(node *pg.Node) error {
	if j := node.GetJoinExpr(); j != nil {
		return b.bindSides(j)
	}
	table := node.GetRangeVar()
	if table == nil {
		return b.unsupported(node)
	}
	if err := b.only(table, "relname", "schemaname", "inh", "relpersistence", "alias", "location"); err != nil {
		return err
	}
	position := b.at(table.Location)
	if table.Schemaname != "" && table.Schemaname != "public" {
		return hinted(refuse(CodeTable, position, "there is no schema %s", quote(table.Schemaname)), "a table is named by itself, or as public.%s", quote(table.Relname))
	}
	if !table.Inh {
		return refuse(CodeUnsupported, position, "FROM ONLY is not supported: leave out ONLY")
	}
	var tables []string
	for _, r := range b.catalogue {
		if len(tables) == 0 || tables[len(tables)-1] != r.Table {
			tables = append(tables, r.Table)
		}
	}
	index := lookup(table.Relname, tables)
	switch {
	case index == -2:
		return hinted(refuse(CodeTable, position, "several tables are called %s but for upper and lower case", quote(table.Relname)),
			"write the exact name in double quotes")
	case index < 0:
		return hinted(refuse(CodeTable, position, "there is no table %s", quote(table.Relname)), "%s", tableHint(table.Relname, tables, b.catalogue))
	}
	t := fromTable{name: tables[index], alias: tables[index], position: position}
	if table.Alias != nil {
		if err := b.only(table.Alias, "aliasname"); err != nil {
			return err
		}
		t.alias = table.Alias.Aliasname
	}
	return b.addTable(t)
}

// addTable takes one more table.
func (b *binder) addTable(t fromTable) error {
	for _, other := range b.from {
		switch {
		case other.alias == t.alias:
			return hinted(refuse(CodeTable, t.position, "table name %s is specified more than once", quote(t.alias)), "give each table an alias of its own")
		case other.name == t.name:
			return hinted(refuse(CodeUnsupported, t.position, "table %s is joined with itself, which is not supported", quote(t.name)), "a question joins different tables")
		}
	}
	if b.from = append(b.from, t); len(b.from) > MaxJoined {
		return refuse(CodeLimit, t.position, "a question joins at most %d tables", MaxJoined)
	}
	return nil
}

// registrationsOf are the contributors' registrations of a table.
func (b *binder) registrationsOf(t fromTable) (out []Registration, err error) {
	for _, department := range b.plan.Departments {
		r := b.catalogue.find(t.name, department)
		if r < 0 {
			return nil, notHeld(department, t)
		}
		out = append(out, b.catalogue[r])
	}
	return out, nil
}

func notHeld(department string, t fromTable) *Error {
	return hinted(refuse(CodeTable, t.position, "department %s holds no table %s", quote(department), quote(t.name)), "ask only departments that hold it")
}

func (b *binder) bindRegistrations() (err error) {
	if b.plan.Registrations, err = b.registrationsOf(b.from[0]); err != nil {
		return err
	}
	if b.plan.Schema, err = Merge(b.plan.Registrations); err != nil {
		return err
	}
	for i, c := range b.plan.Schema.Columns {
		b.names, b.from[0].columns = append(b.names, c.Name), append(b.from[0].columns, i)
	}
	b.in = b.scopeOf(0)
	return nil
}
