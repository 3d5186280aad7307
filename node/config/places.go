package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"parley/datasets/files"
	"parley/node/failure"
)

// places are the lines of a node.toml on which its keys and the entries of its lists stand:
// "peers", "peers[2]", "table[0]", "table[0].files[1]", counted from 0.
type places map[string]int

// placesIn finds them. twice is the first key that is set a second time, at the line of that.
func placesIn(text []byte) (found places, twice string) {
	found = places{}
	tables := map[string]int{}
	prefix := ""
	var p unstable.Parser
	p.Reset(text)
	line := func(n *unstable.Node) int { return bytes.Count(text[:n.Raw.Offset], []byte{'\n'}) + 1 }
	set := func(path string, at int) {
		if found[path] != 0 && twice == "" {
			twice = path
		}
		found[path] = at
	}
	var keyValue func(prefix string, n *unstable.Node)
	keyValue = func(prefix string, n *unstable.Node) {
		path, at := keyOf(prefix, n.Key()), line(n.Value().Next())
		set(path, at)
		entries := n.Value().Children()
		switch n.Value().Kind {
		case unstable.InlineTable:
			for entries.Next() {
				keyValue(path+".", entries.Node())
			}
		case unstable.Array:
			for i := 0; entries.Next(); i++ {
				entry := fmt.Sprintf("%s[%d]", path, i)
				if entries.Node().Kind == unstable.InlineTable {
					set(entry, line(entries.Node()))
					for fields := entries.Node().Children(); fields.Next(); {
						keyValue(entry+".", fields.Node())
					}
				} else if entries.Node().Raw.Length > 0 {
					set(entry, line(entries.Node()))
				}
			}
		}
	}
	for p.NextExpression() && twice == "" {
		switch n := p.Expression(); n.Kind {
		case unstable.KeyValue:
			keyValue(prefix, n)
		case unstable.Table, unstable.ArrayTable:
			path := tableOf(n.Key(), tables)
			if n.Kind == unstable.ArrayTable {
				tables[path]++
				path = fmt.Sprintf("%s[%d]", path, tables[path]-1)
			}
			set(path, line(n.Child()))
			prefix = path + "."
		}
	}
	return found, twice
}

func keyOf(prefix string, key unstable.Iterator) string {
	var parts []string
	for key.Next() {
		parts = append(parts, string(key.Node().Data))
	}
	return prefix + strings.Join(parts, ".")
}

// tableOf is the path of a table's header, in which the last entries of the lists above it stand:
// table.column is table[1].column in the second table.
func tableOf(key unstable.Iterator, entries map[string]int) string {
	path := ""
	for key.Next() {
		if n := entries[path]; n > 0 {
			path = fmt.Sprintf("%s[%d]", path, n-1)
		}
		if path != "" {
			path += "."
		}
		path += string(key.Node().Data)
	}
	return path
}

// of is the line of a path, or of what it is in; 0 where none of it is in the file.
func (p places) of(path string) int {
	for path != "" {
		if line := p[path]; line > 0 {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// Fault is an error about a key of the configuration, with the file and the line where there is a
// file. A path is as in places.
func (c Config) Fault(path string, err error) error {
	if err == nil {
		return nil
	}
	f := &failure.Failure{Code: "config", Message: err.Error(), File: c.Path, Line: c.places.of(path),
		Column: indexes.ReplaceAllString(path, ""), Status: failure.StatusUsage, Cause: err}
	if c.Path == "" {
		f.Line = 0
	}
	return f
}

// EntryFault is Fault of an entry of a list, counted from 0.
func (c Config) EntryFault(list string, i int, err error) error {
	return c.Fault(fmt.Sprintf("%s[%d]", list, i), fmt.Errorf("%s: entry %d: %w", list, i+1, err))
}

// TableFault is an error about a table of the configuration. What is wrong with a row has its place
// in the data; what is wrong with a file as a whole, or with how it is to be read, is put at its line here.
func (c Config) TableFault(i int, err error) error {
	table := fmt.Sprintf("table[%d]", i)
	var file *files.Error
	if !errors.As(err, &file) {
		return c.Fault(table, fmt.Errorf("table %s: %w", c.Tables[i].Name, err))
	}
	if file.Line > 0 || file.Row > 0 {
		return fmt.Errorf("table %s: %w", c.Tables[i].Name, err)
	}
	path := table + ".files"
	if source := c.Tables[i].Source; source.Source != "" {
		if path = table + ".source"; file.File == source.PasswordFile {
			path = table + ".password_file"
		}
	}
	if file.Field != "" && len(c.Tables[i].Columns) > 0 {
		path = table + ".columns"
	}
	for k, column := range c.Tables[i].Declared {
		if column.Name == file.Field {
			path = fmt.Sprintf("%s.column[%d]", table, k)
		}
	}
	plain := *file
	plain.Hint = ""
	fault := c.Fault(path, fmt.Errorf("table %s: %w", c.Tables[i].Name, &plain)).(*failure.Failure)
	fault.Hint, fault.Cause = file.Hint, err
	return fault
}
