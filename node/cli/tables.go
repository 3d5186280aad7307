package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"parley/datasets/files"
	"parley/engine"
	"parley/node/config"
	"parley/node/failure"
)

const maxDepartmentName = 64 // characters of a name made from a file's

// source is one department as `try` and `explain` take it from the command line: a name, and its file of each table.
type source struct {
	Name   string
	Tables []config.Table
	// Persons are the ids of its tables whose persons other departments know too, of all tables together: for so many it draws tokens at most.
	Persons int64
}

// parseTables reads the values of --table, "name=file,file,...". A file may have its department's name before it, as in
// police:register.csv, and then several of one table may be of one department. The i-th of a table's other files
// belongs to the i-th department that is named after its file of the first table with such files. A file may be a glob; its matches
// come in sorted order. reading, which says how files are read, applies to all. No file is opened.
func parseTables(values []string, reading config.Table) ([]source, error) {
	if len(values) == 0 {
		return nil, failure.Usage("table", `for example --table heart=cleveland.csv,hungary.csv`,
			"no table: --table NAME=FILE,FILE,... is needed, each file one department's")
	}
	var sources []source
	var plain []string // the departments that are named after files
	first, seen := "", map[string]bool{}
	for _, value := range values {
		name, list, found := strings.Cut(value, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" {
			return nil, failure.Usage("table", "write --table NAME=FILE,FILE,...", "--table %q names no table", value)
		}
		if seen[name] {
			return nil, failure.Usage("table", "give all its files in one --table, separated by commas",
				"--table %s is given twice", name)
		}
		seen[name] = true
		files, owners, err := tableFiles(name, list)
		if err != nil {
			return nil, err
		}
		unowned := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return owners[f] != "" })
		if plain == nil && len(unowned) > 0 {
			first, plain = name, departmentNames(unowned)
		}
		if len(unowned) != len(plain) && len(unowned) > 0 {
			return nil, failure.Usage("table", "the first file of each table belongs to the first department, and so on; DEPARTMENT:FILE says whose it is",
				"table %q has %d files and table %q has %d: each department needs one of each",
				first, len(plain), name, len(unowned))
		}
		for _, file := range files {
			owner := owners[file]
			if owner == "" {
				owner = plain[slices.Index(unowned, file)]
			}
			sources = give(sources, owner, name, file, reading)
		}
	}
	return sources, nil
}

// give adds a file to a department's table.
func give(sources []source, department, name, file string, reading config.Table) []source {
	at := slices.IndexFunc(sources, func(s source) bool { return s.Name == department })
	if at < 0 {
		at, sources = len(sources), append(sources, source{Name: department})
	}
	if table := sources[at].table(name); table != nil {
		table.Files = append(table.Files, file)
		return sources
	}
	reading.Name, reading.Files = name, []string{file}
	sources[at].Tables = append(sources[at].Tables, reading)
	return sources
}

// table is a department's of this name, or nil.
func (s *source) table(name string) *config.Table {
	for i := range s.Tables {
		if s.Tables[i].Name == name {
			return &s.Tables[i]
		}
	}
	return nil
}

// keys is what --key, --colocated and --spine say of tables.
type keys struct {
	column    string            // of all tables that have it; "": --key names none
	of        map[string]string // of single tables
	colocated bool
	// spine is the table whose keys are the list of persons, and its department; the zero Spine: --spine names none.
	spine engine.Spine
}

// parseKeys reads the values of --key, COLUMN or TABLE=COLUMN, and takes --spine, of which the department is the one that holds the table.
func parseKeys(values []string, colocated bool, spine string, sources []source) (k keys, err error) {
	k = keys{of: map[string]string{}, colocated: colocated}
	for _, value := range values {
		table, column, found := strings.Cut(value, "=")
		if !found || len(tablesNamed(sources, table)) == 0 {
			table, column = "", value
		}
		switch {
		case column == "":
			return k, failure.Usage("key", "write --key COLUMN, or --key TABLE=COLUMN", "--key %q names no column", value)
		case table == "" && k.column != "", k.of[table] != "":
			return k, failure.Usage("key", "--key TABLE=COLUMN is of one table", "--key is given twice, %q the second time", value)
		case table == "":
			k.column = column
		default:
			k.of[table] = column
		}
	}
	switch none := len(values) == 0; {
	case none && colocated:
		return k, failure.Usage("colocated", "write --key COLUMN beside it", "--colocated is of a key, and --key names none")
	case none && spine != "":
		return k, failure.Usage("spine", "write --key COLUMN beside it", "--spine %s lists persons by a key, and --key names none", spine)
	case colocated && spine != "":
		return k, failure.Usage("spine", "leave out --colocated", "--colocated says that no value of the key stands at two departments, and --spine that they do")
	case spine == "":
		return k, nil
	}
	var holders []string
	for i := range sources {
		if sources[i].table(spine) != nil {
			holders = append(holders, sources[i].Name)
		}
	}
	switch {
	case len(holders) == 0:
		return k, failure.Usage("spine", "the tables are "+strings.Join(tableNames(sources), ", "), "--spine %s: no --table has that name", spine)
	case len(holders) > 1:
		return k, failure.Usage("spine", "name a table of which one department has all: --table NAME=DEPARTMENT:FILE,DEPARTMENT:FILE gives several files to one",
			"--spine %s: the spine is one department's list of persons, and %s hold the table", spine, strings.Join(holders, ", "))
	case len(sources) == 1:
		return k, failure.Usage("spine", "DEPARTMENT:FILE says whose a file is", "--spine is of persons whom several departments know, and all files are %s's", holders[0])
	}
	k.spine = engine.Spine{Table: spine, Department: holders[0]}
	return k, nil
}

