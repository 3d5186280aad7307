package cli

import (
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

// keys is what --key says, of one department's tables.
type keys struct {
	column    []string
	colocated bool
}

// withoutKeys takes away what --key says, which is of those tables that have the column.
func withoutKeys(sources []source) (out keys) {
	for _, s := range sources {
		for i := range s.Tables {
			t := &s.Tables[i]
			out = keys{t.Key, t.Colocated}
			t.Key, t.Colocated = nil, false
		}
	}
	return out
}

// give declares the key of those of the tables that have the column. Their registrations, by source and table, say so too.
func (k keys) give(sources []source, read [][]tableDescription) error {
	if len(k.column) == 0 {
		return nil
	}
	found := false
	for i, s := range sources {
		for j := range s.Tables {
			columns := read[i][j].registration.Columns
			at := slices.IndexFunc(columns, func(c engine.Column) bool { return c.Name == k.column[0] })
			if at < 0 {
				continue
			}
			found, s.Tables[j].Key, s.Tables[j].Colocated = true, k.column, k.colocated
			if k.colocated && columns[at].Colocated == "" {
				columns[at].Colocated = k.column[0]
			}
		}
	}
	if !found {
		return failure.Usage("key", "", "--key %s: no table has such a column", k.column[0])
	}
	return nil
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
