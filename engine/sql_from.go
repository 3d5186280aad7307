package engine

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// TableOf finds the table of the catalogue that a SQL text is about, so that its holders are
// known before it is planned. Its errors are those of NewPlan as far as it reads the text: up to
// its FROM, an *Error with CodeSyntax, CodeUnsupported or CodeTable. Cost: parsing the text.
func TableOf(sql string, cat Catalogue) (string, error) {
	stmt, _, err := parseQuestion(sql)
	if err != nil {
		return "", err
	}
	b := &binder{text: text(sql), plan: &Plan{}}
	for stmt.Op != pg.SetOperation_SETOP_NONE { // all SELECTs of a UNION ALL ask one table
		if stmt, _, err = b.inlined(stmt.Larg); err != nil {
			return "", err
		}
	}
	if err := b.onlySelect(stmt); err != nil {
		return "", err
	}
	_, err = b.bindTable(stmt.FromClause, cat)
	return b.plan.Table, err
}

// onlySelect refuses clauses that no question has.
func (b *binder) onlySelect(stmt *pg.SelectStmt) error {
	// A set operation has op and larg; larg is refused.
	return b.only(stmt, "target_list", "from_clause", "where_clause", "group_clause", "having_clause",
		"distinct_clause", "sort_clause", "limit_offset", "limit_count", "limit_option", "op")
}

// bindFrom finds the table and the contributors' registrations of it.
func (b *binder) bindFrom(from []*pg.Node, cat Catalogue) error {
	position, err := b.bindTable(from, cat)
	if err != nil {
		return err
	}
	return b.bindRegistrations(cat, position)
}

// bindTable finds the table that FROM names, and its place in the text.
func (b *binder) bindTable(from []*pg.Node, cat Catalogue) (position int, err error) {
	if len(from) != 1 {
		if len(from) > 1 {
			offset, _ := locateIn(from[1].ProtoReflect(), 0)
			position = b.at(offset)
		}
		return 0, hinted(refuse(CodeUnsupported, position, "a query asks exactly one table, named in FROM"), questionForm)
	}
	table := from[0].GetRangeVar()
	if table == nil {
		return 0, b.unsupported(from[0])
	}
	if err := b.only(table, "relname", "schemaname", "inh", "relpersistence", "alias", "location"); err != nil {
		return 0, err
	}
	position = b.at(table.Location)
	if table.Schemaname != "" && table.Schemaname != "public" {
		return 0, hinted(refuse(CodeTable, position, "there is no schema %s", quote(table.Schemaname)), "a table is named by itself, or as public.%s", quote(table.Relname))
	}
	if !table.Inh {
		return 0, refuse(CodeUnsupported, position, "FROM ONLY is not supported: leave out ONLY")
	}
	var tables []string
	for _, r := range cat {
		if len(tables) == 0 || tables[len(tables)-1] != r.Table {
			tables = append(tables, r.Table)
		}
	}
	index := lookup(table.Relname, tables)
	switch {
	case index == -2:
		return 0, hinted(refuse(CodeTable, position, "several tables are called %s but for upper and lower case", quote(table.Relname)),
			"write the exact name in double quotes")
	case index < 0:
		return 0, hinted(refuse(CodeTable, position, "there is no table %s", quote(table.Relname)), "%s", tableHint(table.Relname, tables, cat))
	}
	b.plan.Table, b.alias, b.catalogue = tables[index], tables[index], cat
	if table.Alias != nil {
		if err := b.only(table.Alias, "aliasname"); err != nil {
			return 0, err
		}
		b.alias = table.Alias.Aliasname
	}
	return position, nil
}

func (b *binder) bindRegistrations(cat Catalogue, position int) (err error) {
	for _, department := range b.plan.Departments {
		r := cat.find(b.plan.Table, department)
		if r < 0 {
			return hinted(refuse(CodeTable, position, "department %s holds no table %s", quote(department), quote(b.plan.Table)),
				"ask only departments that hold it")
		}
		b.plan.Registrations = append(b.plan.Registrations, cat[r])
	}
	if b.plan.Schema, err = Merge(b.plan.Registrations); err != nil {
		return err
	}
	for _, c := range b.plan.Schema.Columns {
		b.names = append(b.names, c.Name)
	}
	return nil
}