// give declares the keys of the tables, and with a spine whose persons they name. Their descriptions, by source and table, say so too.
func (k keys) give(ctx context.Context, sources []source, read [][]tableDescription) error {
	found := map[string]bool{}
	for i, s := range sources {
		for j := range s.Tables {
			t := &s.Tables[j]
			column, own := k.of[t.Name]
			if !own {
				column = k.column
			}
			columns := read[i][j].registration.Columns
			at := slices.IndexFunc(columns, func(c engine.Column) bool { return c.Name == column })
			switch {
			case at < 0 && own:
				return failure.Usage("key", "", "--key %s=%s: the table has no such column at department %s", t.Name, column, s.Name)
			case at < 0 && t.Name == k.spine.Table:
				return failure.Usage("key", "--key TABLE=COLUMN names another column of one table", "--spine %s lists persons by a key, and the table has no column %q", t.Name, column)
			case at < 0:
				continue
			}
			found[column], t.Key, t.Colocated = true, []string{column}, k.colocated
			if k.colocated && columns[at].Colocated == "" {
				columns[at].Colocated = column
			}
			if k.spine.Table == "" {
				continue
			}
			linkTo(t, k.spine)
			again, err := describeTable(ctx, s.Name, *t, true)
			if err != nil {
				failure := failure.Of(err)
				failure.Department = s.Name
				return failure
			}
			read[i][j] = again
		}
	}
	if k.column != "" && !found[k.column] {
		return failure.Usage("key", "", "--key %s: no table has such a column", k.column)
	}
	return nil
}

// The limits of a table's spine where all files are on this machine, and their owner asks: a list that has few of a table's persons is no attack then.
var leastPlaced, mostChanged = int64(1), int64(100)

// linkTo says that a table's key names persons of a spine, or that its keys are the spine.
func linkTo(t *config.Table, spine engine.Spine) {
	if t.Name == spine.Table {
		t.Spine = true
		return
	}
	t.Of, t.OfDepartment, t.LeastPlaced, t.MostChanged = spine.Table, spine.Department, &leastPlaced, &mostChanged
}

// unlink takes back what linkTo said: the question joins nothing across departments.
func unlink(sources []source) {
	for i := range sources {
		sources[i].Persons = 0
		for j := range sources[i].Tables {
			t := &sources[i].Tables[j]
			t.Spine, t.Of, t.OfDepartment, t.LeastPlaced, t.MostChanged, t.RowsPerPerson, t.RowsPerKey = false, "", "", nil, nil, nil, nil
		}
	}
}

// tableFiles expands the comma-separated files of one table, and says whose they are where that is said; a file that stands in it
// twice would be counted twice.
func tableFiles(table, list string) (paths []string, owners map[string]string, _ error) {
	owners = map[string]string{}
	for _, pattern := range strings.Split(list, ",") {
		pattern = strings.TrimSpace(pattern)
		if pattern == "" {
			continue
		}
		owner, pattern := ownerOf(pattern)
		matches, err := config.Expand(pattern)
		if err != nil {
			return nil, nil, failure.Usage("table", "", "--table %s: %s", table, err)
		}
		for _, file := range matches {
			absolute, err := filepath.Abs(file)
			if err != nil {
				return nil, nil, failure.Unreadable("table", file, err)
			}
			paths = append(paths, absolute)
			owners[absolute] = owner
		}
	}
	if first, second := files.Twice(paths); first == second && first != "" {
		return nil, nil, failure.Usage("table", "", "--table %s: the file %s is given twice", table, first)
	} else if first != "" {
		return nil, nil, failure.Usage("table", "its rows would count twice: leave out one of the two",
			"--table %s: %s and %s are one file", table, first, second)
	}
	if len(paths) == 0 {
		return nil, nil, failure.Usage("table", "each file is one department's", "--table %s has no files: zero departments", table)
	}
	return paths, owners, nil
}

// ownerOf takes a department's name off a file: police:register.csv is the police's. What is a file as it stands has none.
func ownerOf(pattern string) (owner, rest string) {
	owner, rest, found := strings.Cut(pattern, ":")
	if _, err := os.Stat(pattern); !found || err == nil || owner == "" || plainName(owner) != owner {
		return "", pattern
	}
	return owner, rest
}

// departmentNames makes the names of departments from their files: cleveland.csv is cleveland. Where two files have
// one name their folders come in front; what is still equal is numbered.
func departmentNames(paths []string) []string {
	names, count := make([]string, len(paths)), map[string]int{}
	for i, file := range paths {
		names[i] = plainName(fileStem(file))
		count[names[i]]++
	}
	taken := map[string]bool{}
	for i, name := range names {
		if count[name] > 1 {
			name = plainName(filepath.Base(filepath.Dir(paths[i])) + "-" + name)
		}
		for n, stem := 2, name; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", stem, n)
		}
		taken[name] = true
		names[i] = name
	}
	return names
}

func fileStem(file string) string { return files.Stem(filepath.Base(file)) }

// plainName keeps letters, digits, "-", "_" and "."; what else a file name may hold becomes "-".
func plainName(s string) string {
	kept := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, strings.ToValidUTF8(s, "-")))
	kept = kept[:min(len(kept), maxDepartmentName)]
	if name := strings.Trim(string(kept), "-."); name != "" {
		return name
	}
	return "department"
}

// tableNames are the tables that the sources hold, sorted.
func tableNames(sources []source) []string {
	var names []string
	for _, s := range sources {
		for _, t := range s.Tables {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// tablesNamed are the departments' tables of a name.
func tablesNamed(sources []source, name string) (out []*config.Table) {
	for i := range sources {
		if t := sources[i].table(name); t != nil {
			out = append(out, t)
		}
	}
	return out
}
