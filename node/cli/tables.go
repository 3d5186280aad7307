package cli

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"unicode"

	"parley/datasets/files"
	"parley/node/config"
	"parley/node/failure"
)

const maxDepartmentName = 64 // characters of a name made from a file's

// source is one department as `try` and `explain` take it from the command line: a name, and its file of each table.
type source struct {
	Name   string
	Tables []config.Table
}

// parseTables reads the values of --table, "name=file,file,...": the i-th file of every table belongs to the i-th
// department, which is named after its file of the first table. A file may be a glob; its matches come in sorted
// order. reading, which says how files are read, applies to all. No file is opened.
func parseTables(values []string, reading config.Table) ([]source, error) {
	if len(values) == 0 {
		return nil, failure.Usage("table", `for example --table heart=cleveland.csv,hungary.csv`,
			"no table: --table NAME=FILE,FILE,... is needed, each file one department's")
	}
	var sources []source
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
		files, err := tableFiles(name, list)
		if err != nil {
			return nil, err
		}
		if sources == nil {
			first = name
			for _, department := range departmentNames(files) {
				sources = append(sources, source{Name: department})
			}
		}
		if len(files) != len(sources) {
			return nil, failure.Usage("table", "the first file of each table belongs to the first department, and so on",
				"table %q has %d files and table %q has %d: each department needs one of each",
				first, len(sources), name, len(files))
		}
		for i, file := range files {
			table := reading
			table.Name, table.Files = name, []string{file}
			sources[i].Tables = append(sources[i].Tables, table)
		}
	}
	return sources, nil
}

// tableFiles expands the comma-separated files of one table; a file that stands in it twice would be counted twice.
func tableFiles(table, list string) ([]string, error) {
	var paths []string
	for _, pattern := range strings.Split(list, ",") {
		pattern = strings.TrimSpace(pattern)
		if pattern == "" {
			continue
		}
		matches, err := config.Expand(pattern)
		if err != nil {
			return nil, failure.Usage("table", "", "--table %s: %s", table, err)
		}
		for _, file := range matches {
			absolute, err := filepath.Abs(file)
			if err != nil {
				return nil, failure.Unreadable("table", file, err)
			}
			paths = append(paths, absolute)
		}
	}
	if first, second := files.Twice(paths); first == second && first != "" {
		return nil, failure.Usage("table", "", "--table %s: the file %s is given twice", table, first)
	} else if first != "" {
		return nil, failure.Usage("table", "its rows would count twice: leave out one of the two",
			"--table %s: %s and %s are one file", table, first, second)
	}
	if len(paths) == 0 {
		return nil, failure.Usage("table", "each file is one department's", "--table %s has no files: zero departments", table)
	}
	return paths, nil
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
	for _, t := range sources[0].Tables {
		names = append(names, t.Name)
	}
	sort.Strings(names)
	return names
}
