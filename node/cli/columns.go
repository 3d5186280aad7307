package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"parley/datasets/files"
	"parley/engine"
	"parley/node/config"
	"parley/node/failure"
)

// asideColumns are the columns that were set aside, by table, when the files of all departments were at hand.
type asideColumns map[string][]*files.Error

// add takes what a department set aside; the first reason for a column stands.
func (a asideColumns) add(table string, faults []*files.Error) {
	for _, fault := range faults {
		if a.find(table, fault.Field) == nil {
			a[table] = append(a[table], fault)
		}
	}
}

func (a asideColumns) find(table, column string) *files.Error {
	for _, fault := range a[table] {
		if engine.SameName(fault.Field, column) {
			return fault
		}
	}
	return nil
}

// explain gives a question that names such a column the reason why there is none.
func (a asideColumns) explain(f *failure.Failure) *failure.Failure {
	if f.Code != engine.CodeColumn {
		return f
	}
	for table, faults := range a {
		for _, fault := range faults {
			if !engine.SameName(f.Message, noColumn(table, fault.Field)) {
				continue
			}
			f.Message += ", since it is set aside: " + fault.Error()
			f.Hint = fault.Hint
			return f
		}
	}
	return f
}

// leftColumns are the columns that --columns leaves out, by table.
type leftColumns map[string][]string

// explain gives a question that names such a column the reason why there is none.
func (l leftColumns) explain(f *failure.Failure) *failure.Failure {
	for table, columns := range l {
		for _, column := range columns {
			if f.Code == engine.CodeColumn && engine.SameName(f.Message, noColumn(table, column)) {
				f.Message += ": --columns leaves it out"
				f.Hint = "name it in --columns as well, or leave out --columns"
				return f
			}
		}
	}
	return f
}

// noColumn is what the engine says of a column that a table does not have.
func noColumn(table, column string) string {
	return "table " + strconv.Quote(table) + " has no column " + strconv.Quote(column)
}

// agree leaves out at every department the columns that one of them set aside: those of a table are the same at all.
// read is by source and table.
func agree(ctx context.Context, sources []source, read [][]tableDescription, aside asideColumns) error {
	for i, s := range sources {
		for k, t := range s.Tables {
			var kept []string
			for _, column := range read[i][k].registration.Columns {
				if aside.find(t.Name, column.Name) == nil {
					kept = append(kept, t.InFiles(column.Name))
				}
			}
			switch {
			case len(kept) == 0:
				return aside[t.Name][0]
			case len(kept) == len(read[i][k].registration.Columns):
				continue
			}
			s.Tables[k].Columns = kept
			again, err := describeTable(ctx, s.Name, s.Tables[k], true)
			if err != nil {
				return err
			}
			read[i][k] = again
		}
	}
	return nil
}

// namedColumns reads the values of --columns: "NAME=COLUMN,COLUMN,..." for one of the tables, or only the columns
// where there is one table.
func namedColumns(values []string, sources []source) error {
	for _, value := range values {
		table, list, found := strings.Cut(value, "=")
		table = strings.TrimSpace(table)
		if !found {
			if table, list = sources[0].Tables[0].Name, value; len(tableNames(sources)) > 1 {
				return failure.Usage("columns", "write --columns NAME=COLUMN,COLUMN,...", "--columns %q: there are several tables", value)
			}
		}
		var columns []string
		for _, name := range strings.Split(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				columns = append(columns, name)
			}
		}
		if len(columns) == 0 {
			return failure.Usage("columns", "", "--columns %q names no column", value)
		}
		held := tablesNamed(sources, table)
		if len(held) == 0 {
			return failure.Usage("columns", "", "--columns %q: no --table has the name %q", value, table)
		}
		for _, t := range held {
			if t.Columns != nil {
				return failure.Usage("columns", "", "--columns is given twice for table %q", table)
			}
			t.Columns = columns
		}
	}
	return nil
}

// declaredColumns reads the values of --column, which are about the table at every department.
func declaredColumns(values []string, sources []source) error {
	names := tableNames(sources)
	for _, value := range values {
		table, column, problem := config.ParseColumn(value, names)
		if problem != nil {
			return problem
		}
		for _, t := range tablesNamed(sources, table) {
			if slices.ContainsFunc(t.Declared, func(c config.FileColumn) bool { return c.Name == column.Name }) {
				return failure.Usage("column", "give all that is said of it in one --column", "--column is given twice for column %q of table %q", column.Name, table)
			}
			t.Declared = append(t.Declared, column)
		}
	}
	return nil
}
